//! Why no instance took a task.

use model::InstanceId;
use model::reason::FailureReason;
use std::collections::BTreeMap;
use std::fmt;

/// Why one instance did not take a task, in the order in which the filters ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It is DRAINING or INACTIVE.
    Inactive,
    /// Its agent is not connected.
    Agent,
    /// A required attribute is missing.
    Attribute,
    /// It is in a zone in which the task has no subnet.
    Location,
    /// Too little CPU is left.
    Cpu,
    /// Too little memory is left.
    Memory,
    /// Too few GPUs are left.
    Gpu,
    /// A port is taken.
    Ports,
    /// It can have no further network interface.
    Interfaces,
    /// It does not match the expression of a `memberOf` constraint.
    MemberOf,
    /// It has a task of the group, and the constraint is `distinctInstance`.
    DistinctInstance,
}

impl Reason {
    /// The `reason` in `failures[]`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => FailureReason::Inactive,
            Self::Agent => FailureReason::Agent,
            Self::Attribute => FailureReason::Attribute,
            Self::Location => FailureReason::Location,
            Self::Cpu => FailureReason::Cpu,
            Self::Memory => FailureReason::Memory,
            Self::Gpu => FailureReason::Gpu,
            Self::Ports => FailureReason::Ports,
            Self::Interfaces => FailureReason::Eni,
            Self::MemberOf => FailureReason::MemberOf,
            Self::DistinctInstance => FailureReason::DistinctInstance,
        }
        .as_str()
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Inactive => "not ACTIVE",
            Self::Agent => "agent not connected",
            Self::Attribute => "a required attribute is missing",
            Self::Location => "no subnet of the task is in its Availability Zone",
            Self::Cpu => "too little CPU left",
            Self::Memory => "too little memory left",
            Self::Gpu => "too few GPUs left",
            Self::Ports => "a required port is in use",
            Self::Interfaces => "no network interface left",
            Self::MemberOf => "a memberOf constraint is not met",
            Self::DistinctInstance => "a task of the group is already there",
        }
    }
}

/// Why no instance took a task: how many refused for which reason, with one of them by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// By reason: how many, and the first of them.
    pub by_reason: BTreeMap<Reason, (u32, InstanceId)>,
}

impl Refusal {
    /// There was no instance to ask: the cluster has none, or none serves FARGATE.
    pub fn no_instances(&self) -> bool {
        self.by_reason.is_empty()
    }

    /// The reason that came last in the filters' order: the host that refused for it was the closest to fitting.
    pub fn nearest(&self) -> Option<(Reason, &InstanceId)> {
        self.by_reason.last_key_value().map(|(&reason, (_, id))| (reason, id))
    }

    pub(crate) fn count(&mut self, reason: Reason, id: &InstanceId) {
        self.by_reason.entry(reason).or_insert_with(|| (0, id.clone())).0 += 1;
    }
}

/// One sentence, as a service's event has it.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.no_instances() {
            return f.write_str("no container instance met all of the requirements: there is none");
        }
        f.write_str("no container instance met all of the requirements: ")?;
        for (n, (reason, (count, _))) in self.by_reason.iter().enumerate() {
            let separator = if n == 0 { "" } else { ", " };
            write!(f, "{separator}{} on {count}", reason.sentence())?;
            // What ECS says of a constraint is a sentence itself.
            if !matches!(reason, Reason::MemberOf | Reason::DistinctInstance) {
                write!(f, " ({})", reason.as_str())?;
            }
        }
        Ok(())
    }
}
