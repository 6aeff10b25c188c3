//! The disk of the host: what of it is promised to tasks, and what they use (Amazon ECS Developer Guide: Fargate task
//! ephemeral storage).
//!
//! A size that a task asks for is promised: the task starts only where that much is free, less what others were promised
//! and do not use yet. A directory has no limit, so nothing keeps a task from using more, and others less. A task on Fargate
//! that asks for none is promised nothing: its 20 GiB are what it may find, not a reason to refuse it on a smaller disk.

use crate::blueprint::Blueprint;
use crate::host::Drivers;
use agent_metadata::EphemeralStorageView;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What a task on Fargate has that asks for no size.
const DEFAULT_BYTES: u64 = 20 << 30;
/// Counting walks over files: what was counted is shown for this long.
const COUNTED_FOR: Duration = Duration::from_secs(60);

/// What is promised, and what was counted.
#[derive(Default)]
pub(crate) struct Disk {
    promised: Mutex<BTreeMap<String, Arc<Blueprint>>>,
    /// Held while it is decided, so that two tasks do not get the same room.
    deciding: tokio::sync::Mutex<()>,
    counted: Mutex<BTreeMap<String, Counted>>,
}

/// Bytes that a task uses, and when they were counted. Whoever counts holds it, and the others wait for the result.
type Counted = Arc<tokio::sync::Mutex<Option<(Instant, u64)>>>;

impl Disk {
    /// Promises a task what it asks for, once.
    ///
    /// # Errors
    /// There is not enough. AWS has no words for this: there, it always has.
    pub(crate) async fn promise(&self, drivers: &Drivers, task: &Arc<Blueprint>) -> Result<(), String> {
        let Some(asked) = asked_bytes(task) else { return Ok(()) };
        let _alone = self.deciding.lock().await;
        if self.promised().contains_key(&task.id) {
            return Ok(());
        }
        let failed = |why: String| format!("unable to provide ephemeral storage: {why}");
        let free = drivers.volumes.free_bytes().await.map_err(|error| failed(error.to_string()))?;
        let owed = self.owed_bytes(drivers, free.saturating_sub(asked)).await;
        let room = free.saturating_sub(owed);
        if room < asked {
            let (asked_gib, room_mib) = (asked >> 30, room >> 20);
            return Err(failed(format!(
                "{asked_gib} GiB requested, {room_mib} MiB free on the host and not promised to other tasks"
            )));
        }
        self.keep(task);
        Ok(())
    }

    /// What an earlier agent has promised.
    pub(crate) fn keep(&self, task: &Arc<Blueprint>) {
        if asked_bytes(task).is_some() {
            self.promised().insert(task.id.clone(), task.clone());
        }
    }

    /// The task is over, and its files are gone.
    pub(crate) fn forget(&self, task: &str) {
        self.promised().remove(task);
        self.counted().remove(task);
    }

    /// What a task has of the disk, and what it used within the last minute. What is mounted in it, and images, which tasks
    /// share, do not count.
    pub(crate) async fn view(
        &self,
        drivers: &Drivers,
        task: &Arc<Blueprint>,
    ) -> Result<EphemeralStorageView, String> {
        let used = self.recently_used_bytes(drivers, task).await?;
        let reserved = match asked_bytes(task) {
            Some(asked) => asked,
            None => {
                let free = drivers.volumes.free_bytes().await.map_err(|error| error.to_string())?;
                used.saturating_add(free).min(DEFAULT_BYTES)
            }
        };
        Ok(EphemeralStorageView { utilized_mib: used >> 20, reserved_mib: reserved >> 20 })
    }

    /// What was promised and is not used. Files are counted only when it matters: above `enough`.
    async fn owed_bytes(&self, drivers: &Drivers, enough: u64) -> u64 {
        let promised: Vec<_> = self.promised().values().cloned().collect();
        let asked = |task: &Arc<Blueprint>| asked_bytes(task).unwrap_or(0);
        let all = promised.iter().map(asked).fold(0, u64::saturating_add);
        if all <= enough {
            return all;
        }
        let mut owed = 0_u64;
        for task in &promised {
            let used = used_bytes(drivers, task).await.unwrap_or_else(|error| {
                tracing::warn!(task = task.id, error, "what a task uses of the disk cannot be counted");
                0
            });
            owed = owed.saturating_add(asked(task).saturating_sub(used));
        }
        owed
    }

    /// Goes on counting when whoever asked gives up, so that asking again does not begin anew.
    async fn recently_used_bytes(&self, drivers: &Drivers, task: &Arc<Blueprint>) -> Result<u64, String> {
        let counted = self.counted().entry(task.id.clone()).or_default().clone();
        let (drivers, task) = (drivers.clone(), task.clone());
        let count = tokio::spawn(async move {
            let mut last = counted.lock().await;
            if let Some((at, bytes)) = *last
                && at.elapsed() < COUNTED_FOR
            {
                return Ok(bytes);
            }
            let bytes = used_bytes(&drivers, &task).await?;
            *last = Some((Instant::now(), bytes));
            Ok(bytes)
        });
        count.await.map_err(|error| error.to_string())?
    }

    fn promised(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Blueprint>>> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counted(&self) -> MutexGuard<'_, BTreeMap<String, Counted>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn asked_bytes(task: &Blueprint) -> Option<u64> {
    task.ephemeral_storage_gib.map(|gib| u64::from(gib) << 30)
}

/// What the containers of a task have written, and what is in its volumes.
async fn used_bytes(drivers: &Drivers, task: &Blueprint) -> Result<u64, String> {
    let mut bytes = drivers.volumes.used_bytes(&task.id).await.map_err(|error| error.to_string())?;
    for container in &task.containers {
        let written = drivers.runtime.written_bytes(&container.draft.id).await;
        bytes = bytes.saturating_add(written.map_err(|error| error.to_string())?);
    }
    Ok(bytes)
}
