//! The one writer of the journal. It takes all commits that are waiting, appends them with one sync (group commit),
//! makes the result visible, and only then answers.

use crate::head::Queue;
use crate::record::Record;
use crate::watch::Watchers;
use crate::{Journal, Snapshot, StoreError, Write, format};
use model::InstanceId;
use model::identity::AccessKey;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{oneshot, watch};

/// Where appends run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committer {
    /// On a thread of their own; commits that come meanwhile share the next append.
    Thread,
    /// Inside each commit: for tests and the simulator, where nothing may run on another thread.
    Inline,
}

/// A commit that waits for the disk; without writes, for what it has read to be on disk.
pub(crate) struct Pending {
    pub(crate) writes: Vec<Write>,
    /// The instances that the writes concern.
    pub(crate) touched: Vec<InstanceId>,
    pub(crate) done: oneshot::Sender<Result<(), StoreError>>,
}

/// Everything that waited at one moment, and the state with all of it.
pub(crate) struct Batch {
    pub(crate) commits: Vec<Pending>,
    pub(crate) state: Snapshot,
}

/// What everybody may see of the store.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) durable: watch::Sender<Snapshot>,
    pub(crate) failure: watch::Sender<Option<StoreError>>,
    pub(crate) watchers: Arc<Watchers>,
    /// The revision of the last commit that touched access keys.
    pub(crate) access_keys: watch::Sender<u64>,
}

/// Appends, then publishes, then answers.
pub(crate) struct Writer {
    pub(crate) journal: Box<dyn Journal>,
    pub(crate) published: Arc<Published>,
}

impl Writer {
    pub(crate) fn write(&mut self, batch: Batch) {
        let (mut writes, mut touched) = (Vec::new(), BTreeSet::new());
        let mut waiting = Vec::with_capacity(batch.commits.len());
        for commit in batch.commits {
            writes.extend(commit.writes);
            touched.extend(commit.touched);
            waiting.push(commit.done);
        }
        let result = self.append_and_publish(writes, batch.state, &touched);
        for done in waiting {
            // A commit whose future was dropped does not wait any more; its writes stand.
            let _ = done.send(result.clone());
        }
    }

    fn append_and_publish(
        &mut self,
        mut writes: Vec<Write>,
        state: Snapshot,
        touched: &BTreeSet<InstanceId>,
    ) -> Result<(), StoreError> {
        if let Some(failure) = self.published.failure.borrow().clone() {
            return Err(failure);
        }
        if writes.is_empty() {
            return Ok(());
        }
        let revision = state.revision();
        let has_keys = writes.iter().any(|write| write.table == AccessKey::TABLE);
        writes.push(format::revision_write(revision));
        if let Err(error) = self.journal.append(&writes) {
            tracing::error!(%error, "the journal of the store failed; no more writes are taken");
            let failure = StoreError::Failed(error.to_string());
            self.published.failure.send_replace(Some(failure.clone()));
            return Err(failure);
        }
        self.published.durable.send_replace(state);
        self.published.watchers.wake(touched, revision);
        if has_keys {
            self.published.access_keys.send_replace(revision);
        }
        Ok(())
    }
}

/// The thread of [`Committer::Thread`]. Dropping it waits until everything that was handed over is on disk and the journal
/// is closed, so that it can be opened anew.
pub(crate) struct Thread {
    queue: Arc<Queue>,
    handle: Option<JoinHandle<()>>,
}

impl Thread {
    pub(crate) fn start(queue: Arc<Queue>, mut writer: Writer) -> Result<Self, StoreError> {
        let batches = queue.clone();
        let run = move || {
            // Closed when the writer panics too: commits must not wait for one that is no more.
            let _close = CloseOnDrop(batches.clone());
            while let Some(batch) = batches.next() {
                writer.write(batch);
            }
        };
        let handle = std::thread::Builder::new()
            .name("store-committer".to_owned())
            .spawn(run)
            .map_err(|e| StoreError::Failed(format!("cannot start the committer: {e}")))?;
        Ok(Self { queue, handle: Some(handle) })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.queue.end();
        if self.handle.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the committer of the store panicked");
        }
    }
}

struct CloseOnDrop(Arc<Queue>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}
