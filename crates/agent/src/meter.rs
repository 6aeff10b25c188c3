//! The latest readings of what containers use: rates need two.

use agent_driver::{Runtime, RuntimeId, Stats};
use agent_metadata::host_cpu_ns;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A reading of a container, and of the host's CPU in the same moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) stats: Stats,
    pub(crate) host_cpu_ns: u64,
}

/// The last reading of each container that somebody has asked for. Nothing is read while nobody asks.
#[derive(Default)]
pub(crate) struct Meter {
    last: Mutex<BTreeMap<RuntimeId, Reading>>,
}

impl Meter {
    /// What a container uses now, and what it used when it was asked for before in this run of it. `None` when it does
    /// not run.
    pub(crate) async fn read(
        &self,
        runtime: &dyn Runtime,
        id: &RuntimeId,
    ) -> Option<(Reading, Option<Reading>)> {
        let stats = match runtime.stats(id).await {
            Ok(stats) => stats,
            Err(error) => {
                tracing::debug!(container = %id, %error, "what a container uses cannot be read");
                self.forget(id);
                return None;
            }
        };
        let now = Reading { stats, host_cpu_ns: host_cpu_ns().unwrap_or(0) };
        let before = self.last().insert(id.clone(), now.clone());
        // Counters begin anew with a restart.
        let before = before.filter(|b| b.stats.cpu_total_ns <= now.stats.cpu_total_ns);
        Some((now, before))
    }

    /// The container is gone.
    pub(crate) fn forget(&self, id: &RuntimeId) {
        self.last().remove(id);
    }

    fn last(&self) -> MutexGuard<'_, BTreeMap<RuntimeId, Reading>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
