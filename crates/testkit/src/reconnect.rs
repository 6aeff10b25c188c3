//! When the official agent opens a link again.

/// After how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconnect {
    /// At once, and the backoff starts anew.
    AtOnce,
    /// After a backoff: 0.25 s, half as much more each time, at most 2 min.
    Later,
    /// After an hour: the instance was deregistered.
    InAnHour,
}

impl Reconnect {
    /// After a close frame with this code; `None` is a stream that ended without one.
    pub fn after_close(code: Option<u16>) -> Self {
        match code {
            None | Some(1000 | 1001 | 1006 | 1011) => Self::AtOnce,
            Some(_) => Self::Later,
        }
    }

    /// After an upgrade that was refused with this body.
    pub fn after_refusal(body: &str) -> Self {
        if body.contains("InactiveInstanceException") { Self::InAnHour } else { Self::Later }
    }
}
