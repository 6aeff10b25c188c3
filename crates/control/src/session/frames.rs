//! What a session runs over: text frames both ways. The websocket is one implementation.

use crate::session::SessionEnd;
use std::future::Future;
use std::pin::pin;
use tokio::time::{Instant, timeout_at};

/// A link on which the upgrade is done. It keeps no time: how long anything may take is the session's to say.
pub trait Frames: Send {
    /// The next frame. Cancelling it loses nothing.
    fn next(&mut self) -> impl Future<Output = Result<Frame, SessionEnd>> + Send;

    /// Sends a text frame. A link on which this was cancelled is of no use but to be closed.
    fn send(&mut self, text: String) -> impl Future<Output = Result<(), SessionEnd>> + Send;

    /// Asks for a sign of life, which is a [`Frame::Pong`].
    fn ping(&mut self) -> impl Future<Output = Result<(), SessionEnd>> + Send;

    /// Says why the session ended, as far as the other end still listens.
    fn close(self, end: &SessionEnd) -> impl Future<Output = ()> + Send;
}

/// What came over a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Text(String),
    /// A frame of the link itself: no news, but that the other end lives.
    Pong,
}

/// A send that has to be done by `deadline`. An agent that does not take it in time is silent.
pub(crate) async fn by(
    deadline: Instant,
    send: impl Future<Output = Result<(), SessionEnd>>,
) -> Result<(), SessionEnd> {
    timeout_at(deadline, send).await.unwrap_or(Err(SessionEnd::Silent))
}

/// One of two things that may happen.
pub(crate) enum Either<A, B> {
    First(A),
    Second(B),
}

/// Whichever happens. When both have, the one that did not happen last time: neither starves the other.
pub(crate) async fn alternate<A, B>(
    second_first: &mut bool,
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> Either<A, B> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let happened = if *second_first {
        tokio::select! {
            biased;
            b = &mut second => Either::Second(b),
            a = &mut first => Either::First(a),
        }
    } else {
        tokio::select! {
            biased;
            a = &mut first => Either::First(a),
            b = &mut second => Either::Second(b),
        }
    };
    *second_first = matches!(happened, Either::First(_));
    happened
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::ready;

    #[tokio::test]
    async fn of_two_that_are_always_ready_each_has_its_turn() {
        let mut turn = false;
        let mut firsts = Vec::new();
        for _ in 0..4 {
            let happened = alternate(&mut turn, ready(()), ready(())).await;
            firsts.push(matches!(happened, Either::First(())));
        }
        assert_eq!(firsts, [true, false, true, false]);
    }
}
