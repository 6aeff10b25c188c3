//! Why the store or an archive could not be used.

use crate::digest::{BadDigest, Digest};
use crate::unpack::UnpackError;
use std::io;
use std::path::{Path, PathBuf};

/// The host did not let us use the store.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {path}: {source}")]
pub struct StoreError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl StoreError {
    pub(crate) fn new(what: &'static str, path: &Path, source: io::Error) -> StoreError {
        StoreError { what, path: path.to_owned(), source }
    }
}

/// A layer that did not become a directory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayerError {
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    #[error("the archive is damaged: {0}")]
    Read(#[source] io::Error),
    #[error("its content has the digest {actual}, the configuration of the image says {expected}")]
    DiffId { expected: Digest, actual: Digest },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A manifest or configuration that is not one of a Linux container image for this host.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestError {
    #[error("invalid {what}: {source}")]
    Json { what: &'static str, source: serde_json::Error },
    #[error(transparent)]
    Digest(#[from] BadDigest),
    #[error("unsupported media type {0:?}")]
    MediaType(String),
    #[error("image Manifest does not contain descriptor matching platform '{0}'")]
    Platform(String),
    #[error("number of layers and diffIDs don't match: {layers} != {diff_ids}")]
    LayerCount { layers: usize, diff_ids: usize },
    #[error("{what} does not have the digest {expected}")]
    Mismatch { what: &'static str, expected: Digest },
    #[error("an index inside an index inside an index")]
    Nesting,
}

/// Why an archive was not loaded. Nothing of it is visible in the store then.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file or directory cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// What was asked for.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is neither an OCI layout nor a docker archive.
    #[error("{0} is neither an OCI image layout nor a docker archive")]
    Unknown(PathBuf),
    /// It is no tar, or a broken one.
    #[error("{path} is neither an OCI image layout nor a docker archive: {source}")]
    Unreadable {
        /// What was asked for.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that the archive speaks of is not in it.
    #[error("the archive has no {0}")]
    Missing(String),
    /// Its content is not that of an image for this host.
    #[error("{0}")]
    Invalid(String),
    /// The image has no name, and none was given.
    #[error("the image {0} has no name; give it one with --name")]
    Nameless(String),
    /// A name for one image was given, and the archive has several.
    #[error("the archive has {0} images; --name can name only one")]
    SeveralImages(usize),
    /// A name that is not a reference.
    #[error("{0}")]
    Name(String),
    /// The host did not let us.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ManifestError> for LoadError {
    fn from(error: ManifestError) -> LoadError {
        LoadError::Invalid(error.to_string())
    }
}

impl From<LayerError> for LoadError {
    fn from(error: LayerError) -> LoadError {
        match error {
            LayerError::Store(error) => LoadError::Store(error),
            other => LoadError::Invalid(format!("a layer cannot be unpacked: {other}")),
        }
    }
}

/// Why an image was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// Nothing has this reference.
    #[error("no such image: {0}")]
    NotFound(String),
    /// The host did not let us.
    #[error(transparent)]
    Store(#[from] StoreError),
}
