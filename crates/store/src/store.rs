//! The store: its head, on which commits run, and its durable state, which everybody else sees.

use crate::committer::{Published, StepwiseCommitter, Thread, Writer};
use crate::head::{Durable, Head, Queue};
use crate::state::State;
use crate::watch::{DeletedKeysWatch, InstanceWatch, Watch, Watchers};
use crate::{Committer, Journal, StoreError, Tx, format};
use model::InstanceId;
use std::ops::Deref;
use std::panic::resume_unwind;
use std::sync::Arc;
use tokio::sync::watch;

/// Tables in memory over a durable journal. A clone is the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    queue: Arc<Queue>,
    published: Arc<Published>,
    _thread: Option<Thread>,
}

/// The durable state at one moment; it never changes. Cheap to clone and to keep.
#[derive(Clone, Debug)]
pub struct Snapshot(Arc<State>);

impl Deref for Snapshot {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl Snapshot {
    pub(crate) fn of(state: State) -> Self {
        Self(Arc::new(state))
    }
}

impl Store {
    /// Reads everything from the journal, after migrating it when an older release wrote it.
    ///
    /// # Errors
    /// When the journal cannot be read, is from a newer release, or holds what no store writes.
    pub fn open(journal: Box<dyn Journal>, committer: Committer) -> Result<Self, StoreError> {
        let (state, writer) = read(journal)?;
        let published = writer.published.clone();
        let (queue, thread) = match committer {
            Committer::Inline => (Arc::new(Queue::new(Head::new(state, Some(writer)))), None),
            Committer::Thread => {
                let queue = Arc::new(Queue::new(Head::new(state, None)));
                (queue.clone(), Some(Thread::start(queue, writer)?))
            }
        };
        Ok(Self(Arc::new(Inner { queue, published, _thread: thread })))
    }

    /// The same with the committer in the caller's hands: commits wait until it has taken each of its steps.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_stepwise(journal: Box<dyn Journal>) -> Result<(Self, StepwiseCommitter), StoreError> {
        let (state, writer) = read(journal)?;
        let published = writer.published.clone();
        let queue = Arc::new(Queue::new(Head::new(state, None)));
        let store = Self(Arc::new(Inner { queue: queue.clone(), published, _thread: None }));
        Ok((store, StepwiseCommitter::new(queue, writer)))
    }

    /// The latest durable state; O(1), and never waits for a writer.
    pub fn snapshot(&self) -> Snapshot {
        self.0.published.durable.borrow().clone()
    }

    /// Follows the durable state.
    pub fn watch(&self) -> Watch {
        Watch::new(self.0.published.durable.subscribe())
    }

    /// Follows what concerns one container instance, which need not exist.
    pub fn watch_instance(&self, instance: &InstanceId) -> InstanceWatch {
        self.0.published.watchers.watch(instance, self.0.published.durable.subscribe())
    }

    /// Follows the deletion of access keys.
    pub fn watch_deleted_keys(&self) -> DeletedKeysWatch {
        DeletedKeysWatch::new(self.0.published.deleted_keys.subscribe())
    }

    /// Resolves once the journal has failed: from then on the store can be read, and refuses every commit.
    pub async fn failed(&self) -> StoreError {
        let mut failure = self.0.published.failure.subscribe();
        // The sender lives as long as `self`.
        let found = failure.wait_for(Option::is_some).await.ok().and_then(|failure| failure.clone());
        found.unwrap_or_else(|| StoreError::Failed("the store is gone".to_owned()))
    }

    /// Runs `change` on the latest state and makes what it wrote durable and visible, whole or not at all.
    ///
    /// Changes run one after the other, under a lock: no slow work inside. Both `Ok` and `Err` are returned only when
    /// everything that `change` could read is on disk, because an answer such as "already exists" tells of it. When
    /// the returned future is dropped midway, the writes of a change that has run still stand.
    ///
    /// # Errors
    /// What `change` returns (then nothing was changed), and [`StoreError`] when the journal fails or the change would
    /// break an invariant of the store.
    pub async fn commit<T, E, F>(&self, change: F) -> Result<T, E>
    where
        F: FnOnce(&mut Tx) -> Result<T, E>,
        E: From<StoreError>,
    {
        let (result, durable) = self.run(change);
        if let Some(durable) = durable {
            let ended = || StoreError::Failed("the committer has ended".to_owned());
            durable.await.map_err(|_| ended()).flatten()?;
        }
        result
    }

    /// The synchronous part of a commit: what `change` returned, and what to wait for before saying so.
    fn run<T, E, F>(&self, change: F) -> (Result<T, E>, Option<Durable>)
    where
        F: FnOnce(&mut Tx) -> Result<T, E>,
        E: From<StoreError>,
    {
        let Inner { queue, published, .. } = &*self.0;
        let Ok(mut head) = queue.lock() else {
            let failure = StoreError::Failed("it has panicked".to_owned());
            published.failure.send_replace(Some(failure.clone()));
            return (Err(failure.into()), None);
        };
        let (result, kept) = match head.run(change) {
            Ok(ran) => ran,
            Err(panic) => {
                drop(head);
                resume_unwind(panic)
            }
        };
        if kept.is_none() && published.durable.borrow().revision() == head.revision() {
            return (result, None);
        }
        (result, Some(queue.push(head, kept)))
    }
}

/// What the journal holds, and who writes to it from now on.
fn read(mut journal: Box<dyn Journal>) -> Result<(State, Writer), StoreError> {
    let state = format::open(journal.as_mut())?;
    let published = Arc::new(Published {
        durable: watch::Sender::new(Snapshot::of(state.clone())),
        failure: watch::Sender::new(None),
        watchers: Arc::new(Watchers::default()),
        deleted_keys: watch::Sender::new(0),
    });
    Ok((state, Writer { journal, published }))
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("revision", &self.snapshot().revision()).finish_non_exhaustive()
    }
}
