//! OCI image layouts (OCI image specification, "Image Layout").

use super::source::Source;
use super::{Found, FoundLayer};
use crate::digest::Digest;
use crate::disk::MAX_CONFIG_BYTES;
use crate::error::{LoadError, ManifestError};
use crate::manifest::{Descriptor, Document, MAX_MANIFEST_BYTES, Manifest, Platform};
use oci_spec::image::Descriptor as Entry;

/// Names an image completely (containerd, and `docker save` since 25).
const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// Names an image in a layout; often, but not always, completely.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
const MAX_INDEX_DEPTH: usize = 3;

/// One image for each named entry of `index.json`. Entries without a name that are not for this host are left out:
/// a layout may hold one image for several platforms that way.
pub(super) fn find(source: &Source, platform: &Platform) -> Result<Vec<Found>, LoadError> {
    let json = source.read("index.json", MAX_MANIFEST_BYTES)?;
    let Document::Index(index) = Document::parse(&json)? else {
        return Err(LoadError::Invalid("index.json is not an index".to_owned()));
    };
    let named = index.manifests().iter().filter(|entry| name_of(entry).is_some()).collect::<Vec<_>>();
    if named.is_empty() {
        let chosen = platform.choose(&index)?;
        return Ok(vec![found(source, platform, &chosen, None)?]);
    }
    named
        .into_iter()
        .map(|entry| found(source, platform, &Descriptor::try_from(entry)?, name_of(entry)))
        .collect()
}

fn name_of(entry: &Entry) -> Option<String> {
    let annotations = entry.annotations().as_ref()?;
    annotations.get(CONTAINERD_NAME).or_else(|| annotations.get(REF_NAME)).cloned()
}

fn found(
    source: &Source,
    platform: &Platform,
    at: &Descriptor,
    name: Option<String>,
) -> Result<Found, LoadError> {
    let manifest = manifest(source, platform, at)?;
    let layer = |blob: &Descriptor| FoundLayer { file: file_of(blob), size_bytes: blob.size };
    Ok(Found {
        names: name.into_iter().collect(),
        digest: Some(at.digest.clone()),
        config_json: read_verified(source, &manifest.config, MAX_CONFIG_BYTES)?,
        layers: manifest.layers.iter().map(layer).collect(),
    })
}

/// Follows indexes to the manifest for this host.
fn manifest(source: &Source, platform: &Platform, at: &Descriptor) -> Result<Manifest, LoadError> {
    let mut at = at.clone();
    for _ in 0..MAX_INDEX_DEPTH {
        match Document::parse(&read_verified(source, &at, MAX_MANIFEST_BYTES)?)? {
            Document::Index(index) => at = platform.choose(&index)?,
            Document::Image(manifest) => return Ok(manifest),
        }
    }
    Err(ManifestError::Nesting.into())
}

fn read_verified(source: &Source, blob: &Descriptor, max: u64) -> Result<Vec<u8>, LoadError> {
    let content = source.read(&file_of(blob), max)?;
    if Digest::of(&content) == blob.digest {
        return Ok(content);
    }
    Err(ManifestError::Mismatch { what: "a blob of the layout", expected: blob.digest.clone() }.into())
}

fn file_of(blob: &Descriptor) -> String {
    format!("blobs/sha256/{}", blob.digest.hex())
}
