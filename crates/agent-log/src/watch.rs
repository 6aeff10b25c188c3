//! One inotify instance that wakes the followers of all spools.

use futures_util::StreamExt as _;
use inotify::{EventMask, EventStream, Inotify, WatchDescriptor, WatchMask, Watches};
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

type Wakers = HashMap<WatchDescriptor, Arc<Notify>>;

/// Watches directories for as long as it lives.
#[derive(Debug)]
pub struct SpoolWatch {
    watches: Watches,
    wakers: Arc<Mutex<Wakers>>,
    dispatcher: AbortHandle,
}

impl SpoolWatch {
    /// Must be called inside a tokio runtime.
    pub fn start() -> io::Result<Self> {
        let events = Inotify::init()?.into_event_stream([0; 4096])?;
        let watches = events.watches();
        let wakers = Arc::new(Mutex::new(Wakers::new()));
        let dispatcher = tokio::spawn(dispatch(events, wakers.clone())).abort_handle();
        Ok(Self { watches, wakers, dispatcher })
    }

    /// Wakes the answer's waiter after every change of the directory from now on. Changes that happen while nobody
    /// waits are remembered as one.
    pub fn watch(&self, dir: &Path) -> io::Result<Watched> {
        let written = WatchMask::MODIFY | WatchMask::CLOSE_WRITE;
        let mask = WatchMask::CREATE | WatchMask::MOVED_TO | written | WatchMask::ONLYDIR;
        // Locked first, so that the dispatcher cannot see an event of a watch that is not in the table yet.
        let mut wakers = lock(&self.wakers);
        let descriptor = self.watches.clone().add(dir, mask)?;
        let changed = wakers.entry(descriptor.clone()).or_default().clone();
        Ok(Watched { changed, descriptor, watches: self.watches.clone(), wakers: self.wakers.clone() })
    }
}

impl Drop for SpoolWatch {
    fn drop(&mut self) {
        self.dispatcher.abort();
    }
}

/// A directory that is watched until this is dropped.
#[derive(Debug)]
pub struct Watched {
    changed: Arc<Notify>,
    descriptor: WatchDescriptor,
    watches: Watches,
    wakers: Arc<Mutex<Wakers>>,
}

impl Watched {
    /// Answers when the directory has changed since the last answer.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        lock(&self.wakers).remove(&self.descriptor);
        // Fails when the directory is gone, and the watch with it.
        let _ = self.watches.remove(self.descriptor.clone());
    }
}

fn lock(wakers: &Mutex<Wakers>) -> MutexGuard<'_, Wakers> {
    wakers.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn dispatch(mut events: EventStream<[u8; 4096]>, wakers: Arc<Mutex<Wakers>>) {
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => wake(&wakers, &event.wd, event.mask),
            Err(error) => tracing::warn!(%error, "inotify cannot be read"),
        }
    }
}

fn wake(wakers: &Mutex<Wakers>, descriptor: &WatchDescriptor, mask: EventMask) {
    let wakers = lock(wakers);
    if mask.contains(EventMask::Q_OVERFLOW) {
        wakers.values().for_each(|changed| changed.notify_one());
    } else if let Some(changed) = wakers.get(descriptor) {
        changed.notify_one();
    }
}
