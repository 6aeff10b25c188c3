//! What can go wrong.

use std::path::PathBuf;

/// Why a store could not be opened, or a commit was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The journal failed, now or in an earlier commit. It is not known whether the commit that met the failure is on
    /// disk; every later one is refused. Only opening the store anew helps.
    #[error("the store has failed and takes no more writes: {0}")]
    Failed(String),
    /// Written by a newer release.
    #[error(
        "the store has format version {found}; this release knows versions up to {known}: use a newer release"
    )]
    NewerFormat {
        /// The version on disk.
        found: u32,
        /// The newest version that this release reads.
        known: u32,
    },
    /// What is on disk is not what a store writes.
    #[error("the store's table `{table}` cannot be read: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// What was wrong.
        reason: String,
    },
    /// The transaction would have left a task without its definition (INV-STORE-4).
    #[error("the task definition {0} is missing, or in use by a task")]
    DefinitionInUse(String),
    /// The journal could not be opened or read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Why a journal could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Another process has it open.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// Reading, writing or syncing failed.
    #[error("{0}")]
    Failed(String),
}
