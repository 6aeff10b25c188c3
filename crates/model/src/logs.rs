//! CloudWatch Logs groups, streams and metric filters. Events live in segments of their own, not in the store.

use crate::{LogGroupName, LogStreamName, MetricFilterName, Scope, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A log group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogGroup {
    /// Owner.
    pub scope: Scope,
    /// Unique in its scope.
    pub name: LogGroupName,
    /// When it was created.
    pub created_at: Timestamp,
    /// User tags.
    pub tags: Tags,
    /// Events older than this many days are expired; `None` keeps them for ever (PutRetentionPolicy).
    #[serde(default)]
    pub retention_days: Option<u32>,
}

impl LogGroup {
    /// The time before which events are expired at `now`.
    pub fn expired_before(&self, now: Timestamp) -> Option<Timestamp> {
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        self.retention_days.map(|days| now.plus_millis(-DAY_MS * i64::from(days)))
    }
}

/// A log stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogStream {
    /// Names its segments on disk. Never given twice, so that a stream that is deleted and created anew starts empty.
    pub id: u64,
    /// Owner.
    pub scope: Scope,
    /// The group that it belongs to.
    pub group: LogGroupName,
    /// Unique in its group.
    pub name: LogStreamName,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A metric filter: what log events of a group count into which metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricFilter {
    /// Owner.
    pub scope: Scope,
    /// The group whose events it counts.
    pub group: LogGroupName,
    /// Unique in its group.
    pub name: MetricFilterName,
    /// The filter pattern as it was given; it parses.
    pub pattern: String,
    /// What a matching event counts as. AWS's list of these has exactly one.
    pub transformation: MetricTransformation,
    /// When it was first put; putting it again changes the rest.
    pub created_at: Timestamp,
}

/// What a matching event counts as (`MetricTransformation` in the Amazon CloudWatch Logs API reference).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricTransformation {
    /// The metric's name.
    pub name: String,
    /// The metric's namespace.
    pub namespace: String,
    /// A number, or what the pattern calls the event's field that holds one: `$.latency`, `$bytes`.
    pub value: String,
    /// What is reported for a minute whose events did not match.
    pub default: Option<f64>,
    /// By name, what the pattern calls the field that holds the dimension's value.
    pub dimensions: BTreeMap<String, String>,
    /// AWS's name of the unit; `None` was not given, which is the unit of that name.
    pub unit: Option<String>,
}
