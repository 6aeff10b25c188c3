//! One fact in, the difference that it makes out.

use crate::run::command::{Command, Timer};
use crate::run::fact::{Exit, Fact, StartError};
use crate::run::health::Health;
use crate::run::spec::ContainerSpec;
use crate::run::state::{Container, Desired, End, Phase, Resource, State};
use model::Timestamp;
use model::reason::{ContainerError, KILLED_FOR_MEMORY, VANISHED};
use model::task::HealthStatus;

/// What a fact changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Begin these.
    pub begin: Vec<Command>,
    /// These are done, or not wanted any more: give up what still goes on.
    pub end: Vec<Command>,
    /// Make the state durable: before those commands are begun that need it ([`Command::needs_ledger`]), and soon.
    pub persist: bool,
}

/// Tells the machine what was seen.
pub fn step(state: &mut State, fact: Fact, now: Timestamp) -> Delta {
    let before = state.outstanding();
    let milestones = state.milestones();
    let stop_asked = fact == Fact::StopAsked && state.desired == Desired::Running;
    observe(state, fact, now);
    state.settle(now);
    let after = state.outstanding();
    let begin: Vec<Command> = after.difference(&before).copied().collect();
    let persist = stop_asked || milestones != state.milestones() || begin.iter().any(|c| c.needs_ledger());
    Delta { begin, end: before.difference(&after).copied().collect(), persist }
}

fn observe(state: &mut State, fact: Fact, now: Timestamp) {
    match fact {
        Fact::StopAsked => state.desired = Desired::Stopped,
        Fact::TimerFired(timer) => timer_fired(state, timer),
        Fact::TaskReady => ready(&mut state.observed.cgroup),
        Fact::NetworkAttached => ready(&mut state.observed.network),
        Fact::VolumesReady => ready(&mut state.observed.volumes),
        Fact::TaskFailed(text) => {
            failed(&mut state.observed.cgroup);
            state.fail(ContainerError::ResourceInitialization, &text);
        }
        Fact::NetworkFailed(error, text) => {
            failed(&mut state.observed.network);
            state.fail(error, &text);
        }
        Fact::VolumesFailed(text) => {
            failed(&mut state.observed.volumes);
            state.fail(ContainerError::CannotCreateVolume, &text);
        }
        Fact::NetworkDetached => released(&mut state.observed.network),
        Fact::VolumesReleased => released(&mut state.observed.volumes),
        Fact::TaskRemoved => released(&mut state.observed.cgroup),
        Fact::Reported(report) => state.reported.acknowledge(&state.spec, &report),
        Fact::Pulled(n, _)
        | Fact::PullFailed(n, _)
        | Fact::LogReady(n)
        | Fact::LogFailed(n, _)
        | Fact::Started(n)
        | Fact::StartFailed(n, _)
        | Fact::Exited(n, _, _)
        | Fact::Probed(n, _, _)
        | Fact::Lost(n)
        | Fact::Absent(n)
        | Fact::LogFinished(n)
        | Fact::Removed(n) => {
            if n < state.observed.containers.len() {
                of_container(state, n, fact, now);
            }
        }
    }
}

fn of_container(state: &mut State, n: usize, fact: Fact, now: Timestamp) {
    let spec = &state.spec.containers[n];
    let container = &mut state.observed.containers[n];
    match fact {
        Fact::Pulled(_, digest) if container.phase == Phase::Waiting => {
            container.image_ready = true;
            container.image_digest = digest;
        }
        Fact::PullFailed(_, text) if container.phase == Phase::Waiting && !container.image_ready => {
            container.end_unstarted(Some(ContainerError::CannotPullContainer.because(text)));
        }
        Fact::LogReady(_) => container.log_ready = true,
        Fact::LogFailed(_, text) if container.phase == Phase::Waiting && !container.log_ready => {
            container.end_unstarted(Some(ContainerError::ResourceInitialization.because(text)));
        }
        Fact::Started(_) if container.is_starting() => container.started(spec, now),
        Fact::StartFailed(_, error) if container.is_starting() => container.start_failed(error),
        // While it restarts, the host may still speak of the end before.
        Fact::Exited(_, restarts, exit)
            if matches!(container.phase, Phase::Starting | Phase::Running)
                && restarts == container.restarts =>
        {
            if state.desired == Desired::Running && container.may_restart(spec, exit) {
                container.restart(exit, now);
            } else {
                container.exited(exit);
                let stopped_at = &mut state.observed.execution_stopped_at;
                *stopped_at = (*stopped_at).max(Some(exit.at));
            }
        }
        Fact::Lost(_) if container.is_live() => {
            container.lost(now);
            let stopped_at = &mut state.observed.execution_stopped_at;
            *stopped_at = (*stopped_at).max(Some(now));
        }
        Fact::Probed(_, probe, outcome) => {
            if let (Some(health), Some(check)) = (&mut container.health, &spec.health_check) {
                health.probed(check, probe, outcome, now);
            }
        }
        // One that was never made is made now; one that ran and is gone without a trace is lost.
        Fact::Absent(_) if matches!(container.phase, Phase::Running | Phase::Restarting) => {
            container.lost(now);
            container.on_host = false;
        }
        Fact::LogFinished(_) => container.log_finished = true,
        Fact::Removed(_) if container.has_ended() => container.on_host = false,
        _ => {}
    }
}

fn timer_fired(state: &mut State, timer: Timer) {
    match timer {
        Timer::Logs => state.observed.logs_given_up = state.observed.logs_deadline.is_some(),
        Timer::Kill(n) => {
            if let Some(c) = state.observed.containers.get_mut(n) {
                c.killed = c.kill_deadline.is_some();
            }
        }
        Timer::Probe(n, probe) => {
            let container = state.observed.containers.get_mut(n);
            if let Some(health) = container.and_then(|c| c.health.as_mut()) {
                health.is_due(probe);
            }
        }
        Timer::Start(n) => {
            if let Some(c) = state.observed.containers.get_mut(n) {
                c.given_up_on = c.start_deadline.is_some();
            }
        }
    }
}

fn ready(resource: &mut Resource) {
    if *resource == Resource::Wanted {
        *resource = Resource::Ready;
    }
}

fn failed(resource: &mut Resource) {
    if *resource == Resource::Wanted {
        *resource = Resource::Failed;
    }
}

fn released(resource: &mut Resource) {
    if resource.is_held() {
        *resource = Resource::Released;
    }
}

impl State {
    /// What the host may not be able to tell again: which containers have started, how often, and ended, and their
    /// health.
    fn milestones(&self) -> Vec<(bool, u32, bool, Option<HealthStatus>)> {
        let of = |c: &Container| {
            (c.was_started, c.restarts, c.has_ended(), c.health.as_ref().map(|health| health.status))
        };
        self.observed.containers.iter().map(of).collect()
    }

    /// The task as a whole cannot run. The first failure stays.
    fn fail(&mut self, error: ContainerError, text: &str) {
        self.observed.failure.get_or_insert_with(|| error.because(text));
    }
}

impl Container {
    fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Running | Phase::Restarting)
    }

    fn is_starting(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Restarting)
    }

    pub(super) fn end_unstarted(&mut self, reason: Option<String>) {
        self.end(End { exit_code: None, reason, dead: true });
    }

    fn started(&mut self, spec: &ContainerSpec, now: Timestamp) {
        self.phase = Phase::Running;
        self.was_started = true;
        self.may_have_logged = true;
        let before = self.health.take();
        self.health = spec.health_check.map(|check| Health::of_start(&check, before.as_ref(), now));
    }

    fn start_failed(&mut self, error: StartError) {
        let reason = match error {
            StartError::Create(text) => ContainerError::CannotCreateContainer.because(text),
            StartError::Start(text) => ContainerError::CannotStartContainer.because(text),
        };
        self.end(End { exit_code: None, reason: Some(reason), dead: false });
    }

    fn may_restart(&self, spec: &ContainerSpec, exit: Exit) -> bool {
        let (Some(policy), Some(started_at)) = (&spec.restart, self.started_at) else { return false };
        !policy.ignored_exit_codes.contains(&exit.code)
            && exit.at.millis_since(started_at) >= policy.attempt_period_ms
    }

    fn restart(&mut self, exit: Exit, now: Timestamp) {
        self.phase = Phase::Restarting;
        self.restarts += 1;
        self.started_at = Some(now);
        self.ended_at = Some(exit.at);
    }

    fn exited(&mut self, exit: Exit) {
        let oom = || ContainerError::OutOfMemory.because(KILLED_FOR_MEMORY);
        self.was_started = true;
        self.may_have_logged = true;
        self.ended_at = Some(exit.at);
        self.end(End { exit_code: Some(exit.code), reason: exit.oom_killed.then(oom), dead: true });
    }

    /// It may have written lines, and a process of it may be left.
    fn lost(&mut self, now: Timestamp) {
        self.may_have_logged = true;
        self.ended_at = Some(now);
        let reason = Some(ContainerError::ContainerVanished.because(VANISHED));
        self.end(End { exit_code: None, reason, dead: false });
    }

    fn end(&mut self, end: End) {
        self.phase = Phase::Ended(end);
        self.health = None;
    }
}
