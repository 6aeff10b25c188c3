//! The one writer of the journal. It takes all commits that are waiting, appends them with one sync (group commit),
//! makes the result visible, and only then answers: three steps, which are the same whoever takes them.

use crate::head::Queue;
use crate::record::Record;
use crate::watch::Watchers;
use crate::{Journal, Snapshot, StoreError, Write, format};
use model::InstanceId;
use model::identity::AccessKey;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{oneshot, watch};

/// Where appends run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committer {
    /// On a thread of their own; commits that come meanwhile share the next append.
    Thread,
    /// Inside each commit: for tests, where nothing may run on another thread.
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
    /// The revision of the last commit that deleted access keys.
    pub(crate) deleted_keys: watch::Sender<u64>,
}

/// Appends, then publishes, then answers.
pub(crate) struct Writer {
    pub(crate) journal: Box<dyn Journal>,
    pub(crate) published: Arc<Published>,
}

impl Writer {
    pub(crate) fn write(&mut self, batch: Batch) {
        self.append(batch).publish().send();
    }

    fn append(&mut self, batch: Batch) -> Appended {
        let (mut writes, mut touched) = (Vec::new(), BTreeSet::new());
        let mut waiting = Vec::with_capacity(batch.commits.len());
        for commit in batch.commits {
            writes.extend(commit.writes);
            touched.extend(commit.touched);
            waiting.push(commit.done);
        }
        let is_new = !writes.is_empty();
        let is_deletion = |write: &Write| write.table == AccessKey::TABLE && write.value.is_none();
        let deletes_keys = writes.iter().any(is_deletion);
        let result = self.append_writes(writes, batch.state.revision());
        let state = (is_new && result.is_ok()).then_some(batch.state);
        let (answers, published) = (Answers { waiting, result }, self.published.clone());
        Appended { state, touched, deletes_keys, answers, published }
    }

    fn append_writes(&mut self, mut writes: Vec<Write>, revision: u64) -> Result<(), StoreError> {
        if let Some(failure) = self.published.failure.borrow().clone() {
            return Err(failure);
        }
        if writes.is_empty() {
            return Ok(());
        }
        writes.push(format::revision_write(revision));
        self.journal.append(&writes).map_err(|error| {
            tracing::error!(%error, "the journal of the store failed; no more writes are taken");
            let failure = StoreError::Failed(error.to_string());
            self.published.failure.send_replace(Some(failure.clone()));
            failure
        })
    }
}

/// Commits that the journal has taken, or failed to, and of which nobody has heard.
#[must_use = "nobody hears of the commits"]
pub struct Appended {
    /// The state with them, unless there is nothing to show.
    state: Option<Snapshot>,
    touched: BTreeSet<InstanceId>,
    deletes_keys: bool,
    answers: Answers,
    published: Arc<Published>,
}

impl Appended {
    /// Makes them visible.
    pub fn publish(self) -> Answers {
        if let Some(state) = self.state {
            let revision = state.revision();
            self.published.durable.send_replace(state);
            self.published.watchers.wake(&self.touched, revision);
            if self.deletes_keys {
                self.published.deleted_keys.send_replace(revision);
            }
        }
        self.answers
    }
}

/// Answers to commits that are visible, or that have failed.
#[must_use = "who waits is told that the committer has ended"]
pub struct Answers {
    waiting: Vec<oneshot::Sender<Result<(), StoreError>>>,
    result: Result<(), StoreError>,
}

impl Answers {
    /// Gives them to those who wait.
    pub fn send(self) {
        for done in self.waiting {
            // A commit whose future was dropped does not wait any more; its writes stand.
            let _ = done.send(self.result.clone());
        }
    }
}

/// The committer of [`Store::open_stepwise`](crate::Store::open_stepwise): for simulators, which let time pass between its
/// steps. Once it is dropped, commits are told that the committer has ended.
pub struct StepwiseCommitter {
    queue: CloseOnDrop,
    writer: Writer,
}

impl StepwiseCommitter {
    pub(crate) fn new(queue: Arc<Queue>, writer: Writer) -> Self {
        Self { queue: CloseOnDrop(queue), writer }
    }

    /// Returns once a commit waits.
    pub async fn filled(&mut self) {
        poll_fn(|cx| self.queue.0.poll_filled(cx)).await;
    }

    /// Appends every commit that waits, with one sync.
    pub fn append(&mut self) -> Appended {
        let batch = self.queue.0.take();
        self.writer.append(batch)
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
