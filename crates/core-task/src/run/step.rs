//! One fact in, the difference that it makes out.

use crate::run::command::{Command, Timer};
use crate::run::fact::{Exit, Fact, StartError};
use crate::run::state::{Container, Desired, End, Phase, Resource, State};
use model::Timestamp;

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
        Fact::TaskFailed(text) => {
            failed(&mut state.observed.cgroup);
            state.fail("ResourceInitializationError", &text);
        }
        Fact::NetworkFailed(text) => {
            failed(&mut state.observed.network);
            state.fail("ResourceInitializationError", &text);
        }
        Fact::NetworkDetached => released(&mut state.observed.network),
        Fact::TaskRemoved => released(&mut state.observed.cgroup),
        Fact::Reported(report) => state.reported.acknowledge(&state.spec, &report),
        Fact::Pulled(n, _)
        | Fact::PullFailed(n, _)
        | Fact::LogReady(n)
        | Fact::LogFailed(n, _)
        | Fact::Started(n)
        | Fact::StartFailed(n, _)
        | Fact::Exited(n, _)
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
    let container = &mut state.observed.containers[n];
    match fact {
        Fact::Pulled(_, digest) if container.phase == Phase::Waiting => {
            container.image_ready = true;
            container.image_digest = digest;
        }
        Fact::PullFailed(_, text) if container.phase == Phase::Waiting && !container.image_ready => {
            container.end_unstarted(reason("CannotPullContainerError", &text));
        }
        Fact::LogReady(_) => container.log_ready = true,
        Fact::LogFailed(_, text) if container.phase == Phase::Waiting && !container.log_ready => {
            let reason = reason("ResourceInitializationError", &text);
            container.end_unstarted(reason);
        }
        Fact::Started(_) if container.phase == Phase::Starting => container.started(),
        Fact::StartFailed(_, error) if container.phase == Phase::Starting => container.start_failed(error),
        Fact::Exited(_, exit) if container.is_live() => {
            container.exited(exit);
            let stopped_at = &mut state.observed.execution_stopped_at;
            *stopped_at = (*stopped_at).max(Some(exit.at));
        }
        Fact::Lost(_) if container.is_live() => {
            container.lost();
            let stopped_at = &mut state.observed.execution_stopped_at;
            *stopped_at = (*stopped_at).max(Some(now));
        }
        // One that was never made is made now; one that ran and is gone without a trace is lost.
        Fact::Absent(_) if container.phase == Phase::Running => {
            container.lost();
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

fn reason(name: &str, text: &str) -> Option<String> {
    Some(format!("{name}: {text}"))
}

impl State {
    /// How many containers have started and how many have ended: what the host may not be able to tell again.
    fn milestones(&self) -> (usize, usize) {
        let containers = &self.observed.containers;
        let count = |reached: fn(&Container) -> bool| containers.iter().filter(|c| reached(c)).count();
        (count(|c| c.was_started), count(Container::has_ended))
    }

    /// The task as a whole cannot run. The first failure stays.
    fn fail(&mut self, name: &str, text: &str) {
        self.observed.failure = self.observed.failure.take().or_else(|| reason(name, text));
    }
}

impl Container {
    fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Running)
    }

    pub(super) fn end_unstarted(&mut self, reason: Option<String>) {
        self.phase = Phase::Ended(End { exit_code: None, reason, dead: true });
    }

    fn started(&mut self) {
        self.phase = Phase::Running;
        self.was_started = true;
        self.may_have_logged = true;
    }

    fn start_failed(&mut self, error: StartError) {
        let reason = match error {
            StartError::Create(text) => reason("CannotCreateContainerError", &text),
            StartError::Start(text) => reason("CannotStartContainerError", &text),
        };
        self.phase = Phase::Ended(End { exit_code: None, reason, dead: false });
    }

    fn exited(&mut self, exit: Exit) {
        let oom = || "OutOfMemoryError: Container killed due to memory usage".to_owned();
        let reason = exit.oom_killed.then(oom);
        self.was_started = true;
        self.may_have_logged = true;
        self.phase = Phase::Ended(End { exit_code: Some(exit.code), reason, dead: true });
    }

    /// It may have written lines, and a process of it may be left.
    fn lost(&mut self) {
        let reason = reason("ContainerVanishedError", "the container ended and left no exit code");
        self.may_have_logged = true;
        self.phase = Phase::Ended(End { exit_code: None, reason, dead: false });
    }
}
