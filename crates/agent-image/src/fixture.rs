//! Images made from lists of files, for tests. Nothing of it is in a release.

pub use crate::tarball::{TarEntry, tarball};

use crate::digest::Digest;
use crate::manifest::Platform;
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// How layers are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Plain tar.
    Plain,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

/// An image to be written.
#[derive(Clone, Debug)]
pub struct FixtureImage {
    /// Its name in archives.
    pub reference: String,
    /// `Entrypoint`.
    pub entrypoint: Vec<String>,
    /// `Cmd`.
    pub cmd: Vec<String>,
    /// `Env`.
    pub env: Vec<String>,
    /// Of its configuration; the host's at first.
    pub architecture: String,
    /// Uncompressed archives, the lowest first.
    pub layers: Vec<Vec<u8>>,
    /// How layouts have the layers.
    pub packing: Packing,
}

/// A blob with its digest.
#[derive(Clone, Debug)]
pub struct Blob {
    /// `sha256:…`.
    pub digest: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

impl Blob {
    /// Names some bytes.
    pub fn new(content: Vec<u8>) -> Blob {
        Blob { digest: Digest::of(&content).to_string(), content }
    }

    /// How manifests speak of it.
    pub fn descriptor(&self, media_type: &str) -> Value {
        json!({ "mediaType": media_type, "digest": self.digest, "size": self.content.len() })
    }

    fn hex(&self) -> &str {
        self.digest.trim_start_matches("sha256:")
    }
}

/// An image as a registry or a layout has it.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The image's manifest.
    pub manifest: Blob,
    /// The image's configuration.
    pub config: Blob,
    /// The lowest first.
    pub layers: Vec<Blob>,
}

/// Media type of [`Packed::manifest`].
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

impl FixtureImage {
    /// An image without layers.
    pub fn new(reference: &str) -> FixtureImage {
        FixtureImage {
            reference: reference.to_owned(),
            entrypoint: Vec::new(),
            cmd: Vec::new(),
            env: Vec::new(),
            architecture: Platform::of_host().architecture().to_owned(),
            layers: Vec::new(),
            packing: Packing::Gzip,
        }
    }

    /// `hello-world:latest`, made of the host's static busybox: a shell and what it needs to print lines.
    pub fn hello_world(busybox: &Path) -> io::Result<FixtureImage> {
        let program = fs::read(busybox)?;
        let mut entries =
            vec![TarEntry::Directory("bin", 0o755), TarEntry::File("bin/busybox", &program, 0o755)];
        let links = ["bin/sh", "bin/echo", "bin/sleep", "bin/cat", "bin/ls", "bin/env", "bin/id", "bin/wget"];
        entries.extend(links.map(|path| TarEntry::Symlink(path, "busybox")));
        entries.push(TarEntry::Directory("tmp", 0o1777));
        let mut image = FixtureImage::new("hello-world:latest").with_layer(&entries)?;
        image.cmd = vec!["/bin/sh".to_owned()];
        Ok(image)
    }

    /// Adds a layer on top.
    pub fn with_layer(mut self, entries: &[TarEntry<'_>]) -> io::Result<FixtureImage> {
        self.layers.push(tarball(entries)?);
        Ok(self)
    }

    /// Adds a layer with everything below a directory.
    pub fn with_directory(mut self, directory: &Path) -> io::Result<FixtureImage> {
        let mut builder = tar::Builder::new(Vec::new());
        builder.follow_symlinks(false);
        builder.append_dir_all("", directory)?;
        self.layers.push(builder.into_inner()?);
        Ok(self)
    }

    fn config(&self) -> Blob {
        let diff_ids: Vec<String> = self.layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
        let config = json!({
            "architecture": self.architecture,
            "os": "linux",
            "created": "2024-01-02T03:04:05Z",
            "config": { "Entrypoint": self.entrypoint, "Cmd": self.cmd, "Env": self.env },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        Blob::new(config.to_string().into_bytes())
    }

    /// Compresses and describes.
    pub fn pack(&self) -> io::Result<Packed> {
        let config = self.config();
        let layers = self.layers.iter().map(|layer| Ok(Blob::new(pack(layer, self.packing)?)));
        let layers = layers.collect::<io::Result<Vec<_>>>()?;
        let layer_type = match self.packing {
            Packing::Plain => "application/vnd.oci.image.layer.v1.tar",
            Packing::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Packing::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": config.descriptor("application/vnd.oci.image.config.v1+json"),
            "layers": layers.iter().map(|layer| layer.descriptor(layer_type)).collect::<Vec<_>>(),
        });
        Ok(Packed { manifest: Blob::new(manifest.to_string().into_bytes()), config, layers })
    }

    /// Writes an OCI image layout into a directory.
    pub fn write_layout(&self, directory: &Path) -> io::Result<()> {
        let packed = self.pack()?;
        let blobs = directory.join("blobs/sha256");
        fs::create_dir_all(&blobs)?;
        for blob in packed.layers.iter().chain([&packed.config, &packed.manifest]) {
            fs::write(blobs.join(blob.hex()), &blob.content)?;
        }
        let mut entry = packed.manifest.descriptor(MANIFEST_TYPE);
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": self.reference });
        let index = json!({ "schemaVersion": 2, "manifests": [entry] });
        fs::write(directory.join("index.json"), index.to_string())?;
        fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
    }

    /// Writes what `docker save` would write.
    pub fn write_docker_archive(&self, path: &Path) -> io::Result<()> {
        let config = self.config();
        let config_name = format!("{}.json", config.hex());
        let layers: Vec<(String, &[u8])> = self
            .layers
            .iter()
            .map(|layer| (format!("{}/layer.tar", Digest::of(layer).hex()), layer.as_slice()))
            .collect();
        let names: Vec<&str> = layers.iter().map(|(name, _)| name.as_str()).collect();
        let manifest =
            json!([{ "Config": config_name, "RepoTags": [self.reference], "Layers": names }]).to_string();
        let mut entries: Vec<TarEntry<'_>> =
            layers.iter().map(|(name, content)| TarEntry::File(name, content, 0o644)).collect();
        entries.push(TarEntry::File(&config_name, &config.content, 0o644));
        entries.push(TarEntry::File("manifest.json", manifest.as_bytes(), 0o644));
        fs::write(path, tarball(&entries)?)
    }
}

/// Compresses.
pub fn pack(content: &[u8], packing: Packing) -> io::Result<Vec<u8>> {
    match packing {
        Packing::Plain => Ok(content.to_vec()),
        Packing::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(content)?;
            encoder.finish()
        }
        Packing::Zstd => zstd::encode_all(content, 1),
    }
}
