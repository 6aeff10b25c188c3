//! Sessions: the server's side of ACS and TCS over any [`Frames`].

pub(crate) mod acs;
mod frames;
mod link;
mod pulse;
mod socket;
pub(crate) mod tcs;
mod telemetry;
mod told;
pub(crate) mod upgrade;

pub use frames::{Frame, Frames};
pub(crate) use link::{Link, Links};
pub use socket::Socket;
pub use upgrade::{ACS_ENDPOINT_PATH, TCS_ENDPOINT_PATH, is_agent_path};

use std::time::Duration;
use store::{InstanceKey, StoreError};

/// Whom a link is with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The container instance.
    pub instance: InstanceKey,
    /// What its agent signs with: the link ends when the key is deleted.
    pub access_key: String,
}

/// How long a session that is over tries to say so.
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// Ends a link: it is over whether or not the agent hears of it.
pub(crate) async fn close(frames: impl Frames, end: &SessionEnd) {
    let _ = tokio::time::timeout(FAREWELL_MAX, frames.close(end)).await;
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionEnd {
    /// The agent closed the link, or it broke.
    #[error("the agent closed the link")]
    Closed,
    /// A newer session of the same instance took over (INV-ACS-1).
    #[error("a newer session of the instance took over")]
    Superseded,
    /// A ping or a heartbeat was not answered, or a message was not taken, in time.
    #[error("the agent is silent")]
    Silent,
    /// The instance is INACTIVE, or is gone.
    #[error("the instance was deregistered")]
    Deregistered,
    /// The access key with which it was opened was deleted.
    #[error("the access key of the agent was deleted")]
    Revoked,
    /// The control plane shuts down.
    #[error("the control plane shuts down")]
    Shutdown,
    /// The link failed.
    #[error("the link failed: {0}")]
    Link(String),
    /// The store takes no more writes.
    #[error(transparent)]
    Store(#[from] StoreError),
}
