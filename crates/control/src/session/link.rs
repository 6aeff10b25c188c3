//! Which instance has a session: at most one each, the newest (INV-ACS-1).

use model::InstanceId;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Instances that have lost their session and may still count as connected; `None` as long as that may be any,
    /// because nobody has looked since the start.
    suspects: Option<BTreeSet<InstanceId>>,
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
        open.suspects.iter_mut().for_each(|suspects| {
            suspects.remove(instance);
        });
        drop(open);
        self.changed();
        Link { links: self.clone(), instance: instance.clone(), number, superseded }
    }

    /// Whether there are instances that may count as connected without a session.
    pub(crate) fn has_suspects(&self) -> bool {
        self.lock().suspects.as_ref().is_none_or(|suspects| !suspects.is_empty())
    }

    /// Which. `connected` are those that count as connected; it is asked once.
    pub(crate) fn suspects<'a>(&self, connected: impl Iterator<Item = &'a InstanceId>) -> Vec<InstanceId> {
        let mut open = self.lock();
        let Open { by_instance, suspects, .. } = &mut *open;
        let suspects = suspects.get_or_insert_with(|| {
            connected.filter(|instance| !by_instance.contains_key(instance)).cloned().collect()
        });
        suspects.iter().cloned().collect()
    }

    /// An instance that does not count as connected is no suspect.
    pub(crate) fn clear(&self, instance: &InstanceId) {
        self.lock().suspects.iter_mut().for_each(|suspects| {
            suspects.remove(instance);
        });
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
            open.suspects.iter_mut().for_each(|suspects| {
                suspects.insert(self.instance.clone());
            });
            drop(open);
            self.links.changed();
        }
    }
}
