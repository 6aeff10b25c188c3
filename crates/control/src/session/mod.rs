//! Sessions: the server's side of ACS and TCS over any byte stream.

pub(crate) mod acs;
mod link;
mod socket;
pub(crate) mod tcs;
mod telemetry;
mod told;
pub(crate) mod upgrade;

pub(crate) use link::{Link, Links};
pub use upgrade::{ACS_ENDPOINT_PATH, TCS_ENDPOINT_PATH, is_agent_path};

use store::StoreError;

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionEnd {
    /// The agent closed the link, or it broke.
    #[error("the agent closed the link")]
    Closed,
    /// A newer session of the same instance took over (INV-ACS-1).
    #[error("a newer session of the instance took over")]
    Superseded,
    /// A heartbeat was not answered, or a message was not taken, in time.
    #[error("the agent is silent")]
    Silent,
    /// The instance is INACTIVE and has no tasks left, or is gone.
    #[error("the instance was deregistered")]
    Deregistered,
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
