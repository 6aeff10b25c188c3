//! What follows from what was seen: who may start, who has to stop, who never will start.

use crate::run::spec::{Condition, Dependency};
use crate::run::state::{Container, Desired, Phase, Resource, State};
use model::Timestamp;
use model::reason::{ContainerError, DependencyError};
use model::task::HealthStatus;

/// How long STOPPED waits for the last lines of the logs.
const LOGS_WAIT_MS: i64 = 10_000;

impl State {
    /// Draws every conclusion that the facts allow. Each round moves at least one container forward, so it ends.
    pub(super) fn settle(&mut self, now: Timestamp) {
        while self.settle_once(now) {}
        let seen = &mut self.observed;
        let pulling = seen.containers.iter().any(|c| c.phase == Phase::Waiting && !c.image_ready);
        if !pulling && seen.pull_stopped_at.is_none() {
            seen.pull_stopped_at = Some(now);
        }
        if self.all_ended() && self.observed.logs_deadline.is_none() {
            self.observed.logs_deadline = Some(now.plus_millis(LOGS_WAIT_MS));
            self.observed.execution_stopped_at.get_or_insert(now);
        }
    }

    fn settle_once(&mut self, now: Timestamp) -> bool {
        let mut moved = false;
        self.follow_essentials();
        for index in 0..self.spec.containers.len() {
            moved |= match self.observed.containers[index].phase {
                Phase::Waiting => self.settle_waiting(index, now),
                Phase::Running => self.settle_running(index, now),
                Phase::Starting | Phase::Restarting | Phase::Ended(_) => false,
            };
        }
        self.was_running_now();
        moved
    }

    /// A task stops when an essential container has ended, or when it failed as a whole.
    fn follow_essentials(&mut self) {
        let ended = |n: usize| self.observed.containers[n].has_ended();
        let essential_ended =
            (0..self.spec.containers.len()).any(|n| self.spec.containers[n].essential && ended(n));
        if essential_ended || self.observed.failure.is_some() {
            self.desired = Desired::Stopped;
        }
    }

    fn settle_waiting(&mut self, index: usize, now: Timestamp) -> bool {
        if self.desired == Desired::Stopped {
            self.observed.containers[index].end_unstarted(None);
            return true;
        }
        let spec = &self.spec.containers[index];
        let never_met = |d: &Dependency| {
            let error = self.never_met(d)?;
            Some(error.text(&self.spec.containers[d.on].name, &spec.name))
        };
        if let Some(text) = spec.depends_on.iter().find_map(never_met) {
            let reason = ContainerError::CannotStartContainer.because(text);
            self.observed.containers[index].end_unstarted(Some(reason));
            return true;
        }
        let container = &self.observed.containers[index];
        let resources = [self.observed.cgroup, self.observed.network, self.observed.volumes];
        let ready = container.image_ready
            && (container.log_ready || !spec.has_log)
            && resources.iter().all(|r| matches!(r, Resource::Ready | Resource::Unneeded))
            && spec.depends_on.iter().all(|d| self.is_met(d));
        if ready {
            let container = &mut self.observed.containers[index];
            container.phase = Phase::Starting;
            container.on_host = true;
            container.started_at = Some(now);
        }
        ready
    }

    /// Stops a running container once those that depend on it are over, and times those that wait for it.
    fn settle_running(&mut self, index: usize, now: Timestamp) -> bool {
        let spec = &self.spec.containers[index];
        let waited_for = self.spec.dependants(index).any(|(n, condition)| {
            condition != Condition::Start && self.observed.containers[n].phase == Phase::Waiting
        });
        let dependants_over =
            self.spec.dependants(index).all(|(n, _)| self.observed.containers[n].has_ended());
        let container = &mut self.observed.containers[index];
        if let (true, None, Some(timeout_ms)) = (waited_for, container.start_deadline, spec.start_timeout_ms)
        {
            container.start_deadline = Some(now.plus_millis(timeout_ms));
            return true;
        }
        if self.desired == Desired::Stopped && dependants_over && container.kill_deadline.is_none() {
            container.kill_deadline = Some(now.plus_millis(spec.stop_timeout_ms));
            return true;
        }
        false
    }

    /// RUNNING is reached when everything that is essential has started and nothing is still on its way. A container
    /// that a stop kept from starting does not count; one that failed by itself does.
    fn was_running_now(&mut self) {
        let failed = |c: &Container| matches!(&c.phase, Phase::Ended(end) if end.reason.is_some());
        let containers = self.spec.containers.iter().zip(&self.observed.containers);
        let mut settled = containers.map(|(spec, c)| c.was_started || (!spec.essential && failed(c)));
        self.observed.was_running |= settled.all(|s| s);
    }

    fn is_met(&self, dependency: &Dependency) -> bool {
        let on = &self.observed.containers[dependency.on];
        match dependency.condition {
            Condition::Start => on.was_started,
            Condition::Complete => on.was_started && on.has_ended(),
            Condition::Success => on.exit_code() == Some(0),
            Condition::Healthy => on.is(HealthStatus::Healthy),
        }
    }

    fn never_met(&self, dependency: &Dependency) -> Option<DependencyError> {
        let on = &self.observed.containers[dependency.on];
        if self.is_met(dependency) {
            return None;
        }
        match dependency.condition {
            _ if on.has_ended() && !on.was_started => Some(DependencyError::NeverStarts),
            Condition::Success if on.has_ended() => Some(DependencyError::NoSuccess),
            Condition::Healthy if on.has_ended() || on.is(HealthStatus::Unhealthy) => {
                Some(DependencyError::NotHealthy)
            }
            _ if on.given_up_on => Some(DependencyError::TimedOut),
            _ => None,
        }
    }
}
