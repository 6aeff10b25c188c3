//! TCS: telemetry from the agent, acknowledgements back.

use crate::{DecodeError, FRAME_BYTES_MAX, HeartbeatMessage, decode, encode};
use serde::{Deserialize, Serialize};

/// The longest block of headers before a telemetry frame, in bytes.
const HEADER_BYTES_MAX: usize = 16 << 10;

crate::frame::messages! {
    /// What an agent says on TCS, after the headers that sign it ([`SignedFrame`]).
    pub enum TelemetryMessage {
        /// Resource use, every 20 s.
        PublishMetrics(PublishMetricsRequest) = "PublishMetricsRequest",
        /// Container health, every 20 s while there are health checks.
        PublishHealth(PublishHealthRequest) = "PublishHealthRequest",
        /// Health of the instance itself.
        PublishInstanceStatus(PublishInstanceStatusRequest) = "PublishInstanceStatusRequest",
    }
}

crate::frame::messages! {
    /// What the control plane says on TCS.
    pub enum TelemetryAnswer {
        /// Proof of life.
        Heartbeat(HeartbeatMessage) = "HeartbeatMessage",
        /// The metrics arrived.
        AckPublishMetric(AckPublishMetric) = "AckPublishMetric",
        /// The health arrived.
        AckPublishHealth(AckPublishHealth) = "AckPublishHealth",
        /// The instance's status arrived.
        AckPublishInstanceStatus(AckPublishInstanceStatus) = "AckPublishInstanceStatus",
    }
}

/// A frame from an agent: HTTP-like header lines, an empty line, JSON. The signature covers `body` byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedFrame<'a> {
    /// `(name, value)` as written.
    pub headers: Vec<(&'a str, &'a str)>,
    /// The JSON text.
    pub body: &'a str,
}

impl<'a> SignedFrame<'a> {
    /// Splits a frame at its first empty line.
    pub fn split(text: &'a str) -> Result<Self, DecodeError> {
        if text.len() > FRAME_BYTES_MAX {
            return Err(DecodeError::TooLong(text.len()));
        }
        let (head, body) = text.split_once("\r\n\r\n").ok_or(DecodeError::NoHeaders)?;
        if head.len() > HEADER_BYTES_MAX {
            return Err(DecodeError::NoHeaders);
        }
        let headers = head
            .split("\r\n")
            .map(|line| line.split_once(':').map(|(name, value)| (name.trim(), value.trim())))
            .collect::<Option<Vec<_>>>()
            .ok_or(DecodeError::NoHeaders)?;
        Ok(Self { headers, body })
    }

    /// The value of a header, whatever its case.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The message in the frame.
    pub fn message(&self) -> Result<TelemetryMessage, DecodeError> {
        decode(self.body)
    }

    /// The whole frame as text. Header values hold no line breaks.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.body.len() + 512);
        for (name, value) in &self.headers {
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        text.push_str(self.body);
        text
    }
}

/// The JSON text of a message: hash it, sign it, then put it into a [`SignedFrame`].
pub fn encode_body(message: &TelemetryMessage) -> String {
    encode(message)
}

/// Where telemetry comes from and which page it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The configured cluster.
    #[serde(default)]
    pub cluster: String,
    /// The instance's ARN.
    #[serde(default)]
    pub container_instance: String,
    /// The same on all pages of one report.
    #[serde(default)]
    pub message_id: String,
    /// Nothing runs.
    #[serde(default)]
    pub idle: bool,
    /// The last page.
    #[serde(default)]
    pub fin: bool,
}

/// Resource use of at most ten tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishMetricsRequest {
    /// Source and page.
    pub metadata: Metadata,
    /// By task.
    #[serde(default)]
    pub task_metrics: Vec<TaskMetric>,
    /// Seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<f64>,
}

/// Resource use of one task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskMetric {
    /// The task.
    pub task_arn: String,
    /// Its definition's family.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task_definition_family: String,
    /// Its definition's revision.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task_definition_version: String,
    /// By container.
    #[serde(default)]
    pub container_metrics: Vec<ContainerMetric>,
}

/// Resource use of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerMetric {
    /// The container.
    #[serde(default)]
    pub container_name: String,
    /// Percent of what the container sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_stats_set: Option<StatsSet>,
    /// MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_stats_set: Option<StatsSet>,
    /// All of its interfaces together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_stats_set: Option<NetworkStatsSet>,
    /// Block devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_stats_set: Option<StorageStatsSet>,
    /// Restarts, when there is a restart policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_stats_set: Option<RestartStatsSet>,
}

/// What a container's interfaces have carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct NetworkStatsSet {
    pub rx_bytes: CounterStatsSet,
    pub rx_packets: CounterStatsSet,
    pub rx_errors: CounterStatsSet,
    pub rx_dropped: CounterStatsSet,
    pub tx_bytes: CounterStatsSet,
    pub tx_packets: CounterStatsSet,
    pub tx_errors: CounterStatsSet,
    pub tx_dropped: CounterStatsSet,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rx_bytes_per_second: Option<StatsSet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx_bytes_per_second: Option<StatsSet>,
}

/// What a container has read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct StorageStatsSet {
    pub read_size_bytes: CounterStatsSet,
    pub write_size_bytes: CounterStatsSet,
}

/// How often a container was restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RestartStatsSet {
    /// So often.
    pub restart_count: i64,
}

/// Samples of a counter, summed up. What does not fit into the first three is in the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct CounterStatsSet {
    pub min: i64,
    pub max: i64,
    pub sum: i64,
    /// How many.
    pub sample_count: i64,
    pub overflow_min: i64,
    pub overflow_max: i64,
    pub overflow_sum: i64,
}

impl CounterStatsSet {
    /// One sample.
    pub fn of(value: u64) -> Self {
        let fits = i64::try_from(value).unwrap_or(i64::MAX);
        let overflow = i64::try_from(value - fits.unsigned_abs()).unwrap_or(i64::MAX);
        Self {
            min: fits,
            max: fits,
            sum: fits,
            sample_count: 1,
            overflow_min: overflow,
            overflow_max: overflow,
            overflow_sum: overflow,
        }
    }
}

impl StatsSet {
    /// One sample.
    pub fn of(value: f64) -> Self {
        Self { min: value, max: value, sum: value, sample_count: 1 }
    }
}

/// Samples of one measure, summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatsSet {
    /// Smallest.
    pub min: f64,
    /// Greatest.
    pub max: f64,
    /// Sum.
    pub sum: f64,
    /// How many.
    pub sample_count: i64,
}

/// Health of the containers of at most ten tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishHealthRequest {
    /// Source and page.
    pub metadata: Metadata,
    /// By task.
    #[serde(default)]
    pub tasks: Vec<TaskHealth>,
    /// Seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<f64>,
}

/// Health of one task's containers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskHealth {
    /// The task.
    pub task_arn: String,
    /// Its definition's family.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task_definition_family: String,
    /// Its definition's revision.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task_definition_version: String,
    /// By container.
    #[serde(default)]
    pub containers: Vec<ContainerHealth>,
}

/// Health of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerHealth {
    /// The container.
    pub container_name: String,
    /// `HEALTHY`, `UNHEALTHY` or `UNKNOWN`.
    pub health_status: String,
    /// Seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_since: Option<f64>,
}

/// Health of the instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishInstanceStatusRequest {
    /// Source.
    pub metadata: StatusMetadata,
    /// By kind of check.
    #[serde(default)]
    pub statuses: Vec<InstanceStatus>,
    /// Seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<f64>,
}

/// Where an instance's status comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusMetadata {
    /// The configured cluster.
    #[serde(default)]
    pub cluster: String,
    /// The instance's ARN.
    #[serde(default)]
    pub container_instance: String,
    /// Of this report.
    #[serde(default)]
    pub request_id: String,
}

/// One check of an instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceStatus {
    /// `ContainerRuntime`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `INITIALIZING`, `OK`, `IMPAIRED` or `INSUFFICIENT_DATA`.
    pub status: String,
    /// Seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<f64>,
    /// Seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_status_change: Option<f64>,
}

macro_rules! acks {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            /// In words; may be empty.
            #[serde(default)]
            pub message: String,
        }
    )+};
}

acks! {
    /// The metrics arrived.
    AckPublishMetric,
    /// The health arrived.
    AckPublishHealth,
    /// The instance's status arrived.
    AckPublishInstanceStatus,
}
