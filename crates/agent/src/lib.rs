//! The container instance: takes orders over ACS, runs tasks through drivers, reports what it saw.
//!
//! What it is not: it never sees the control plane's store, and knows no namespace, image format or log segment; those
//! are drivers' business. What a task does next is decided by `core_task::run`; here is only the shell around it.
//!
//! Invariants:
//! - A task is in the [`Ledger`] before its payload is acknowledged and before its first effect
//!   (INV-AGENT-1).
//! - Killed at any moment and started again, the agent adopts every container that runs and misses no exit code
//!   (INV-AGENT-2).
//! - Reports of one task go up in order and are repeated until they are acknowledged.
//! - Credentials of tasks are kept in memory only.
//! - All time comes from tokio's clock and the [`Clock`](model::time::Clock) handed in, all randomness from the
//!   [`IdSource`](model::time::IdSource): a simulator can run it.
//!
//! Start at [`Agent::run`], then `task.rs`. The protocol upstream is behind [`Upstream`]; [`AwsUpstream`] speaks it
//! over sockets.

mod agent;
mod aws;
mod backoff;
mod blueprint;
mod config;
mod disk;
mod effects;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod host;
mod ledger;
mod metadata;
mod meter;
pub mod requests;
mod session;
mod sink;
mod socket;
mod task;
mod tasks;
mod telemetry;
#[cfg(test)]
mod tests;
mod upstream;
mod vault;

pub use agent::{Agent, AgentError};
pub use aws::AwsUpstream;
pub use config::AgentConfig;
pub use host::Drivers;
pub use ledger::{FileLedger, Instance, Ledger, LedgerError, Record};
pub use sink::WireSink;
pub use tasks::AdoptError;
pub use upstream::{
    Endpoints, Link, LinkEnd, ProtectionChange, Registered, Registration, Upstream, UpstreamError,
};
pub use vault::Vault;

/// The agent's version, as it registers and opens its links.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
