//! The view: what each container instance has left.

use crate::needs::Needs;
use model::instance::{ContainerInstance, InstanceStatus, Resources};
use model::task::Task;
use model::task_definition::LaunchType;
use model::{ClusterName, InstanceId, Scope, TaskId};
use std::collections::{BTreeMap, BTreeSet};

/// Every container instance with what its tasks have left of it. Built from a snapshot, or kept and told of each
/// changed record; the order of the calls does not matter.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    hosts: BTreeMap<InstanceId, Host>,
    tasks: BTreeMap<TaskId, Taken>,
}

/// One container instance as placement sees it.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) scope: Scope,
    pub(crate) cluster: ClusterName,
    pub(crate) status: InstanceStatus,
    pub(crate) agent_connected: bool,
    pub(crate) serves_fargate: bool,
    pub(crate) attributes: BTreeMap<String, Option<String>>,
    registered: Resources,
    pub(crate) used: Used,
}

/// What the tasks of a host take, in sums that may exceed what it registered when it came back smaller.
#[derive(Clone, Debug, Default)]
pub(crate) struct Used {
    cpu_units: u64,
    memory_mib: u64,
    ports_tcp: BTreeSet<u16>,
    ports_udp: BTreeSet<u16>,
    gpus: BTreeSet<String>,
    pub(crate) tasks: u32,
    pub(crate) tasks_by_group: BTreeMap<String, u32>,
}

#[derive(Clone, Debug)]
struct Taken {
    instance: InstanceId,
    group: String,
    demand: Resources,
}

impl Hosts {
    /// From a snapshot's instances and tasks. Tasks that hold nothing are skipped.
    pub fn from_records<'a>(
        instances: impl IntoIterator<Item = &'a ContainerInstance>,
        tasks: impl IntoIterator<Item = &'a Task>,
    ) -> Self {
        let mut hosts = Self::default();
        instances.into_iter().for_each(|i| hosts.observe_instance(i));
        tasks.into_iter().for_each(|t| hosts.observe_task(t));
        hosts
    }

    /// An instance is new or has changed.
    pub fn observe_instance(&mut self, instance: &ContainerInstance) {
        let used = match self.hosts.remove(&instance.id) {
            Some(known) => known.used,
            None => self.used_on(&instance.id),
        };
        self.hosts.insert(instance.id.clone(), Host::new(instance, used));
    }

    /// An instance is gone. Its tasks keep their claims until they are forgotten themselves.
    pub fn forget_instance(&mut self, id: &InstanceId) {
        self.hosts.remove(id);
    }

    /// A task is new or has changed.
    pub fn observe_task(&mut self, task: &Task) {
        self.forget_task(&task.id);
        let Some(instance) = task.instance.clone().filter(|_| task.holds_resources()) else { return };
        let taken = Taken { instance, group: task.group.clone(), demand: task.demand() };
        if let Some(host) = self.hosts.get_mut(&taken.instance) {
            host.used.take(&taken.demand, &taken.group);
        }
        self.tasks.insert(task.id.clone(), taken);
    }

    /// A task is gone.
    pub fn forget_task(&mut self, id: &TaskId) {
        let Some(taken) = self.tasks.remove(id) else { return };
        if let Some(host) = self.hosts.get_mut(&taken.instance) {
            host.used.give_back(&taken.demand, &taken.group);
        }
    }

    /// The hosts that may be asked at all: those that serve FARGATE, or those of the task's cluster.
    pub(crate) fn pool<'a>(&'a self, needs: &'a Needs) -> impl Iterator<Item = (&'a InstanceId, &'a Host)> {
        self.hosts.iter().filter(move |(_, host)| match needs.launch_type {
            LaunchType::Fargate => host.serves_fargate,
            LaunchType::Ec2 | LaunchType::External => {
                host.scope == needs.scope && host.cluster == needs.cluster
            }
        })
    }

    /// The host with this id, of whatever cluster.
    pub(crate) fn host(&self, id: &InstanceId) -> Option<&Host> {
        self.hosts.get(id)
    }

    fn used_on(&self, id: &InstanceId) -> Used {
        let mut used = Used::default();
        let taken = self.tasks.values().filter(|t| t.instance == *id);
        taken.for_each(|t| used.take(&t.demand, &t.group));
        used
    }
}

impl Host {
    fn new(instance: &ContainerInstance, used: Used) -> Self {
        Self {
            scope: instance.scope.clone(),
            cluster: instance.cluster.clone(),
            status: instance.status,
            agent_connected: instance.agent_connected,
            serves_fargate: instance.serves_fargate(),
            attributes: instance.attributes.clone(),
            registered: instance.registered.clone(),
            used,
        }
    }

    pub(crate) fn free_cpu_units(&self) -> u64 {
        u64::from(self.registered.cpu_units).saturating_sub(self.used.cpu_units)
    }

    pub(crate) fn free_memory_mib(&self) -> u64 {
        u64::from(self.registered.memory_mib).saturating_sub(self.used.memory_mib)
    }

    /// By id.
    pub(crate) fn free_gpus(&self) -> impl Iterator<Item = &String> {
        self.registered.gpus.difference(&self.used.gpus)
    }

    pub(crate) fn ports_free(&self, tcp: &BTreeSet<u16>, udp: &BTreeSet<u16>) -> bool {
        let (reserved, used) = (&self.registered, &self.used);
        tcp.is_disjoint(&reserved.ports_tcp)
            && tcp.is_disjoint(&used.ports_tcp)
            && udp.is_disjoint(&reserved.ports_udp)
            && udp.is_disjoint(&used.ports_udp)
    }
}

impl Used {
    pub(crate) fn take(&mut self, demand: &Resources, group: &str) {
        self.cpu_units += u64::from(demand.cpu_units);
        self.memory_mib += u64::from(demand.memory_mib);
        self.ports_tcp.extend(&demand.ports_tcp);
        self.ports_udp.extend(&demand.ports_udp);
        self.gpus.extend(demand.gpus.iter().cloned());
        self.tasks += 1;
        *self.tasks_by_group.entry(group.to_owned()).or_default() += 1;
    }

    fn give_back(&mut self, demand: &Resources, group: &str) {
        self.cpu_units -= u64::from(demand.cpu_units);
        self.memory_mib -= u64::from(demand.memory_mib);
        self.ports_tcp.retain(|p| !demand.ports_tcp.contains(p));
        self.ports_udp.retain(|p| !demand.ports_udp.contains(p));
        self.gpus.retain(|id| !demand.gpus.contains(id));
        self.tasks -= 1;
        if let Some(n) = self.tasks_by_group.get_mut(group) {
            *n -= 1;
            if *n == 0 {
                self.tasks_by_group.remove(group);
            }
        }
    }
}
