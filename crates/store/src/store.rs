//! The store: its head, on which commits run, and its durable state, which everybody else sees.

use crate::committer::{Pending, Sink, Writer};
use crate::state::State;
use crate::views::Views;
use crate::watch::{InstanceWatch, Watch, Watchers};
use crate::{Committer, Journal, StoreError, Tx, format};
use model::InstanceId;
use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{oneshot, watch};

/// Tables in memory over a durable journal. A clone is the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    durable: Arc<watch::Sender<Snapshot>>,
    failure: Arc<watch::Sender<Option<StoreError>>>,
    watchers: Arc<Watchers>,
    head: Mutex<Head>,
}

/// What the next commit's closure sees, which may be ahead of the disk, and the way to the disk. One lock over both,
/// so that commits reach the journal in the order in which their closures ran.
struct Head {
    latest: Snapshot,
    /// As of `latest`. Empty while a change runs, which has them.
    views: Views,
    sink: Sink,
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

impl Store {
    /// Reads everything from the journal, after migrating it when an older release wrote it.
    ///
    /// # Errors
    /// When the journal cannot be read, is from a newer release, or holds what no store writes.
    pub fn open(mut journal: Box<dyn Journal>, committer: Committer) -> Result<Self, StoreError> {
        let latest = Snapshot(Arc::new(format::open(journal.as_mut())?));
        let durable = Arc::new(watch::Sender::new(latest.clone()));
        let failure = Arc::new(watch::Sender::new(None));
        let watchers = Arc::new(Watchers::default());
        let (d, f, w) = (durable.clone(), failure.clone(), watchers.clone());
        let sink = Sink::new(committer, Writer { journal, durable: d, failure: f, watchers: w })?;
        let head = Mutex::new(Head { latest, views: Views::default(), sink });
        Ok(Self(Arc::new(Inner { durable, failure, watchers, head })))
    }

    /// The latest durable state; O(1), and never waits for a writer.
    pub fn snapshot(&self) -> Snapshot {
        self.0.durable.borrow().clone()
    }

    /// Follows the durable state.
    pub fn watch(&self) -> Watch {
        Watch::new(self.0.durable.subscribe())
    }

    /// Follows what concerns one container instance, which need not exist.
    pub fn watch_instance(&self, instance: &InstanceId) -> InstanceWatch {
        self.0.watchers.watch(instance, self.0.durable.subscribe())
    }

    /// Resolves once the journal has failed: from then on the store can be read, and refuses every commit.
    pub async fn failed(&self) -> StoreError {
        let mut failure = self.0.failure.subscribe();
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
        // A change that panicked has left the head as it was, without views.
        let mut head = self.0.head.lock().unwrap_or_else(PoisonError::into_inner);
        let views = std::mem::take(&mut head.views);
        let mut tx = Tx::on(&head.latest, views);
        let result = change(&mut tx).and_then(|value| Ok(tx.check().map(|()| value)?));
        let (mut writes, mut touched) = (Vec::new(), BTreeSet::new());
        if result.is_ok() {
            let kept = tx.keep();
            head.views = kept.views;
            if !kept.writes.is_empty() {
                head.latest = Snapshot(Arc::new(kept.state));
                (writes, touched) = (kept.writes, kept.touched);
            }
        } else {
            head.views = tx.undo();
        }
        if writes.is_empty() && self.0.durable.borrow().revision() == head.latest.revision() {
            return (result, None);
        }
        let (done, durable) = oneshot::channel();
        let snapshot = head.latest.clone();
        head.sink.push(Pending { writes, touched, snapshot, done });
        (result, Some(durable))
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("revision", &self.snapshot().revision()).finish_non_exhaustive()
    }
}

/// Answered once everything that a change could read and wrote is on disk.
type Durable = oneshot::Receiver<Result<(), StoreError>>;
