//! How many connections may be open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// All together; the next ones wait.
const ALL_MAX: usize = 512;
/// From one address; the next ones are closed, so that one container does not keep the others waiting.
pub(crate) const FROM_ONE_MAX: usize = 64;

/// Places for connections.
#[derive(Clone)]
pub(crate) struct Places {
    all: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One that is taken.
pub(crate) struct Place {
    peer: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
    _one_of_all: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(ALL_MAX)), taken: Arc::default() }
    }

    /// Waits for a place; whose it will be is not known yet. `None` never comes: the semaphore is not closed.
    pub(crate) async fn free(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.all).acquire_owned().await.ok()
    }

    /// Gives it to `peer`, unless that has its share.
    pub(crate) fn take(&self, free: OwnedSemaphorePermit, peer: IpAddr) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(peer).or_default();
        if *count >= FROM_ONE_MAX {
            return None;
        }
        *count += 1;
        Some(Place { peer, taken: Arc::clone(&self.taken), _one_of_all: free })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.peer);
            }
        }
    }
}
