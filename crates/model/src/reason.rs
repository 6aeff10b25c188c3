//! ECS's words for what went wrong: the one table of them, each with the page of the Amazon ECS Developer Guide (or the
//! place in the Amazon ECS agent) that it is from.
//!
//! Three kinds: the `reason` of a container ([`ContainerError`]), the `stoppedReason` of a task ([`stopped`]), and the
//! `reason` of a failure that RunTask and its like answer with ([`FailureReason`]).

use std::fmt::Display;

/// The name at the front of a container's `reason`, and of a `stoppedReason` when the task as a whole could not be
/// made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContainerError {
    /// The image cannot be had (page "CannotPullContainer task errors in Amazon ECS").
    CannotPullContainer,
    /// Nothing of the container was started (page "Stopped tasks error codes").
    CannotCreateContainer,
    /// Its program could not be executed, one of its ports is taken, or what it waits for never happens (page
    /// "Troubleshooting Amazon ECS CannotStartContainerError errors").
    CannotStartContainer,
    /// It could not be stopped (page "Stopped tasks error codes").
    CannotStopContainer,
    /// The runtime cannot say how it is (page "Stopped tasks error codes").
    CannotInspectContainer,
    /// A volume could not be made (page "Stopped tasks error codes").
    CannotCreateVolume,
    /// The kernel killed it for lack of memory (page "Troubleshooting Amazon ECS OutOfMemoryError errors").
    OutOfMemory,
    /// Something that the task needs before its containers could not be made: its network, cgroup, log stream (page
    /// "Troubleshooting Amazon ECS ResourceInitializationError errors").
    ResourceInitialization,
    /// It is gone and left no exit code (the Amazon ECS agent; on no page).
    ContainerVanished,
    /// A member of the task cannot be honoured by the agent (the Amazon ECS agent spells it so; on no page).
    UnrecognisedTask,
    /// The agent was told to stop a task that it does not know (the Amazon ECS agent; on no page).
    TaskState,
}

impl ContainerError {
    /// As ECS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CannotPullContainer => "CannotPullContainerError",
            Self::CannotCreateContainer => "CannotCreateContainerError",
            Self::CannotStartContainer => "CannotStartContainerError",
            Self::CannotStopContainer => "CannotStopContainerError",
            Self::CannotInspectContainer => "CannotInspectContainerError",
            Self::CannotCreateVolume => "CannotCreateVolumeError",
            Self::OutOfMemory => "OutOfMemoryError",
            Self::ResourceInitialization => "ResourceInitializationError",
            Self::ContainerVanished => "ContainerVanishedError",
            Self::UnrecognisedTask => "UnrecogniedTaskError",
            Self::TaskState => "TaskStateError",
        }
    }

    /// `NAME: text`.
    pub fn because(self, text: impl Display) -> String {
        format!("{}: {text}", self.as_str())
    }
}

/// The text after [`ContainerError::OutOfMemory`].
pub const KILLED_FOR_MEMORY: &str = "Container killed due to memory usage";

/// The text after [`ContainerError::ContainerVanished`].
pub const VANISHED: &str = "the container ended and left no exit code";

/// The text after [`ContainerError::TaskState`].
pub const STOP_OF_UNKNOWN_TASK: &str = "Agent could not progress task's state to stopped";

/// Why a `dependsOn` can never be met: the text after [`ContainerError::CannotStartContainer`], as the Amazon ECS agent
/// writes it (its dependency graph; on no page).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DependencyError {
    /// SUCCESS was waited for, and it exited otherwise.
    NoSuccess,
    /// It did not get there within its `startTimeout`.
    TimedOut,
    /// It could not be started.
    NeverStarts,
    /// HEALTHY was waited for, and it ended, or as many checks in a row failed as its `retries` allow. The Amazon ECS
    /// agent waits on here.
    NotHealthy,
}

impl DependencyError {
    /// `target` waits for `dependency`.
    pub fn text(self, dependency: &str, target: &str) -> String {
        let failed = "failed to resolve container ordering dependency";
        match self {
            Self::NoSuccess => format!(
                "dependency graph: {failed} [{dependency}] for target [{target}] as dependency did not exit successfully."
            ),
            Self::TimedOut => format!(
                "dependency graph: container ordering dependency [{dependency}] for target [{target}] has timed out."
            ),
            Self::NeverStarts => format!(
                "dependency graph: {failed} [{dependency}] for target [{target}] because dependency will never start"
            ),
            Self::NotHealthy => format!(
                "dependency graph: {failed} [{dependency}] for target [{target}] as dependency is not healthy."
            ),
        }
    }
}

/// `stoppedReason` (page "Viewing Amazon ECS stopped task errors" where not said otherwise).
pub mod stopped {
    /// An essential container ended.
    pub const ESSENTIAL_CONTAINER_EXITED: &str = "Essential container in task exited";
    /// It never ran, and nobody said why.
    pub const FAILED_TO_START: &str = "Task failed to start";
    /// StopTask without a reason.
    pub const BY_USER: &str = "Task stopped by user";
    /// A service replaces an unhealthy task (page "Amazon ECS service event messages").
    pub const CONTAINER_HEALTH: &str = "Task failed container health checks";
    /// As [`CONTAINER_HEALTH`], by a load balancer; `(target-group ARN)` follows.
    pub const LOAD_BALANCER_HEALTH: &str = "Task failed ELB health checks in";
    /// A service has fewer tasks to run; `(deployment ID)` follows.
    pub const SCALING: &str = "Scaling activity initiated by";
    /// The container instance was deregistered by force (page "Deregistering an Amazon ECS container instance").
    pub const INSTANCE_DEREGISTERED: &str = "Container instance deregistration forced by user";
    /// Its host was terminated or stopped.
    pub const HOST_TERMINATED: &str = "Host EC2 (instance) terminated.";
}

/// `failures[].reason` (page "Amazon ECS API failure reasons").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureReason {
    /// There is no such resource.
    Missing,
    /// The instance's agent is not connected.
    Agent,
    /// The instances of the capacity provider are not ACTIVE.
    NoActiveInstances,
    /// The capacity provider has no instances in the cluster.
    EmptyCapacityProvider,
    /// The instance lacks an attribute that the task needs.
    Attribute,
    /// The instance is not ACTIVE.
    Inactive,
    /// The instance is in no zone of the task's subnets.
    Location,
    /// A placement constraint is not met.
    MemberOf,
    /// The instance has a task of the group already, and each was to have its own. Not on the page; worded as
    /// [`FailureReason::MemberOf`] is.
    DistinctInstance,
    /// Too little CPU is left.
    Cpu,
    /// Too little memory is left.
    Memory,
    /// A port of the host is in use.
    Ports,
    /// Too few GPUs are left.
    Gpu,
    /// The instance can have no further network interface.
    Eni,
}

impl FailureReason {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "MISSING",
            Self::Agent => "AGENT",
            Self::NoActiveInstances => "NO ACTIVE INSTANCES",
            Self::EmptyCapacityProvider => "EMPTY CAPACITY PROVIDER",
            Self::Attribute => "ATTRIBUTE",
            Self::Inactive => "INACTIVE",
            Self::Location => "LOCATION",
            Self::MemberOf => "MemberOf placement constraint unsatisfied.",
            Self::DistinctInstance => "DistinctInstance placement constraint unsatisfied.",
            Self::Cpu => "RESOURCE:CPU",
            Self::Memory => "RESOURCE:MEMORY",
            Self::Ports => "RESOURCE:PORTS",
            Self::Gpu => "RESOURCE:GPU",
            Self::Eni => "RESOURCE:ENI",
        }
    }
}
