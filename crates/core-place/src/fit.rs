//! The hard rules: each looks at one host and says yes, or why not. First what ECS asks of an instance itself, then its
//! resources, then the placement constraints (Amazon ECS Developer Guide: "Use strategies to define Amazon ECS task
//! placement", which names the steps in this order).

use crate::host::{Asked, GroupId, Groups, Host, Texts};
use crate::needs::{Constraint, Needs};
use crate::query::Expression;
use crate::refusal::Reason;
use model::instance::{ATTRIBUTE_AUTO_SCALING_GROUP, InstanceStatus};
use std::cell::Cell;

/// The attributes that a task asks for, by number. It does not outlive the next change of an instance.
pub(crate) struct Required {
    /// `None` when one is asked for that no host has.
    attributes: Option<Vec<(u32, Option<u32>)>>,
    /// Those that any host is in.
    zones_without_subnet: Vec<u32>,
    /// `None` when no host is in the Auto Scaling group.
    auto_scaling_group: Option<(u32, u32)>,
}

impl Required {
    pub(crate) fn new(needs: &Needs, texts: &Texts) -> Self {
        let numbers = |(name, value): &(String, Option<String>)| {
            let value = match value {
                Some(value) => Some(texts.get(value.as_str())?),
                None => None,
            };
            Some((texts.get(name.as_str())?, value))
        };
        let group = needs
            .auto_scaling_group
            .as_ref()
            .and_then(|name| Some((texts.get(ATTRIBUTE_AUTO_SCALING_GROUP)?, texts.get(name.as_str())?)));
        let zones = needs.zones_without_subnet.iter().filter_map(|zone| texts.get(zone.as_str()));
        Self {
            attributes: needs.attributes.iter().map(numbers).collect(),
            zones_without_subnet: zones.collect(),
            auto_scaling_group: group,
        }
    }
}

/// What a task needs, to be asked of one host after the other.
pub(crate) struct Question<'a> {
    pub(crate) needs: &'a Needs,
    pub(crate) required: &'a Required,
    pub(crate) texts: &'a Texts,
    pub(crate) groups: &'a Groups,
    /// The number of its group.
    pub(crate) group: GroupId,
}

impl Question<'_> {
    /// Whether the host is asked at all.
    pub(crate) fn concerns(&self, host: &Host) -> bool {
        self.needs.auto_scaling_group.is_none()
            || self
                .required
                .auto_scaling_group
                .is_some_and(|(name, value)| host.facts.attribute(name) == Some(Some(value)))
    }

    /// Whether the host takes a task, or why not.
    pub(crate) fn answer(&self, host: &Host) -> Result<(), Reason> {
        self.of_state(host)?;
        self.of_attributes(host)?;
        self.of_location(host)?;
        self.of_resources(host)?;
        self.of_expressions(host, |_| true).0?;
        self.of_group(host)
    }

    /// Whether the host might take a task if there were none on it: what follows from its own record alone.
    pub(crate) fn may_ever(&self, host: &Host) -> bool {
        self.of_state(host).is_ok() && self.suits(host).0
    }

    /// As [`Question::may_ever`], of many hosts: what follows from their attributes is asked once for each kind of host.
    pub(crate) fn may_ever_known(&self, host: &Host, kinds: &mut Vec<Option<bool>>) -> bool {
        let kind = host.facts.kind as usize;
        if kinds.len() <= kind {
            kinds.resize(kind + 1, None);
        }
        let suits = kinds[kind].unwrap_or_else(|| {
            let (suits, is_own) = self.suits(host);
            if !is_own {
                kinds[kind] = Some(suits);
            }
            suits
        });
        suits && self.of_state(host).is_ok()
    }

    /// Whether a host that might ever take a task does so now.
    pub(crate) fn does_now(&self, host: &Host) -> bool {
        self.of_resources(host).is_ok()
            && self.of_group(host).is_ok()
            && self.of_expressions(host, |expression| !expression.is_static()).0.is_ok()
    }

    /// What is neither the host's state nor its tasks'; and whether hosts of the same kind may differ in it.
    fn suits(&self, host: &Host) -> (bool, bool) {
        if !self.concerns(host) || self.of_attributes(host).and(self.of_location(host)).is_err() {
            return (false, false);
        }
        let (answer, is_own) = self.of_expressions(host, Expression::is_static);
        (answer.is_ok(), is_own)
    }

    fn of_state(&self, host: &Host) -> Result<(), Reason> {
        ensure(host.facts.status == InstanceStatus::Active, Reason::Inactive)?;
        ensure(host.facts.agent_connected, Reason::Agent)
    }

    fn of_attributes(&self, host: &Host) -> Result<(), Reason> {
        let has = |&(name, value): &(u32, Option<u32>)| {
            host.facts.attribute(name).is_some_and(|has| value.is_none() || has == value)
        };
        let attributes = self.required.attributes.as_ref();
        ensure(attributes.is_some_and(|asked| asked.iter().all(has)), Reason::Attribute)
    }

    fn of_location(&self, host: &Host) -> Result<(), Reason> {
        let closed = &self.required.zones_without_subnet;
        ensure(!host.facts.zone.is_some_and(|zone| closed.contains(&zone)), Reason::Location)
    }

    fn of_resources(&self, host: &Host) -> Result<(), Reason> {
        let Needs { demand, gpus, network_interfaces, .. } = self.needs;
        ensure(u64::from(demand.cpu_units) <= host.free_cpu_units(), Reason::Cpu)?;
        ensure(u64::from(demand.memory_mib) <= host.free_memory_mib(), Reason::Memory)?;
        ensure(*gpus == 0 || *gpus as usize <= host.free_gpus().count(), Reason::Gpu)?;
        ensure(host.ports_free(demand), Reason::Ports)?;
        ensure(host.free_interfaces().is_none_or(|free| *network_interfaces <= free), Reason::Interfaces)
    }

    /// With whether anything but attributes was asked for.
    fn of_expressions(&self, host: &Host, which: impl Fn(&Expression) -> bool) -> (Result<(), Reason>, bool) {
        let asked = Asked { host, is_own: Cell::new(false), texts: self.texts, groups: self.groups };
        let holds = |constraint: &Constraint| match constraint {
            Constraint::MemberOf(expression) => !which(expression) || expression.matches(&asked),
            Constraint::DistinctInstance => true,
        };
        let answer = ensure(self.needs.constraints.iter().all(holds), Reason::MemberOf);
        (answer, asked.is_own.get())
    }

    fn of_group(&self, host: &Host) -> Result<(), Reason> {
        let alone = self.needs.constraints.contains(&Constraint::DistinctInstance);
        ensure(!alone || host.used.of_group(self.group) == 0, Reason::DistinctInstance)
    }
}

fn ensure(holds: bool, reason: Reason) -> Result<(), Reason> {
    if holds { Ok(()) } else { Err(reason) }
}
