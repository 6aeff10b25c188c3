//! What the shell tells the machine.

use crate::report::Report;
use crate::run::command::Timer;
use model::Timestamp;
use model::reason::ContainerError;

/// Something that was seen. A fact that is told twice, or too late, changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Upstream wants the task stopped.
    StopAsked,
    /// A timer fired.
    TimerFired(Timer),
    /// The task's cgroup exists.
    TaskReady,
    /// The task's cgroup could not be made.
    TaskFailed(String),
    /// The task's network is there.
    NetworkAttached,
    /// The task's network could not be made; how ECS names that depends on the network.
    NetworkFailed(ContainerError, String),
    /// The task's volumes are there.
    VolumesReady,
    /// A volume of the task could not be made.
    VolumesFailed(String),
    /// A container's image is on the host; the digest of its manifest when one is known.
    Pulled(usize, Option<String>),
    /// A container's image cannot be had.
    PullFailed(usize, String),
    /// A container's log stream exists.
    LogReady(usize),
    /// A container's log stream cannot be made.
    LogFailed(usize, String),
    /// A container's program was executed, for the first time or again.
    Started(usize),
    /// A container could not be started.
    StartFailed(usize, StartError),
    /// A container ended that had been restarted so often.
    Exited(usize, u32, Exit),
    /// There is a container, or was, and nobody knows how it ended.
    Lost(usize),
    /// This health check is done.
    Probed(usize, u64, Outcome),
    /// The host knows nothing of a container. Told after a restart of the agent only, for each container that the
    /// host does not list.
    Absent(usize),
    /// Every line of a container was delivered or given up on.
    LogFinished(usize),
    /// Nothing of a container is left.
    Removed(usize),
    /// The task's network is gone, its address free on this host.
    NetworkDetached,
    /// The task's volumes are gone.
    VolumesReleased,
    /// The task's cgroup is gone.
    TaskRemoved,
    /// Upstream acknowledged this report.
    Reported(Report),
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit status.
    pub code: i32,
    /// When.
    pub at: Timestamp,
    /// The kernel killed a process of it for lack of memory.
    pub oom_killed: bool,
}

/// What a health check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// It exited with 0, in time.
    pub passed: bool,
    /// When it began.
    pub began_at: Timestamp,
}

/// Why a container could not be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// Nothing of it was started.
    Create(String),
    /// Its program could not be executed.
    Start(String),
}
