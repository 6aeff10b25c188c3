//! The directory of the store: small files written atomically, a temporary area that does not outlive its process,
//! and a lock between those who add and those who collect.
//!
//! ```text
//! blobs/sha256/HEX      configurations of images
//! layers/HEX/fs         an unpacked layer, by chain id; HEX/layer.json says what it is
//! refs/HEX.json         one reference (HEX is the digest of its text) and the image it stands for
//! tmp/                  a locked directory for each process that has the store open
//! lock                  shared: someone adds; exclusive: someone collects
//! ```

use crate::digest::Digest;
use crate::error::StoreError;
use agent_host::remove_tree;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Largest configuration of an image that is read, in bytes.
pub(crate) const MAX_CONFIG_BYTES: u64 = 8 << 20;

#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    tmp: PathBuf,
    /// Holds the lock on `tmp`: whoever can take it knows that its process is gone.
    _tmp_lock: File,
    serial: AtomicU64,
}

impl Disk {
    pub(crate) fn open(root: &Path) -> Result<Disk, StoreError> {
        let failed = |source| StoreError::new("open the image store", root, source);
        // Layers have setuid programs and device nodes that are nobody's business outside of containers.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(failed)?;
        for part in ["blobs/sha256", "layers", "refs", "tmp"] {
            fs::create_dir_all(root.join(part)).map_err(failed)?;
        }
        let (tmp, tmp_lock) = claim_tmp(&root.join("tmp")).map_err(failed)?;
        Ok(Disk { root: root.to_owned(), tmp, _tmp_lock: tmp_lock, serial: AtomicU64::new(0) })
    }

    pub(crate) fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    pub(crate) fn refs(&self) -> PathBuf {
        self.root.join("refs")
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    /// A name in the temporary area that no one else uses.
    pub(crate) fn tmp_path(&self) -> PathBuf {
        self.tmp.join(self.serial.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// A file without a name: it goes when it is closed, however that happens.
    pub(crate) fn tmp_file(&self) -> io::Result<File> {
        let path = self.tmp_path();
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        fs::remove_file(&path)?;
        Ok(file)
    }

    /// Writes a file so that it is there with this content, or not at all. It is durable when this answers.
    pub(crate) fn write_file(&self, path: &Path, content: &[u8]) -> Result<(), StoreError> {
        let tmp = self.tmp_path();
        (|| {
            let mut file = File::create_new(&tmp)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&tmp, path)?;
            sync_parent(path)
        })()
        .map_err(|source| StoreError::new("write", path, source))
    }

    /// Stores a configuration under its digest.
    pub(crate) fn write_blob(&self, content: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(content);
        if self.read_blob(&digest)?.is_none() {
            self.write_file(&self.blobs().join(digest.hex()), content)?;
        }
        Ok(digest)
    }

    /// `None` when it is missing, or is not what its name says.
    pub(crate) fn read_blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.blobs().join(digest.hex());
        Ok(read_bounded(&path, MAX_CONFIG_BYTES)?.filter(|content| Digest::of(content) == *digest))
    }

    /// Keeps the collector away until the file is closed.
    pub(crate) fn lock_shared(&self) -> Result<File, StoreError> {
        self.lock_file(File::lock_shared)
    }

    /// `None` while anyone adds.
    pub(crate) fn try_lock_exclusive(&self) -> Result<Option<File>, StoreError> {
        let mut busy = false;
        let file = self.lock_file(|file| match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                busy = true;
                Ok(())
            }
            Err(TryLockError::Error(source)) => Err(source),
        })?;
        Ok((!busy).then_some(file))
    }

    fn lock_file(&self, lock: impl FnOnce(&File) -> io::Result<()>) -> Result<File, StoreError> {
        let path = self.root.join("lock");
        File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .and_then(|file| lock(&file).map(|()| file))
            .map_err(|source| StoreError::new("lock", &path, source))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What stays is swept by the next one to open the store.
        let _ = remove_tree(&self.tmp);
    }
}

/// Reads a file of at most `max` bytes; `None` when there is none.
pub(crate) fn read_bounded(path: &Path, max: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let read = || {
        let file = File::open(path)?;
        if file.metadata()?.len() > max {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is too large"));
        }
        fs::read(path)
    };
    match read() {
        Ok(content) => Ok(Some(content)),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::new("read", path, source)),
    }
}

/// Makes renames in the parent directory durable.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Sweeps what dead processes left and makes a directory for this one. The lock on `tmp` itself makes it atomic.
fn claim_tmp(tmp: &Path) -> io::Result<(PathBuf, File)> {
    let guard = File::open(tmp)?;
    guard.lock()?;
    for entry in fs::read_dir(tmp)? {
        let path = entry?.path();
        let directory = match File::open(&path) {
            // Its owner has just tidied up.
            Err(source) if source.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        match directory.try_lock() {
            Ok(()) => remove_tree(&path)?,
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(source),
        }
    }
    let pid = std::process::id();
    let mut serial = 0_u64;
    loop {
        let path = tmp.join(format!("{pid}-{serial}"));
        match fs::create_dir(&path) {
            Ok(()) => {
                let lock = File::open(&path)?;
                lock.lock()?;
                return Ok((path, lock));
            }
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => serial += 1,
            Err(source) => return Err(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_temporary_files_of_dead_processes_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let first = Disk::open(dir.path()).unwrap();
        fs::write(first.tmp_path(), "in flight").unwrap();
        fs::create_dir_all(dir.path().join("tmp/1-0/deep/er")).unwrap();
        let second = Disk::open(dir.path()).unwrap();
        assert!(!dir.path().join("tmp/1-0").exists(), "its process is gone");
        assert!(first.tmp.join("0").exists(), "its process lives");
        drop(first);
        assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 1);
        drop(second);
    }

    #[test]
    fn a_damaged_blob_is_as_good_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::open(dir.path()).unwrap();
        let digest = disk.write_blob(b"content").unwrap();
        assert_eq!(disk.read_blob(&digest).unwrap().as_deref(), Some(&b"content"[..]));
        fs::write(disk.blobs().join(digest.hex()), "changed").unwrap();
        assert_eq!(disk.read_blob(&digest).unwrap(), None);
        disk.write_blob(b"content").unwrap();
        assert!(disk.read_blob(&digest).unwrap().is_some());
    }

    #[test]
    fn collecting_waits_for_those_who_add() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::open(dir.path()).unwrap();
        let adding = [disk.lock_shared().unwrap(), disk.lock_shared().unwrap()];
        assert!(disk.try_lock_exclusive().unwrap().is_none());
        drop(adding);
        assert!(disk.try_lock_exclusive().unwrap().is_some());
    }
}
