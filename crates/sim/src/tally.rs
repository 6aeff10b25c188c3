//! What a run counts for its report.

use std::sync::atomic::AtomicU64;

/// Counters, from 0.
#[derive(Default)]
pub struct Tally {
    /// Of the store.
    pub commits: AtomicU64,
    /// The client's calls that were acknowledged.
    pub acknowledged: AtomicU64,
    /// The client's calls that were refused or lost.
    pub unanswered: AtomicU64,
    /// Tasks that were placed.
    pub placed: AtomicU64,
    /// Tasks that no instance had room for.
    pub unplaced: AtomicU64,
    /// Containers that were started.
    pub started: AtomicU64,
    /// Faults that were injected.
    pub faults: AtomicU64,
}
