//! Following the durable state: all of it, or what concerns one container instance.

use crate::Snapshot;
use model::InstanceId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch::{Receiver, Sender};

/// A follower of the durable state: level-triggered, and states that came and went in between are skipped.
#[derive(Clone, Debug)]
pub struct Watch(Receiver<Snapshot>);

impl Watch {
    pub(crate) fn new(mut durable: Receiver<Snapshot>) -> Self {
        durable.mark_changed();
        Self(durable)
    }

    /// The state now, as soon as it is another one than this method returned before. The first call returns at once.
    /// When the store is gone, it never returns.
    pub async fn changed(&mut self) -> Snapshot {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.0.borrow_and_update().clone()
    }

    /// The state now; does not count as seen.
    pub fn current(&self) -> Snapshot {
        self.0.borrow().clone()
    }
}

/// A follower of what concerns one container instance: its record and the tasks on it. Level-triggered as [`Watch`] is;
/// while others change, it costs nothing.
#[derive(Debug)]
pub struct InstanceWatch {
    instance: InstanceId,
    /// The revision of the last commit that touched the instance. Absent only while it is being dropped.
    touched: Option<Receiver<u64>>,
    durable: Receiver<Snapshot>,
    seen: Option<u64>,
    watchers: Arc<Watchers>,
}

impl InstanceWatch {
    /// The state now, as soon as a commit has touched the instance since the state that this method returned before: its
    /// record, a task that is on it, or one that was. The first call returns at once. When the store is gone, it never
    /// returns. Dropping the future loses nothing.
    pub async fn changed(&mut self) -> Snapshot {
        while let (Some(touched), Some(seen)) = (&mut self.touched, self.seen) {
            // What was published between the wake-up and the snapshot below has been seen with it.
            if *touched.borrow_and_update() > seen {
                break;
            }
            if touched.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        let snapshot = self.durable.borrow().clone();
        self.seen = Some(snapshot.revision());
        snapshot
    }
}

impl Drop for InstanceWatch {
    fn drop(&mut self) {
        let mut senders = self.watchers.lock();
        drop(self.touched.take());
        if senders.get(&self.instance).is_some_and(|sender| sender.receiver_count() == 0) {
            senders.remove(&self.instance);
        }
    }
}

/// A follower of the deletion of access keys. Level-triggered as [`Watch`] is; while other things change, it costs nothing.
#[derive(Debug)]
pub struct DeletedKeysWatch(Receiver<u64>);

impl DeletedKeysWatch {
    pub(crate) fn new(mut touched: Receiver<u64>) -> Self {
        touched.mark_changed();
        Self(touched)
    }

    /// Returns as soon as a key was deleted, durably, since this method returned before. The first call returns at
    /// once. When the store is gone, it never returns. Dropping the future loses nothing.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Who waits for which instance.
#[derive(Debug, Default)]
pub(crate) struct Watchers(Mutex<BTreeMap<InstanceId, Sender<u64>>>);

impl Watchers {
    pub(crate) fn watch(
        self: &Arc<Self>,
        instance: &InstanceId,
        durable: Receiver<Snapshot>,
    ) -> InstanceWatch {
        let mut senders = self.lock();
        let touched = match senders.get(instance) {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, receiver) = tokio::sync::watch::channel(0);
                senders.insert(instance.clone(), sender);
                receiver
            }
        };
        let (instance, watchers) = (instance.clone(), self.clone());
        InstanceWatch { instance, touched: Some(touched), durable, seen: None, watchers }
    }

    /// Wakes those who wait for one of these, after the state of `revision` was published.
    pub(crate) fn wake(&self, touched: &BTreeSet<InstanceId>, revision: u64) {
        let senders = self.lock();
        for sender in touched.iter().filter_map(|instance| senders.get(instance)) {
            sender.send_replace(revision);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Sender<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
