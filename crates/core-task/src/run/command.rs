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
    /// Make the task's volumes. Leads to `VolumesReady` or `VolumesFailed`.
    EnsureVolumes,
    /// Bring a container's image to the host. Leads to `Pulled` or `PullFailed`; may be given up halfway.
    PullImage(usize),
    /// Make a container's log stream. Leads to `LogReady` or `LogFailed`; may be given up halfway.
    PrepareLog(usize),
    /// Start a container. Leads to `Started`, `StartFailed` or `Lost`.
    Start(usize),
    /// Start an exited container again, for the time that the number says. Leads to `Started`, `StartFailed` or `Lost`.
    Restart(usize, u32),
    /// Wait for a container's end. Leads to `Exited` or `Lost`. The number counts its restarts.
    Watch(usize, u32),
    /// Check a container's health. Leads to `Probed`. The number counts its checks.
    Probe(usize, u64),
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
    /// Remove the task's volumes. Leads to `VolumesReleased`.
    ReleaseVolumes,
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
    /// A health check is due; the number counts them.
    Probe(usize, u64),
    /// The logs' last lines could not be delivered: report the end without them, ship on.
    Logs,
}

impl Command {
    /// Whether the state has to be durable before this is begun: what was seen so far cannot be seen again after it.
    pub fn needs_ledger(self) -> bool {
        matches!(
            self,
            Self::Start(_)
                | Self::Restart(..)
                | Self::Remove(_)
                | Self::DetachNetwork
                | Self::ReleaseVolumes
                | Self::RemoveTask
        )
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
            (seen.volumes == Resource::Wanted, Command::EnsureVolumes),
            (seen.network.is_held() && self.all_dead(), Command::DetachNetwork),
            (seen.volumes.is_held() && self.all_removed(), Command::ReleaseVolumes),
            (self.may_remove_task(), Command::RemoveTask),
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
                commands.insert(Command::Watch(index, container.restarts));
                self.outstanding_while_live(index, commands);
                self.outstanding_to_stop(index, commands);
                if container.kill_deadline.is_none()
                    && let Some(health) = &container.health
                {
                    commands.insert(health.outstanding(index));
                }
            }
            Phase::Restarting => {
                commands.insert(Command::Restart(index, container.restarts));
                self.outstanding_while_live(index, commands);
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

    /// What goes on from the first start to the end, across restarts.
    fn outstanding_while_live(&self, index: usize, commands: &mut BTreeSet<Command>) {
        let container = &self.observed.containers[index];
        if self.spec.containers[index].has_log {
            commands.insert(Command::FollowLog(index));
        }
        if let Some(at) = container.start_deadline.filter(|_| !container.given_up_on) {
            commands.insert(Command::SetTimer(Timer::Start(index), at));
        }
    }

    fn outstanding_to_stop(&self, index: usize, commands: &mut BTreeSet<Command>) {
        let container = &self.observed.containers[index];
        let Some(deadline) = container.kill_deadline else { return };
        let signal = if container.killed { Signal::Kill } else { Signal::Terminate };
        commands.insert(Command::Signal(index, signal));
        if !container.killed {
            commands.insert(Command::SetTimer(Timer::Kill(index), deadline));
        }
    }

    /// What the runtime made for the task may be what its network is attached to.
    fn may_remove_task(&self) -> bool {
        let seen = &self.observed;
        seen.cgroup.is_held() && self.all_removed() && !seen.network.is_unreleased()
    }
}
