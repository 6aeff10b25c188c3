//! `wharf/hello`: an image that is there from the start, so that a first task needs no network.

use crate::digest::Digest;
use crate::error::LoadError;
use crate::layer::chain;
use crate::reference::normalize;
use crate::store::ImageStore;
use crate::tarball::{TarEntry, tarball};
use std::io;

/// Its reference. Its only program acts by its first argument: `echo`, `sleep`, `false`, `true` or `serve`.
pub const HELLO: &str = "wharf/hello:latest";

/// Its program, a static executable; compiled from `hello/main.rs` by the build script.
pub const HELLO_PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hello"));

impl ImageStore {
    /// Makes sure that this build's [`HELLO`] is in the store.
    pub fn ensure_builtin(&self) -> Result<(), LoadError> {
        let inner = &self.0;
        let archive = hello_layer().map_err(|source| LoadError::Read { path: HELLO.into(), source })?;
        let diff_id = Digest::of(&archive);
        let config = serde_json::json!({
            "architecture": inner.platform.architecture(),
            "os": "linux",
            "config": { "Entrypoint": ["/hello"], "Env": ["PATH=/bin"], "WorkingDir": "/" },
            "rootfs": { "type": "layers", "diff_ids": [diff_id.as_str()] },
        })
        .to_string();
        let reference = normalize(HELLO).map_err(|error| LoadError::Name(error.0))?.whole();
        if let Some((record, _)) = inner.find(&reference)?
            && record.id == Digest::of(config.as_bytes())
        {
            return Ok(());
        }
        let _adding = inner.disk.lock_shared()?;
        inner.disk.add_layer(&chain(&[diff_id]), archive.as_slice(), inner.limits)?;
        inner.publish(reference, config.as_bytes(), None, true)?;
        Ok(())
    }
}

fn hello_layer() -> io::Result<Vec<u8>> {
    let mut entries = vec![TarEntry::File("hello", HELLO_PROGRAM, 0o755), TarEntry::Directory("bin", 0o755)];
    entries.extend(
        ["bin/echo", "bin/sleep", "bin/false", "bin/true", "bin/serve"]
            .map(|path| TarEntry::Symlink(path, "/hello")),
    );
    entries.extend([
        TarEntry::Directory("tmp", 0o1777),
        TarEntry::Directory("etc", 0o755),
        TarEntry::File(
            "etc/passwd",
            b"root:x:0:0:root:/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n",
            0o644,
        ),
        TarEntry::File("etc/group", b"root:x:0:\nnogroup:x:65534:\n", 0o644),
    ]);
    tarball(&entries)
}
