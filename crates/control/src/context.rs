//! What every controller and session is given.

use crate::session::Links;
use model::Timestamp;
use model::time::{Clock, IdSource};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::Store;
use tokio::sync::Notify;
use wire::Keys;

/// Times that a deployment or a test may want to change.
#[derive(Clone, Debug)]
pub struct ControlConfig {
    /// From one heartbeat of a session to the next. Agents give up after 60 s without any message.
    pub heartbeat_interval: Duration,
    /// How long a heartbeat may stay unanswered before the session is dropped.
    pub heartbeat_timeout: Duration,
    /// From one ping of an ACS link to the next.
    pub ping_interval: Duration,
    /// How long after an agent's last frame its session is dropped, when it answers no ping. More than `ping_interval`:
    /// what is left is the time that an agent has to answer a ping, or to take a message.
    pub silence_max: Duration,
    /// How long a STOPPED task is kept, and an INACTIVE container instance; Amazon ECS shows the former for about an hour.
    pub retention: Duration,
    /// How often records are looked through for those to forget.
    pub reap_interval: Duration,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self {
            heartbeat_interval: Duration::from_secs(20),
            heartbeat_timeout: Duration::from_secs(3),
            ping_interval: Duration::from_secs(1),
            silence_max: Duration::from_millis(2500),
            retention: Duration::from_secs(3600),
            reap_interval: Duration::from_secs(60),
        }
    }
}

/// Pings come at least this often however patient a control plane is: an agent takes a longer pause for its end.
const PING_INTERVAL_MAX: Duration = Duration::from_secs(4);

impl ControlConfig {
    /// With an agent given up after this time without a frame of it. Two pings fit into it.
    pub fn with_silence_max(self, silence_max: Duration) -> Self {
        Self { silence_max, ping_interval: (silence_max * 2 / 5).min(PING_INTERVAL_MAX), ..self }
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
    pub(crate) closing: Closing,
}

/// Tells the sessions to end. They hear of it in the order in which they asked, which a `watch` would not promise.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    is_closing: AtomicBool,
    waiting: Notify,
}

impl Closing {
    pub(crate) fn begin(&self) {
        self.is_closing.store(true, Ordering::Release);
        self.waiting.notify_waiters();
    }

    async fn begun(&self) {
        // Made before the look: what begins in between is not missed.
        let notified = self.waiting.notified();
        if !self.is_closing.load(Ordering::Acquire) {
            notified.await;
        }
    }
}

impl Context {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns once this access key counts no more.
    pub(crate) async fn revoked(&self, access_key: &str) {
        let mut keys = self.store.watch_deleted_keys();
        loop {
            keys.changed().await;
            if self.keys.find(access_key).is_none() {
                return;
            }
        }
    }

    /// Returns once the sessions are to end.
    pub(crate) async fn closed(&self) {
        self.closing.begun().await;
    }
}
