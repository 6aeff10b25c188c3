//! The log driver: from a container's output to CloudWatch Logs. The shim writes a spool on disk, so that no line is
//! lost while no agent runs; the driver ships the spool and deletes what was acknowledged.

use crate::RuntimeId;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where and how the shim writes a container's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolSpec {
    /// The spool's directory; created by the shim.
    pub dir: PathBuf,
    /// What to do when the shipper falls behind.
    pub mode: SpoolMode,
}

/// `mode` of the awslogs driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpoolMode {
    /// The container waits once this many bytes are unshipped.
    Blocking {
        /// Bytes on disk.
        max_bytes: u64,
    },
    /// The oldest unshipped bytes are dropped.
    NonBlocking {
        /// Bytes on disk.
        max_bytes: u64,
    },
}

/// Where one container's lines go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwslogsSpec {
    /// The container.
    pub id: RuntimeId,
    /// The spool that its shim writes.
    pub spool: SpoolSpec,
    /// The account whose group it is.
    pub account: String,
    /// `awslogs-region`.
    pub region: String,
    /// `awslogs-group`.
    pub group: String,
    /// `prefix/container/task-id`.
    pub stream: String,
    /// `awslogs-create-group`.
    pub create_group: bool,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// When the shim read it, in milliseconds since the epoch.
    pub at_unix_ms: i64,
    /// Without its newline; invalid UTF-8 is replaced.
    pub message: String,
}

/// Why a line could not be delivered.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Trying again later may help.
    #[error("{0}")]
    Retry(String),
    /// It will never help: the group is missing, say.
    #[error("{0}")]
    Refused(String),
}

/// Why logging could not begin: the text after `ResourceInitializationError: `.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LogError(pub String);

/// CloudWatch Logs as the driver needs it.
#[async_trait]
pub trait LogSink: Send + Sync {
    /// CreateLogStream, and CreateLogGroup before it when the spec says so. Existing ones are no error.
    async fn ensure_stream(&self, spec: &AwslogsSpec) -> Result<(), SinkError>;
    /// PutLogEvents: at most 10,000 events and 1 MiB, sorted by time. They are durable when this answers.
    async fn put(&self, spec: &AwslogsSpec, events: &[LogEvent]) -> Result<(), SinkError>;
}

/// Follows spools.
#[async_trait]
pub trait Logs: Send + Sync {
    /// Makes sure that the stream exists. Called before the container starts.
    async fn prepare(&self, spec: &AwslogsSpec) -> Result<(), LogError>;
    /// Follows the spool until [`Logs::finish`]. Called after the container has started, and again after a restart of
    /// the agent. Idempotent.
    async fn follow(&self, spec: &AwslogsSpec) -> Result<(), LogError>;
    /// The container has exited: answers when every line of the spool was delivered, or was given up on for good.
    async fn finish(&self, id: &RuntimeId) -> Result<(), LogError>;
}
