//! What is in the store, and what may leave it.

use crate::digest::Digest;
use crate::disk::Disk;
use crate::error::{RemoveError, StoreError};
use crate::reference::normalize;
use crate::store::{ImageStore, Inner};
use agent_driver::ImageId;
use agent_host::remove_tree;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One line of a list of images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSummary {
    /// Complete: registry, repository, and tag or digest.
    pub reference: String,
    /// The image's id.
    pub id: ImageId,
    /// Digest of its manifest or index; `None` when it came from a docker archive.
    pub digest: Option<String>,
    /// Bytes of its files, unpacked; layers are shared between images.
    pub size_bytes: u64,
    /// When it was built, RFC 3339, as the image says.
    pub created: Option<String>,
    /// Loaded by hand; else pulled.
    pub loaded: bool,
}

/// What a removal freed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Layers that no image and no container needs any more.
    pub layers: usize,
    /// Bytes of files in them.
    pub size_bytes: u64,
}

impl ImageStore {
    /// Every image that is complete, sorted by reference.
    pub fn list(&self) -> Result<Vec<ImageSummary>, StoreError> {
        let inner = &self.0;
        let mut summaries = Vec::new();
        for record in inner.disk.records()? {
            let Some((config, layers)) = inner.config(&record.id)? else { continue };
            let sizes: Option<Vec<u64>> =
                layers.iter().map(|layer| inner.disk.layer_size(layer)).collect::<Result<_, _>>()?;
            let Some(sizes) = sizes else { continue };
            summaries.push(ImageSummary {
                reference: record.reference,
                id: ImageId(record.id.to_string()),
                digest: record.digest.map(String::from),
                size_bytes: sizes.iter().sum(),
                created: config.created,
                loaded: record.loaded,
            });
        }
        Ok(summaries)
    }

    /// Takes a reference away, and then what nothing needs any more. `in_use` are the layers of containers, as
    /// [`agent_driver::Image::layers`] named them; they stay. While any image is being added, garbage stays too, until
    /// the next removal or [`ImageStore::collect`].
    pub fn remove(&self, reference: &str, in_use: &BTreeSet<PathBuf>) -> Result<Removed, RemoveError> {
        let not_found = || RemoveError::NotFound(reference.to_owned());
        let name = normalize(reference).map_err(|_| not_found())?.whole();
        if !self.0.disk.remove_record(&name)? {
            return Err(not_found());
        }
        Ok(self.collect(in_use)?)
    }

    /// Removes layers and configurations that neither a reference nor `in_use` needs.
    pub fn collect(&self, in_use: &BTreeSet<PathBuf>) -> Result<Removed, StoreError> {
        let inner = &self.0;
        let Some(lock) = inner.disk.try_lock_exclusive()? else { return Ok(Removed::default()) };
        let needed = inner.observe_needed()?;
        let mut removed = Removed::default();
        let mut doomed = Vec::new();
        for path in files_of(&inner.disk.layers())? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if needed.layers.contains(&name) || in_use.contains(&path.join("fs")) {
                continue;
            }
            // One rename, so that no half of it is ever visible. The work is done later, without the lock.
            let tmp = inner.disk.tmp_path();
            fs::rename(&path, &tmp).map_err(|source| StoreError::new("remove", &path, source))?;
            removed.layers += 1;
            doomed.push(tmp);
        }
        for path in files_of(&inner.disk.blobs())? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !needed.blobs.contains(&name) {
                fs::remove_file(&path).map_err(|source| StoreError::new("remove", &path, source))?;
            }
        }
        drop(lock);
        for tmp in doomed {
            removed.size_bytes += Disk::described_size(&tmp)?;
            remove_tree(&tmp).map_err(|source| StoreError::new("remove", &tmp, source))?;
        }
        Ok(removed)
    }
}

/// Names of files and directories that references lead to.
struct Needed {
    layers: BTreeSet<String>,
    blobs: BTreeSet<String>,
}

impl Inner {
    fn observe_needed(&self) -> Result<Needed, StoreError> {
        let mut needed = Needed { layers: BTreeSet::new(), blobs: BTreeSet::new() };
        for record in self.disk.records()? {
            needed.blobs.insert(record.id.hex().to_owned());
            let layers = self.config(&record.id)?.map(|(_, layers)| layers).unwrap_or_default();
            needed.layers.extend(layers.iter().map(|layer| Digest::hex(&layer.chain_id).to_owned()));
        }
        Ok(needed)
    }
}

fn files_of(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|source| StoreError::new("read", directory, source))
}
