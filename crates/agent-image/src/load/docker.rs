//! Docker archives: what `docker save` and `skopeo copy … docker-archive:` write.

use super::source::Source;
use super::{Found, FoundLayer};
use crate::disk::MAX_CONFIG_BYTES;
use crate::error::{LoadError, ManifestError};
use crate::manifest::MAX_MANIFEST_BYTES;
use serde::Deserialize;

/// An element of `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

pub(super) fn find(source: &Source) -> Result<Vec<Found>, LoadError> {
    let json = source.read("manifest.json", MAX_MANIFEST_BYTES)?;
    let images: Vec<Image> = serde_json::from_slice(&json)
        .map_err(|source| ManifestError::Json { what: "manifest.json", source })?;
    images.into_iter().map(|image| found(source, image)).collect()
}

fn found(source: &Source, image: Image) -> Result<Found, LoadError> {
    let layer = |file: String| Ok(FoundLayer { size_bytes: source.size(&file)?, file });
    Ok(Found {
        names: image.repo_tags.unwrap_or_default(),
        digest: None,
        config_json: source.read(&image.config, MAX_CONFIG_BYTES)?,
        layers: image.layers.unwrap_or_default().into_iter().map(layer).collect::<Result<_, LoadError>>()?,
    })
}
