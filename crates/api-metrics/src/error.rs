//! What can go wrong with the store.

use std::path::PathBuf;

/// Why the store of metrics could not be opened, or took no data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricsError {
    /// Reading or writing failed, now or earlier. Whether the data that met the failure are on disk is unknown; no more
    /// are taken until the store is opened anew.
    #[error("the store of metrics has failed and takes no more data: {0}")]
    Failed(String),
    /// Another process has the file open.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// Written by a newer release.
    #[error(
        "the store of metrics has format version {found}; this release knows versions up to {known}: use a newer release"
    )]
    NewerFormat {
        /// The version on disk.
        found: u64,
        /// The newest version that this release reads.
        known: u64,
    },
}

impl MetricsError {
    pub(crate) fn failed(cause: impl std::fmt::Display) -> Self {
        Self::Failed(cause.to_string())
    }
}
