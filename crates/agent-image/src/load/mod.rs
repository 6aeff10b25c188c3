//! Images from archives: OCI layouts and what `docker save` writes.

mod docker;
mod layout;
mod source;

use crate::digest::Digest;
use crate::error::{LayerError, LoadError};
use crate::layer::chain;
use crate::manifest::Config;
use crate::reference::normalize;
use crate::store::ImageStore;
use agent_driver::ImageId;
use source::Source;
use std::io::{self, Read};
use std::path::Path;

/// An image that an archive had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedImage {
    /// Its complete reference.
    pub reference: String,
    /// Its id.
    pub id: ImageId,
    /// Bytes of its files, unpacked.
    pub size_bytes: u64,
}

/// How far a load is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadProgress {
    /// Bytes of layers that were read, as they are in the archive.
    pub done_bytes: u64,
    /// Of so many; it grows when an archive has several images.
    pub total_bytes: u64,
}

/// An image as an archive describes it.
struct Found {
    /// Names that the archive has for it, as they are there.
    names: Vec<String>,
    /// Of its manifest or index, where the archive has one.
    digest: Option<Digest>,
    config_json: Vec<u8>,
    /// The lowest first.
    layers: Vec<FoundLayer>,
}

/// A layer in an archive.
struct FoundLayer {
    /// Its file in the source.
    file: String,
    size_bytes: u64,
}

impl ImageStore {
    /// Loads every image of an OCI image layout (a directory, or a tar of one) or of a docker archive; a tar may be
    /// compressed with gzip or zstd. `name` replaces the name in the archive, and is needed when that has none.
    /// `progress` is called often. Blocks; on an error nothing new is visible.
    pub fn load(
        &self,
        path: &Path,
        name: Option<&str>,
        progress: &(dyn Fn(LoadProgress) + Sync),
    ) -> Result<Vec<LoadedImage>, LoadError> {
        let inner = &self.0;
        let source = Source::open(path, &inner.disk, inner.limits)?;
        let found = if source.has("oci-layout") {
            layout::find(&source, &inner.platform)?
        } else if source.has("manifest.json") {
            docker::find(&source)?
        } else {
            return Err(LoadError::Unknown(path.to_owned()));
        };
        if name.is_some() && found.len() != 1 {
            return Err(LoadError::SeveralImages(found.len()));
        }
        let _adding = inner.disk.lock_shared()?;
        let mut meter = Meter { progress, now: LoadProgress { done_bytes: 0, total_bytes: 0 } };
        let mut ready = Vec::new();
        for image in &found {
            let names = references(image, name)?;
            let size_bytes = self.add_layers(&source, image, &mut meter)?;
            ready.push((image, names, size_bytes));
        }
        let mut loaded = Vec::new();
        for (image, names, size_bytes) in ready {
            for name in names {
                let record = inner.publish(name, &image.config_json, image.digest.clone(), true)?;
                let id = ImageId(record.id.to_string());
                loaded.push(LoadedImage { reference: record.reference, id, size_bytes });
            }
        }
        Ok(loaded)
    }

    fn add_layers(&self, source: &Source, image: &Found, meter: &mut Meter<'_>) -> Result<u64, LoadError> {
        let inner = &self.0;
        let config = Config::parse(&image.config_json, &inner.platform)?;
        config.expect_layers(image.layers.len())?;
        let layers = chain(config.diff_ids());
        meter.now.total_bytes += image.layers.iter().map(|layer| layer.size_bytes).sum::<u64>();
        for (index, file) in image.layers.iter().enumerate() {
            let end = meter.now.done_bytes + file.size_bytes;
            let archive = Metered { inner: source.open_file(&file.file)?, meter: &mut *meter };
            inner.disk.add_layer(&layers[..=index], archive, inner.limits).map_err(|error| match error {
                LayerError::Store(error) => LoadError::Store(error),
                other => LoadError::Invalid(format!("layer {}: {other}", file.file)),
            })?;
            // A layer that was here already is not read.
            meter.reach(end);
        }
        let mut size_bytes = 0;
        for layer in &layers {
            size_bytes += inner.disk.layer_size(layer)?.unwrap_or(0);
        }
        Ok(size_bytes)
    }
}

fn references(image: &Found, name: Option<&str>) -> Result<Vec<String>, LoadError> {
    let names: Vec<&str> = match name {
        Some(name) => vec![name],
        None => image.names.iter().map(String::as_str).collect(),
    };
    if names.is_empty() {
        return Err(LoadError::Nameless(Digest::of(&image.config_json).to_string()));
    }
    names
        .into_iter()
        .map(|name| Ok(normalize(name).map_err(|error| LoadError::Name(error.0))?.whole()))
        .collect()
}

/// Reports progress.
struct Meter<'a> {
    progress: &'a (dyn Fn(LoadProgress) + Sync),
    now: LoadProgress,
}

impl Meter<'_> {
    fn reach(&mut self, done_bytes: u64) {
        self.now.done_bytes = done_bytes;
        (self.progress)(self.now);
    }
}

struct Metered<'a, 'b, R> {
    inner: R,
    meter: &'a mut Meter<'b>,
}

impl<R: Read> Read for Metered<'_, '_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.meter.reach(self.meter.now.done_bytes + n as u64);
        Ok(n)
    }
}
