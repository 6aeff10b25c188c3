//! `restartPolicy`.

use serde::{Deserialize, Serialize};

/// Whether and when the agent starts an exited container again, without stopping its task (Amazon ECS: container restart
/// policy).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartPolicy {
    /// Off, it does nothing.
    pub enabled: bool,
    /// Exit codes that are no reason to restart.
    pub ignored_exit_codes: Vec<i32>,
    /// It must have run this long for a restart: 60 to 1800.
    pub attempt_period_secs: u32,
}

impl RestartPolicy {
    /// `restartAttemptPeriod` when absent.
    pub const ATTEMPT_PERIOD_SECS_DEFAULT: u32 = 300;
}
