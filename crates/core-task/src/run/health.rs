//! A container's health, as Docker has it: UNKNOWN until a check has passed or enough of them have failed in a row.

use crate::run::command::{Command, Timer};
use crate::run::fact::Outcome;
use crate::run::spec::HealthCheck;
use model::Timestamp;
use model::task::HealthStatus;
use serde::{Deserialize, Serialize};

/// What the health checks of a running container say. It begins anew with each start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// What is told upstream.
    pub status: HealthStatus,
    /// When it became that.
    pub since: Timestamp,
    /// When the container was started.
    started_at: Timestamp,
    /// Failures in a row that count.
    failures: u32,
    /// The check that is due next or goes on; counts across restarts.
    probe: u64,
    /// When it is due.
    due: Timestamp,
    /// It goes on.
    probing: bool,
}

impl Health {
    /// Of a container that has just started. `before` is what was known of its last run.
    pub(super) fn of_start(check: &HealthCheck, before: Option<&Health>, now: Timestamp) -> Self {
        Self {
            status: HealthStatus::Unknown,
            since: now,
            started_at: now,
            failures: 0,
            probe: before.map_or(0, |b| b.probe + 1),
            due: now.plus_millis(check.interval_ms),
            probing: false,
        }
    }

    pub(super) fn outstanding(&self, index: usize) -> Command {
        match self.probing {
            true => Command::Probe(index, self.probe),
            false => Command::SetTimer(Timer::Probe(index, self.probe), self.due),
        }
    }

    pub(super) fn is_due(&mut self, probe: u64) {
        self.probing |= probe == self.probe;
    }

    pub(super) fn probed(&mut self, check: &HealthCheck, probe: u64, outcome: Outcome, now: Timestamp) {
        if !self.probing || probe != self.probe {
            return;
        }
        self.probing = false;
        self.probe += 1;
        self.due = now.plus_millis(check.interval_ms);
        let forgiven = self.status == HealthStatus::Unknown
            && outcome.began_at.millis_since(self.started_at) < check.start_period_ms;
        if outcome.passed {
            self.failures = 0;
            self.change_to(HealthStatus::Healthy, now);
        } else if !forgiven {
            self.failures = self.failures.saturating_add(1);
            if self.failures >= check.retries {
                self.change_to(HealthStatus::Unhealthy, now);
            }
        }
    }

    fn change_to(&mut self, status: HealthStatus, now: Timestamp) {
        if self.status != status {
            self.status = status;
            self.since = now;
        }
    }
}
