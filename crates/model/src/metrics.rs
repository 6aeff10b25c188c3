//! CloudWatch metrics: what is reported of them. Their values live in a store of their own, not in the tables.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one time series is called ("Concepts" in the Amazon CloudWatch user guide).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Metric {
    /// Keeps metrics of different programs apart: `AWS/ECS`.
    pub namespace: String,
    /// Its name in the namespace: `CPUUtilization`.
    pub name: String,
    /// Name and value pairs; each combination is a metric of its own.
    pub dimensions: BTreeMap<String, String>,
}

/// Values of a metric at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    /// Of which metric.
    pub metric: Metric,
    /// When.
    pub at: Timestamp,
    /// AWS's name of the unit; `None` is a unit of that name.
    pub unit: String,
    /// The values, each with how often it was seen.
    pub values: Vec<(f64, f64)>,
    /// Seconds that one data point stands for: 1 (high resolution) or 60.
    pub resolution_secs: u32,
}
