//! Work that several callers want at the same time, done once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::OnceCell;

/// What is being worked on. A result lives only as long as someone waits for it.
pub(crate) struct Flights<K, V>(Mutex<HashMap<K, Weak<OnceCell<V>>>>);

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Flights(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Flights<K, V> {
    /// Does the work, or waits for whoever does it already. A caller that goes away hands the work to one that waits.
    pub(crate) async fn join(&self, key: K, work: impl Future<Output = V>) -> V {
        let cell = self.cell(key);
        cell.get_or_init(|| work).await.clone()
    }

    fn cell(&self, key: K) -> Arc<OnceCell<V>> {
        let mut flying = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flying.retain(|_, cell| cell.strong_count() > 0);
        if let Some(cell) = flying.get(&key).and_then(Weak::upgrade) {
            return cell;
        }
        let cell = Arc::new(OnceCell::new());
        flying.insert(key, Arc::downgrade(&cell));
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future;
    use std::cell::Cell;

    #[tokio::test]
    async fn callers_share_and_later_ones_start_anew() {
        let flights = Flights::default();
        let runs = Cell::new(0);
        let work = || async {
            runs.set(runs.get() + 1);
            tokio::task::yield_now().await;
            runs.get()
        };
        assert_eq!(future::join(flights.join("a", work()), flights.join("a", work())).await, (1, 1));
        assert_eq!(flights.join("a", work()).await, 2);
    }

    #[tokio::test]
    async fn work_survives_the_caller_who_began_it() {
        let flights = Flights::default();
        let mut leader = Box::pin(flights.join("a", future::pending::<u8>()));
        assert!(future::poll_immediate(&mut leader).await.is_none());
        let mut follower = Box::pin(flights.join("a", async { 7 }));
        assert!(future::poll_immediate(&mut follower).await.is_none());
        drop(leader);
        assert_eq!(follower.await, 7);
    }
}
