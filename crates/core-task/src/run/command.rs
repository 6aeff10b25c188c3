//! What the machine asks of the shell, as a function of the state.

use crate::run::state::{Desired, Phase, Resource, State};
use model::Timestamp;
use std::collections::BTreeSet;

/// One effect. Idempotent, and begun once a process life for as long as it stays outstanding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Command {
    /// Make the task's cgroup. Leads to `TaskReady` or `TaskFailed`.
    EnsureTask,
    /// Make the task's network. Leads to `NetworkAttached` or `NetworkFailed`.
    AttachNetwork,
    /// Bring a container's image to the host. Leads to `Pulled` or `PullFailed`; may be given up halfway.
    PullImage(usize),
    /// Make a container's log stream. Leads to `LogReady` or `LogFailed`; may be given up halfway.
    PrepareLog(usize),
    /// Start a container. Leads to `Started`, `StartFailed` or `Lost`.
    Start(usize),
    /// Wait for a container's end. Leads to `Exited` or `Lost`.
    Watch(usize),
    /// Ship a container's lines while it runs. Leads to nothing.
    FollowLog(usize),
    /// Send a signal. Leads to nothing; the container's end is seen by `Watch`.
    Signal(usize, Signal),
    /// Tell me at this time. Leads to `TimerFired`.
    SetTimer(Timer, Timestamp),
    /// Ship what is left of a container's lines. Leads to `LogFinished`.
    FinishLog(usize),
    /// Remove what is left of a container. Leads to `Removed`.
    Remove(usize),
    /// Take the task's network away. Leads to `NetworkDetached`.
    DetachNetwork,
    /// Remove the task's cgroup. Leads to `TaskRemoved`.
    RemoveTask,
    /// Send [`State::next_report`]. Leads to `Reported`. The number counts acknowledged reports.
    Report(u64),
}

/// How to stop a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// SIGTERM, or the image's `STOPSIGNAL`.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// `stopTimeout`: the container did not end by itself.
    Kill(usize),
    /// `startTimeout`: the container did not get to where others wait for it.
    Start(usize),
    /// The logs' last lines could not be delivered: report the end without them, ship on.
    Logs,
}

impl Command {
    /// Whether the state has to be durable before this is begun: what was seen so far cannot be seen again after it.
    pub fn needs_ledger(self) -> bool {
        matches!(self, Self::Start(_) | Self::Remove(_) | Self::DetachNetwork | Self::RemoveTask)
    }
}

impl State {
    /// Everything that should be going on now. After a restart: what the shell has to begin.
    pub fn outstanding(&self) -> BTreeSet<Command> {
        let mut commands = BTreeSet::new();
        for index in 0..self.spec.containers.len() {
            self.outstanding_before_start(index, &mut commands);
            self.outstanding_after_start(index, &mut commands);
        }
        let seen = &self.observed;
        let task = [
            (seen.cgroup == Resource::Wanted, Command::EnsureTask),
            (seen.network == Resource::Wanted, Command::AttachNetwork),
            (seen.network.is_held() && self.all_dead(), Command::DetachNetwork),
            (seen.cgroup.is_held() && self.all_removed(), Command::RemoveTask),
            (self.next_report().is_some(), Command::Report(self.reported.count)),
        ];
        commands.extend(task.into_iter().filter(|(due, _)| *due).map(|(_, command)| command));
        if let Some(at) = seen.logs_deadline.filter(|_| !seen.logs_given_up && !self.logs_finished()) {
            commands.insert(Command::SetTimer(Timer::Logs, at));
        }
        commands
    }

    fn outstanding_before_start(&self, index: usize, commands: &mut BTreeSet<Command>) {
        let container = &self.observed.containers[index];
        let waiting = container.phase == Phase::Waiting && self.desired == Desired::Running;
        if waiting && !container.image_ready {
            commands.insert(Command::PullImage(index));
        }
        if waiting && self.spec.containers[index].has_log && !container.log_ready {
            commands.insert(Command::PrepareLog(index));
        }
        if container.phase == Phase::Starting {
            commands.insert(Command::Start(index));
        }
    }

    fn outstanding_after_start(&self, index: usize, commands: &mut BTreeSet<Command>) {
        let container = &self.observed.containers[index];
        match &container.phase {
            Phase::Waiting | Phase::Starting => {}
            Phase::Running => {
                commands.insert(Command::Watch(index));
                if self.spec.containers[index].has_log {
                    commands.insert(Command::FollowLog(index));
                }
                if let Some(at) = container.start_deadline.filter(|_| !container.given_up_on) {
                    commands.insert(Command::SetTimer(Timer::Start(index), at));
                }
                if let Some(deadline) = container.kill_deadline {
                    let signal = if container.killed { Signal::Kill } else { Signal::Terminate };
                    commands.insert(Command::Signal(index, signal));
                    if !container.killed {
                        commands.insert(Command::SetTimer(Timer::Kill(index), deadline));
                    }
                }
            }
            Phase::Ended(end) if container.on_host => {
                let finished = !self.must_finish_log(index) || container.log_finished;
                if !finished {
                    commands.insert(Command::FinishLog(index));
                }
                // Its lines go with its remains; but the remains of one that is not known to be dead hold up the task.
                if finished || (!end.dead && self.observed.logs_given_up) {
                    commands.insert(Command::Remove(index));
                }
            }
            // What is left to ship of a container whose remains are gone already.
            Phase::Ended(_) => {
                if self.must_finish_log(index) && !container.log_finished {
                    commands.insert(Command::FinishLog(index));
                }
            }
        }
    }
}
