//! What the store's head was just before and just after a request: the transaction of one that is polled for the first
//! time runs then and there, so nothing else is between the two.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use store::{State, Store, StoreError, Tx};

/// What was seen.
pub struct Seen {
    /// The state that the transaction began with.
    pub before: State,
    /// The state that it left.
    pub after: State,
}

/// Carries a request out.
pub async fn witness<T>(store: &Store, request: impl Future<Output = T>) -> (T, Option<Seen>) {
    let mut request = pin!(request);
    let before = peek(store, |tx| State::clone(tx));
    let first = poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx))).await;
    let after = peek(store, |tx| State::clone(tx));
    let answer = match first {
        Poll::Ready(answer) => answer,
        // What is left to do is to wait for the disk.
        Poll::Pending => request.await,
    };
    (answer, before.zip(after).map(|(before, after)| Seen { before, after }))
}

/// Looks at the store's head, which may be ahead of the disk, in a transaction that writes nothing; `None` when the store
/// has failed.
pub fn peek<T>(store: &Store, look: impl FnOnce(&mut Tx) -> T) -> Option<T> {
    let mut seen = None;
    let transaction = store.commit(|tx| {
        seen = Some(look(tx));
        Ok::<_, StoreError>(())
    });
    // Nobody waits for what it has seen to be on disk.
    let _ = pin!(transaction).poll(&mut Context::from_waker(Waker::noop()));
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::{Committer, MemoryJournal};

    #[tokio::test]
    async fn a_transaction_is_between_what_was_before_and_what_is_after() {
        let store = Store::open(Box::new(MemoryJournal::new()), Committer::Inline).unwrap();
        let request = store.commit(|tx| {
            tx.set_setting("name", "value");
            Ok::<_, StoreError>(())
        });
        let (answer, seen) = witness(&store, request).await;
        let seen = seen.unwrap();
        assert_eq!(answer, Ok(()));
        assert_eq!((seen.before.setting("name"), seen.after.setting("name")), (None, Some("value")));
    }
}
