//! Unpacked layers, by chain id.

use crate::decompress::decompress;
use crate::digest::{Digest, HashingReader};
use crate::disk::{Disk, read_bounded, sync_parent};
use crate::error::{LayerError, StoreError};
use crate::unpack::{Limits, UnpackError, unpack};
use agent_host::remove_tree;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A layer and what it lies on.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// Digest of its uncompressed archive.
    pub(crate) diff_id: Digest,
    /// Names the layer together with all below it (OCI image configuration, "Layer ChainID"). What is unpacked depends
    /// on those: see [`unpack`].
    pub(crate) chain_id: Digest,
}

/// The layers of an image, the lowest first.
pub(crate) fn chain(diff_ids: &[Digest]) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        let chain_id = match layers.last() {
            None => diff_id.clone(),
            Some(below) => Digest::of(format!("{} {diff_id}", below.chain_id).as_bytes()),
        };
        layers.push(Layer { diff_id: diff_id.clone(), chain_id });
    }
    layers
}

/// `layer.json`: there since the layer was published, and never changed.
#[derive(Debug, Serialize, Deserialize)]
struct Description {
    diff_id: Digest,
    /// Of all files in it.
    size_bytes: u64,
}

const DESCRIPTION: &str = "layer.json";
const MAX_DESCRIPTION_BYTES: u64 = 64 << 10;

impl Disk {
    /// Where a layer is, or would be.
    pub(crate) fn layer_path(&self, chain_id: &Digest) -> PathBuf {
        self.layers().join(chain_id.hex()).join("fs")
    }

    /// Bytes of a layer's files; `None` when it is not there.
    pub(crate) fn layer_size(&self, layer: &Layer) -> Result<Option<u64>, StoreError> {
        let described = describe(&self.layers().join(layer.chain_id.hex()))?;
        Ok(described.filter(|found| found.diff_id == layer.diff_id).map(|found| found.size_bytes))
    }

    /// Bytes of the files in a layer that was moved here.
    pub(crate) fn described_size(path: &Path) -> Result<u64, StoreError> {
        Ok(describe(path)?.map_or(0, |found| found.size_bytes))
    }

    /// Unpacks the topmost of `layers` from its archive, compressed or not, verifies it and publishes it by one rename.
    /// The ones below are there already.
    pub(crate) fn add_layer(
        &self,
        layers: &[Layer],
        archive: impl Read + Send,
        limits: Limits,
    ) -> Result<(), LayerError> {
        let Some((layer, below)) = layers.split_last() else { return Ok(()) };
        if self.layer_size(layer)?.is_some() {
            return Ok(());
        }
        let tmp = self.tmp_path();
        let parents: Vec<PathBuf> =
            below.iter().rev().map(|layer| self.layer_path(&layer.chain_id)).collect();
        let result = unpack_verified(&tmp, &layer.diff_id, &parents, archive, limits)
            .and_then(|()| self.publish_layer(layer, &tmp).map_err(LayerError::from));
        if result.is_err() {
            // What stays is swept at the next start.
            let _ = remove_tree(&tmp);
        }
        result
    }

    fn publish_layer(&self, layer: &Layer, tmp: &Path) -> Result<(), StoreError> {
        let path = self.layers().join(layer.chain_id.hex());
        let failed = |source| StoreError::new("publish the layer", &path, source);
        sync_file_system(tmp).map_err(failed)?;
        match fs::rename(tmp, &path) {
            Ok(()) => sync_parent(&path).map_err(failed),
            // Someone else was quicker, and verified the same digest.
            Err(_) if self.layer_size(layer)?.is_some() => remove_tree(tmp).map_err(failed),
            Err(source) => Err(failed(source)),
        }
    }
}

fn describe(layer: &Path) -> Result<Option<Description>, StoreError> {
    let json = read_bounded(&layer.join(DESCRIPTION), MAX_DESCRIPTION_BYTES)?;
    Ok(json.and_then(|json| serde_json::from_slice(&json).ok()))
}

fn unpack_verified(
    tmp: &Path,
    diff_id: &Digest,
    parents: &[PathBuf],
    archive: impl Read + Send,
    limits: Limits,
) -> Result<(), LayerError> {
    let target = tmp.join("fs");
    fs::create_dir_all(&target).map_err(UnpackError::Target)?;
    let stream = decompress(archive).map_err(LayerError::Read)?;
    // One byte more, so that a stream of just the limit is told from one that was cut.
    let mut stream = HashingReader::new(stream.take(limits.max_bytes.saturating_add(1)));
    let size_bytes = unpack(&mut stream, &target, parents, limits)?;
    let actual = stream.finish().map_err(LayerError::Read)?;
    if actual != *diff_id {
        return Err(LayerError::DiffId { expected: diff_id.clone(), actual });
    }
    let description = Description { diff_id: actual, size_bytes };
    let json = serde_json::to_vec(&description).map_err(|source| LayerError::Read(source.into()))?;
    fs::write(tmp.join(DESCRIPTION), json).map_err(|source| LayerError::Unpack(UnpackError::Target(source)))
}

/// Makes thousands of small files durable in one call.
fn sync_file_system(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(path)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_ids_are_those_of_the_specification() {
        let a = Digest::of(b"a");
        let b = Digest::of(b"b");
        let layers = chain(&[a.clone(), b.clone()]);
        assert_eq!(layers[0].chain_id, a);
        assert_eq!(layers[1].chain_id, Digest::of(format!("{a} {b}").as_bytes()));
        assert_ne!(layers[1].chain_id, chain(&[b, a])[1].chain_id);
    }
}
