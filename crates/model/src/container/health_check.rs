//! `healthCheck`.

use serde::{Deserialize, Serialize};

/// How a container's health is checked (Amazon ECS API Reference: HealthCheck); absent members have their defaults here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// `CMD` and arguments, or `CMD-SHELL` and one line.
    pub command: Vec<String>,
    /// Between the end of one check and the start of the next: 5 to 300.
    pub interval_secs: u32,
    /// After which a check has failed: 2 to 60.
    pub timeout_secs: u32,
    /// Failures in a row that make it unhealthy: 1 to 10.
    pub retries: u32,
    /// Failures in this time do not count: 0 to 300. `None` is off.
    pub start_period_secs: Option<u32>,
}

impl HealthCheck {
    /// `interval` when absent.
    pub const INTERVAL_SECS_DEFAULT: u32 = 30;
    /// `timeout` when absent.
    pub const TIMEOUT_SECS_DEFAULT: u32 = 5;
    /// `retries` when absent.
    pub const RETRIES_DEFAULT: u32 = 3;
}
