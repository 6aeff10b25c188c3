//! Which instance has a session: at most one each, the newest (INV-ACS-1).

use model::InstanceId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{oneshot, watch};

/// The open sessions of this control plane. Observed, so not in the store.
pub(crate) struct Links {
    open: Mutex<Open>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Open {
    count: u64,
    by_instance: BTreeMap<InstanceId, Current>,
}

struct Current {
    number: u64,
    _superseded: oneshot::Sender<()>,
}

/// One session's place among them; dropping it gives the place up.
pub(crate) struct Link {
    links: Arc<Links>,
    instance: InstanceId,
    number: u64,
    superseded: oneshot::Receiver<()>,
}

impl Links {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), changes: watch::Sender::new(0) })
    }

    /// A session begins. The one that the instance had, if any, is superseded.
    pub(crate) fn open(self: &Arc<Self>, instance: &InstanceId) -> Link {
        let (sender, superseded) = oneshot::channel();
        let mut open = self.lock();
        open.count += 1;
        let number = open.count;
        open.by_instance.insert(instance.clone(), Current { number, _superseded: sender });
        drop(open);
        self.changed();
        Link { links: self.clone(), instance: instance.clone(), number, superseded }
    }

    pub(crate) fn is_open(&self, instance: &InstanceId) -> bool {
        self.lock().by_instance.contains_key(instance)
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().by_instance.len()
    }

    /// Follows sessions as they come and go.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn changed(&self) {
        self.changes.send_modify(|n| *n += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// Whether no newer session of the instance has begun.
    pub(crate) fn is_current(&self) -> bool {
        self.links.lock().by_instance.get(&self.instance).is_some_and(|c| c.number == self.number)
    }

    /// Returns when a newer session of the instance begins.
    pub(crate) async fn superseded(&mut self) {
        // The sender is never used: it goes when another takes its place.
        let _ = (&mut self.superseded).await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut open = self.links.lock();
        if open.by_instance.get(&self.instance).is_some_and(|c| c.number == self.number) {
            open.by_instance.remove(&self.instance);
            drop(open);
            self.links.changed();
        }
    }
}
