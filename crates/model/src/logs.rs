//! CloudWatch Logs groups and streams. Their events live in segments of their own, not in the store.

use crate::{LogGroupName, LogStreamName, Scope, Tags, Timestamp};
use serde::{Deserialize, Serialize};

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
