//! One container instance as placement sees it.

use crate::intern::Interner;
use crate::needs::{Needs, network_interfaces};
use crate::pool::{PoolKey, Rank};
use crate::query::Subject;
use model::instance::{ContainerInstance, InstanceStatus, Resources};
use model::task::{DesiredStatus, Task, TaskStatus};
use model::task_definition::LaunchType;
use model::{ClusterName, InstanceId, Scope, Timestamp};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names and values of attributes.
pub(crate) type Texts = Interner<Arc<str>>;
/// The attributes of an instance: names and values, by the name's number.
pub(crate) type Attributes = Arc<[(u32, Option<u32>)]>;
/// Task groups.
pub(crate) type Groups = Interner<GroupKey>;
/// A task group's number.
pub(crate) type GroupId = u32;

/// A task group: its name means something in its cluster only. Tasks of FARGATE are apart: the instance that runs them is
/// nobody's to see, so no expression and no strategy of its own cluster may count them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupKey {
    pub(crate) scope: Scope,
    pub(crate) cluster: ClusterName,
    pub(crate) name: String,
    pub(crate) is_fargate: bool,
}

/// An instance and what its tasks have left of it.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) id: InstanceId,
    pub(crate) facts: Facts,
    pub(crate) used: Used,
    /// Counts changes of `facts`.
    pub(crate) revision: u32,
    /// The pools that it is in: at most its cluster's, and that of FARGATE.
    pub(crate) seats: Vec<Seat>,
}

/// Where a host is in a pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    pub(crate) pool: u32,
    /// Right as long as the pool is ranked.
    pub(crate) rank: Rank,
}

/// What the instance's own record says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
    pub(crate) scope: Scope,
    pub(crate) cluster: ClusterName,
    pub(crate) status: InstanceStatus,
    pub(crate) agent_connected: bool,
    pub(crate) serves_fargate: bool,
    agent_version: String,
    ec2_instance_id: Option<String>,
    registered_at: Timestamp,
    pub(crate) attributes: Attributes,
    /// The number of these attributes among all that instances have.
    pub(crate) kind: u32,
    /// The number of the zone that its owner named, one of the values of its attributes.
    pub(crate) zone: Option<u32>,
    pub(crate) registered: Resources,
    /// How many network interfaces its tasks may have; `None` is no limit.
    interfaces_max: Option<u32>,
}

/// What the tasks of a host take, in sums that may exceed what it registered when it came back smaller. Ports and GPUs are
/// counted, so that a change and its reverse leave everything as it was.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Used {
    cpu_units: u64,
    memory_mib: u64,
    interfaces: u32,
    ports: BTreeMap<(bool, u16), u32>,
    gpus: BTreeMap<String, u32>,
    /// Tasks that hold anything.
    pub(crate) tasks: u32,
    /// Tasks in status RUNNING that DescribeContainerInstances counts: those of FARGATE are not.
    running: u32,
    /// How many tasks of each group are to go on, by the group's number.
    pub(crate) groups: Vec<(GroupId, u32)>,
}

/// What one task takes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claim {
    pub(crate) demand: Resources,
    pub(crate) interfaces: u32,
    pub(crate) running: bool,
    /// Its desired status is STOPPED: it holds what it has until it is over, and counts for its group no longer.
    pub(crate) leaves: bool,
}

impl Claim {
    /// What a task takes and from whom; `None` when it takes nothing.
    pub(crate) fn of(task: &Task) -> Option<(&InstanceId, Self)> {
        let instance = task.instance.as_ref().filter(|_| task.holds_resources())?;
        let running = task.last_status == TaskStatus::Running && task.launch_type != LaunchType::Fargate;
        let interfaces = network_interfaces(&task.definition);
        let leaves = task.desired_status == DesiredStatus::Stopped;
        Some((instance, Self { demand: task.demand(), interfaces, running, leaves }))
    }
}

impl GroupKey {
    /// The group that a task with these needs joins.
    pub(crate) fn joined(needs: &Needs) -> Self {
        let (scope, cluster) = (needs.scope.clone(), needs.cluster.clone());
        let is_fargate = needs.launch_type == LaunchType::Fargate;
        Self { scope, cluster, name: needs.group.clone(), is_fargate }
    }

    pub(crate) fn of(task: &Task) -> Self {
        let (scope, cluster) = (task.scope.clone(), task.cluster.clone());
        let is_fargate = task.launch_type == LaunchType::Fargate;
        Self { scope, cluster, name: task.group.clone(), is_fargate }
    }
}

/// The attributes that instances have: those of the same kind share theirs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kinds {
    pub(crate) texts: Texts,
    kinds: Interner<Attributes>,
}

impl Kinds {
    fn acquire(&mut self, attributes: &BTreeMap<String, Option<String>>) -> (u32, Attributes) {
        let Self { texts, kinds } = self;
        let mut text = |text: &String| texts.acquire(text.as_str().into());
        let numbers = |(name, value): (&String, &Option<String>)| (text(name), value.as_ref().map(&mut text));
        let mut attributes: Vec<_> = attributes.iter().map(numbers).collect();
        attributes.sort_unstable();
        let attributes = Attributes::from(attributes);
        if let Some(known) = kinds.get(&attributes) {
            self.release_texts(&attributes);
            self.kinds.retain(known);
            let shared = self.kinds.name(known).cloned();
            return (known, shared.unwrap_or(attributes));
        }
        (kinds.acquire(attributes.clone()), attributes)
    }

    pub(crate) fn release(&mut self, facts: &Facts) {
        self.kinds.release(facts.kind);
        if self.kinds.name(facts.kind).is_none() {
            self.release_texts(&facts.attributes);
        }
    }

    fn release_texts(&mut self, attributes: &Attributes) {
        for &(name, value) in attributes.iter() {
            self.texts.release(name);
            value.into_iter().for_each(|value| self.texts.release(value));
        }
    }

    /// By number; those that no instance has have no attributes.
    pub(crate) fn all(&self) -> impl Iterator<Item = &[(u32, Option<u32>)]> {
        self.kinds.all().map(|attributes| attributes.map_or(&[][..], |attributes| &attributes[..]))
    }
}

/// The attribute with this name: the number of its value, where it has one.
pub(crate) fn attribute_of(attributes: &[(u32, Option<u32>)], name: u32) -> Option<Option<u32>> {
    let at = attributes.binary_search_by_key(&name, |&(name, _)| name).ok()?;
    Some(attributes[at].1)
}

impl Facts {
    pub(crate) fn new(instance: &ContainerInstance, kinds: &mut Kinds) -> Self {
        let (kind, attributes) = kinds.acquire(&instance.attributes);
        Self {
            scope: instance.scope.clone(),
            cluster: instance.cluster.clone(),
            status: instance.status,
            agent_connected: instance.agent_connected,
            serves_fargate: instance.serves_fargate(),
            agent_version: instance.agent_version.clone(),
            ec2_instance_id: instance.ec2_instance_id.clone(),
            registered_at: instance.registered_at,
            attributes,
            kind,
            zone: instance.zone().and_then(|zone| kinds.texts.get(zone)),
            registered: instance.registered.clone(),
            interfaces_max: interfaces_max(instance),
        }
    }

    /// The pools that it belongs to: none once it is deregistered.
    pub(crate) fn pools(&self) -> impl Iterator<Item = PoolKey> {
        let cluster = PoolKey::Cluster(self.scope.clone(), self.cluster.clone());
        let keys = [Some(cluster), self.serves_fargate.then_some(PoolKey::Fargate)];
        let registered = self.status != InstanceStatus::Inactive;
        keys.into_iter().flatten().filter(move |_| registered)
    }

    /// Whether both have the same attributes and belong to the same pools.
    pub(crate) fn is_placed_as(&self, other: &Self) -> bool {
        self.kind == other.kind && self.pools().eq(other.pools())
    }

    /// The same but for what is said in numbers that views give out.
    pub(crate) fn without_numbers(&self) -> Self {
        Self { attributes: [].into(), kind: 0, zone: None, ..self.clone() }
    }

    /// The attribute with this name: the number of its value, where it has one.
    pub(crate) fn attribute(&self, name: u32) -> Option<Option<u32>> {
        attribute_of(&self.attributes, name)
    }
}

/// An instance that does not say its type has no limit.
fn interfaces_max(instance: &ContainerInstance) -> Option<u32> {
    let instance_type = instance.attributes.get("ecs.instance-type")?.as_deref()?;
    crate::eni::limit(instance_type, instance.attributes.contains_key("ecs.awsvpc-trunk-id"))
}

impl Host {
    pub(crate) fn free_cpu_units(&self) -> u64 {
        u64::from(self.facts.registered.cpu_units).saturating_sub(self.used.cpu_units)
    }

    pub(crate) fn free_memory_mib(&self) -> u64 {
        u64::from(self.facts.registered.memory_mib).saturating_sub(self.used.memory_mib)
    }

    /// `None` is no limit.
    pub(crate) fn free_interfaces(&self) -> Option<u32> {
        self.facts.interfaces_max.map(|max| max.saturating_sub(self.used.interfaces))
    }

    /// By id.
    pub(crate) fn free_gpus(&self) -> impl Iterator<Item = &String> {
        self.facts.registered.gpus.iter().filter(|&id| !self.used.gpus.contains_key(id))
    }

    pub(crate) fn ports_free(&self, demand: &Resources) -> bool {
        let reserved = &self.facts.registered;
        ports(demand).all(|port| !self.used.ports.contains_key(&port))
            && demand.ports_tcp.is_disjoint(&reserved.ports_tcp)
            && demand.ports_udp.is_disjoint(&reserved.ports_udp)
    }
}

impl Used {
    pub(crate) fn take(&mut self, claim: &Claim, group: GroupId) {
        let Claim { demand, interfaces, running, leaves } = claim;
        self.cpu_units += u64::from(demand.cpu_units);
        self.memory_mib += u64::from(demand.memory_mib);
        self.interfaces += interfaces;
        ports(demand).for_each(|port| *self.ports.entry(port).or_default() += 1);
        demand.gpus.iter().for_each(|id| *self.gpus.entry(id.clone()).or_default() += 1);
        self.tasks += 1;
        self.running += u32::from(*running);
        if *leaves {
            return;
        }
        match self.groups.binary_search_by_key(&group, |&(group, _)| group) {
            Ok(at) => self.groups[at].1 += 1,
            Err(at) => self.groups.insert(at, (group, 1)),
        }
    }

    pub(crate) fn give_back(&mut self, claim: &Claim, group: GroupId) {
        let Claim { demand, interfaces, running, leaves } = claim;
        self.cpu_units -= u64::from(demand.cpu_units);
        self.memory_mib -= u64::from(demand.memory_mib);
        self.interfaces -= interfaces;
        ports(demand).for_each(|port| count_down(&mut self.ports, &port));
        demand.gpus.iter().for_each(|id| count_down(&mut self.gpus, id));
        self.tasks -= 1;
        self.running -= u32::from(*running);
        if *leaves {
            return;
        }
        if let Ok(at) = self.groups.binary_search_by_key(&group, |&(group, _)| group) {
            self.groups[at].1 -= 1;
            if self.groups[at].1 == 0 {
                self.groups.remove(at);
            }
        }
    }

    /// The same but for what is said in numbers that views give out.
    pub(crate) fn without_numbers(&self) -> Self {
        Self { groups: Vec::new(), ..self.clone() }
    }

    /// How many tasks of this group are to go on.
    pub(crate) fn of_group(&self, group: GroupId) -> u32 {
        let at = self.groups.binary_search_by_key(&group, |&(group, _)| group);
        at.map_or(0, |at| self.groups[at].1)
    }
}

/// Whether it is UDP, and the number.
fn ports(demand: &Resources) -> impl Iterator<Item = (bool, u16)> {
    let tcp = demand.ports_tcp.iter().map(|&port| (false, port));
    tcp.chain(demand.ports_udp.iter().map(|&port| (true, port)))
}

/// One less; nothing is counted as none.
pub(crate) fn count_down<K: Ord>(counts: &mut BTreeMap<K, u32>, key: &K) {
    if let Some(n) = counts.get_mut(key) {
        *n -= 1;
        if *n == 0 {
            counts.remove(key);
        }
    }
}

/// A host as an expression of the cluster query language sees it.
pub(crate) struct Asked<'a> {
    pub(crate) host: &'a Host,
    /// Whether anything was asked that hosts of the same kind may answer differently.
    pub(crate) is_own: Cell<bool>,
    pub(crate) texts: &'a Texts,
    pub(crate) groups: &'a Groups,
}

impl Subject for Asked<'_> {
    fn attribute(&self, name: &str) -> Option<Option<&str>> {
        let value = self.host.facts.attribute(self.texts.get(name)?)?;
        Some(value.and_then(|value| self.texts.name(value)).map(|text| &**text))
    }

    fn agent_connected(&self) -> bool {
        self.is_own.set(true);
        self.host.facts.agent_connected
    }

    fn agent_version(&self) -> &str {
        self.is_own.set(true);
        &self.host.facts.agent_version
    }

    fn ec2_instance_id(&self) -> Option<&str> {
        self.is_own.set(true);
        self.host.facts.ec2_instance_id.as_deref()
    }

    fn registered_at(&self) -> Timestamp {
        self.is_own.set(true);
        self.host.facts.registered_at
    }

    fn running_tasks_count(&self) -> u32 {
        self.is_own.set(true);
        self.host.used.running
    }

    /// Tasks of FARGATE, of other clusters too, are not asked.
    fn any_task_group(&self, wanted: &mut dyn FnMut(&str) -> bool) -> bool {
        self.is_own.set(true);
        let facts = &self.host.facts;
        let keys = self.host.used.groups.iter().filter_map(|&(group, _)| self.groups.name(group));
        let is_own =
            |key: &&GroupKey| !key.is_fargate && key.scope == facts.scope && key.cluster == facts.cluster;
        let mut own = keys.filter(is_own);
        own.any(|key| wanted(&key.name))
    }
}
