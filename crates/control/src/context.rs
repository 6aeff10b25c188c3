//! What every controller and session is given.

use crate::session::Links;
use model::Timestamp;
use model::time::{Clock, IdSource};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::watch;
use wire::Keys;

/// Times that a deployment or a test may want to change.
#[derive(Clone, Debug)]
pub struct ControlConfig {
    /// From one heartbeat of a session to the next. Agents give up after 60 s without any message.
    pub heartbeat_interval: Duration,
    /// How long a heartbeat may stay unanswered before the session is dropped, and how long a send may take.
    pub heartbeat_timeout: Duration,
    /// How long a STOPPED task is kept; Amazon ECS shows it for about an hour.
    pub stopped_task_retention: Duration,
    /// How often records are looked through for those to forget.
    pub reap_interval: Duration,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self {
            heartbeat_interval: Duration::from_secs(20),
            heartbeat_timeout: Duration::from_secs(3),
            stopped_task_retention: Duration::from_secs(3600),
            reap_interval: Duration::from_secs(60),
        }
    }
}

/// The outside, as this crate sees it.
pub(crate) struct Context {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    /// Whose signatures count.
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) config: ControlConfig,
    pub(crate) links: Arc<Links>,
    /// True once the sessions are to end.
    pub(crate) closing: watch::Sender<bool>,
}

impl Context {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns once the sessions are to end.
    pub(crate) async fn closed(&self) {
        let mut closing = self.closing.subscribe();
        // The sender lives as long as `self`.
        let _ = closing.wait_for(|closing| *closing).await;
    }
}
