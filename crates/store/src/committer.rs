//! The one writer of the journal. It takes all commits that are waiting, appends them with one sync (group commit),
//! makes the result visible, and only then answers.

use crate::watch::Watchers;
use crate::{Journal, Snapshot, StoreError, Write, format};
use model::InstanceId;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc;
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
    pub(crate) touched: BTreeSet<InstanceId>,
    pub(crate) snapshot: Snapshot,
    pub(crate) done: oneshot::Sender<Result<(), StoreError>>,
}

/// The way from the head of the store to the journal.
pub(crate) enum Sink {
    Inline(Writer),
    Thread { queue: Option<mpsc::Sender<Pending>>, thread: Option<JoinHandle<()>> },
}

impl Sink {
    pub(crate) fn new(committer: Committer, mut writer: Writer) -> Result<Self, StoreError> {
        if committer == Committer::Inline {
            return Ok(Self::Inline(writer));
        }
        let (queue, pending) = mpsc::channel::<Pending>();
        let run = move || {
            while let Ok(first) = pending.recv() {
                writer.write(std::iter::once(first).chain(pending.try_iter()).collect());
            }
        };
        let thread = std::thread::Builder::new()
            .name("store-committer".to_owned())
            .spawn(run)
            .map_err(|e| StoreError::Failed(format!("cannot start the committer: {e}")))?;
        Ok(Self::Thread { queue: Some(queue), thread: Some(thread) })
    }

    /// Hands a commit over. Its `done` is answered now or later; dropped unanswered when the committer is no more.
    pub(crate) fn push(&mut self, pending: Pending) {
        match self {
            Self::Inline(writer) => writer.write(vec![pending]),
            Self::Thread { queue, .. } => {
                if let Some(queue) = queue {
                    // A failed send drops `done`, which the waiter reads as a failure.
                    let _ = queue.send(pending);
                }
            }
        }
    }
}

impl Drop for Sink {
    /// Waits until everything that was handed over is on disk and the journal is closed, so that it can be opened anew.
    fn drop(&mut self) {
        if let Self::Thread { queue, thread } = self {
            drop(queue.take());
            if thread.take().is_some_and(|thread| thread.join().is_err()) {
                tracing::error!("the committer of the store panicked");
            }
        }
    }
}

/// Appends, then publishes, then answers.
pub(crate) struct Writer {
    pub(crate) journal: Box<dyn Journal>,
    pub(crate) durable: Arc<watch::Sender<Snapshot>>,
    pub(crate) failure: Arc<watch::Sender<Option<StoreError>>>,
    pub(crate) watchers: Arc<Watchers>,
}

impl Writer {
    fn write(&mut self, batch: Vec<Pending>) {
        let mut writes = Vec::new();
        let (mut newest, mut touched) = (None, BTreeSet::new());
        let mut waiting = Vec::with_capacity(batch.len());
        for pending in batch {
            if !pending.writes.is_empty() {
                writes.extend(pending.writes);
                touched.extend(pending.touched);
                newest = Some(pending.snapshot);
            }
            waiting.push(pending.done);
        }
        let result = self.append_and_publish(writes, newest, &touched);
        for done in waiting {
            // A commit whose future was dropped does not wait any more; its writes stand.
            let _ = done.send(result.clone());
        }
    }

    fn append_and_publish(
        &mut self,
        mut writes: Vec<Write>,
        newest: Option<Snapshot>,
        touched: &BTreeSet<InstanceId>,
    ) -> Result<(), StoreError> {
        if let Some(failure) = self.failure.borrow().clone() {
            return Err(failure);
        }
        let Some(newest) = newest else { return Ok(()) };
        writes.push(format::revision_write(newest.revision()));
        if let Err(error) = self.journal.append(&writes) {
            tracing::error!(%error, "the journal of the store failed; no more writes are taken");
            let failure = StoreError::Failed(error.to_string());
            self.failure.send_replace(Some(failure.clone()));
            return Err(failure);
        }
        let revision = newest.revision();
        self.durable.send_replace(newest);
        self.watchers.wake(touched, revision);
        Ok(())
    }
}
