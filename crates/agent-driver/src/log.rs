//! The log drivers: from a container's output to CloudWatch Logs, Fluentd or a file. The shim writes a spool on disk, so that no line is
//! lost while no agent runs; the driver ships the spool and deletes what was acknowledged.

use crate::RuntimeId;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where a container's output goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogOutput {
    /// Nowhere (Docker's driver `none`).
    #[default]
    Discard,
    /// A spool, which a [`Logs`] driver ships.
    Spool(SpoolSpec),
    /// A file in the form of Docker's driver `json-file`, gone with the container.
    JsonFile(JsonFileSpec),
}

/// Docker's driver `json-file`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonFileSpec {
    /// The file; older ones have `.1`, `.2` … after its name.
    pub path: PathBuf,
    /// `max-size`; `None` is unlimited.
    pub max_bytes: Option<u64>,
    /// `max-file`, at least 1.
    pub max_files: u32,
    /// `attrs` of every line: the labels and variables that `labels` and `env` name.
    pub attributes: BTreeMap<String, String>,
}

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
    /// Once this many bytes are unshipped, what the container writes is dropped.
    NonBlocking {
        /// Bytes on disk.
        max_bytes: u64,
    },
}

/// Where one container's lines go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSpec {
    /// The container.
    pub id: RuntimeId,
    /// The spool that its shim writes.
    pub spool: SpoolSpec,
    /// Who takes the lines.
    pub destination: LogDestination,
}

/// Who takes a container's lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogDestination {
    /// CloudWatch Logs.
    Awslogs(AwslogsSpec),
    /// Fluentd or Fluent Bit, over the forward protocol.
    Fluentd(FluentdSpec),
}

/// The driver `awslogs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwslogsSpec {
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
    /// What begins an event of several lines; `None` makes every line one.
    pub multiline: Option<Multiline>,
}

/// What the first line of an event looks like; the lines up to the next such line belong to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Multiline {
    /// `awslogs-multiline-pattern`: a regular expression.
    Pattern(String),
    /// `awslogs-datetime-format`: in the form of Python's `strftime`.
    DatetimeFormat(String),
}

/// The driver `fluentd`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FluentdSpec {
    /// `fluentd-address`: `HOST:PORT`, `tcp://…`, or `unix:///path`.
    pub address: String,
    /// `tag`, with its template filled in.
    pub tag: String,
    /// `fluentd-async`: the container starts even if nobody listens.
    pub connect_async: bool,
    /// `fluentd-sub-second-precision`.
    pub sub_second: bool,
    /// `fluentd-request-ack`.
    pub request_ack: bool,
    /// Fields of every record beside `log` and `source`: `container_id`, `container_name`, and what `labels` and `env`
    /// name.
    pub fields: BTreeMap<String, String>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// When the shim read it, in milliseconds since the epoch.
    pub at_unix_ms: i64,
    /// Without its newline, unless it may have several lines; invalid UTF-8 is replaced.
    pub message: String,
    /// The container wrote it to standard error.
    pub is_stderr: bool,
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
    /// `id` is the container whose task signs.
    async fn ensure_stream(&self, id: &RuntimeId, spec: &AwslogsSpec) -> Result<(), SinkError>;
    /// PutLogEvents: at most 10,000 events and 1 MiB, sorted by time. They are durable when this answers.
    async fn put(&self, id: &RuntimeId, spec: &AwslogsSpec, events: &[LogEvent]) -> Result<(), SinkError>;
}

/// Follows spools.
#[async_trait]
pub trait Logs: Send + Sync {
    /// Makes sure that there is somebody to take the lines: that the stream exists, that Fluentd answers. Called before the container starts.
    async fn prepare(&self, spec: &LogSpec) -> Result<(), LogError>;
    /// Follows the spool until [`Logs::finish`]. Called after the container has started, and again after a restart of
    /// the agent. Idempotent.
    async fn follow(&self, spec: &LogSpec) -> Result<(), LogError>;
    /// The container has exited: answers when every line of the spool was delivered, or was given up on for good.
    async fn finish(&self, id: &RuntimeId) -> Result<(), LogError>;
}
