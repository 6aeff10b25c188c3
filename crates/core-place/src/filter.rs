//! The hard rules: each looks at one host and says yes, or why not.

use crate::hosts::Host;
use crate::needs::Needs;
use crate::refusal::Reason;
use model::instance::InstanceStatus;

type Filter = fn(&Host, &Needs) -> Result<(), Reason>;

/// In the order in which a host's reason is looked for.
const FILTERS: [Filter; 7] = [active, connected, attributes, cpu, memory, gpus, ports];

/// Whether the host takes a task with these needs.
pub(crate) fn fits(host: &Host, needs: &Needs) -> Result<(), Reason> {
    FILTERS.iter().try_for_each(|filter| filter(host, needs))
}

fn active(host: &Host, _: &Needs) -> Result<(), Reason> {
    ensure(host.status == InstanceStatus::Active, Reason::Inactive)
}

fn connected(host: &Host, _: &Needs) -> Result<(), Reason> {
    ensure(host.agent_connected, Reason::Agent)
}

fn attributes(host: &Host, needs: &Needs) -> Result<(), Reason> {
    let has = |name: &str, value: &Option<String>| {
        host.attributes.get(name).is_some_and(|has| value.is_none() || has == value)
    };
    ensure(needs.attributes.iter().all(|(name, value)| has(name, value)), Reason::Attribute)
}

fn cpu(host: &Host, needs: &Needs) -> Result<(), Reason> {
    ensure(u64::from(needs.demand.cpu_units) <= host.free_cpu_units(), Reason::Cpu)
}

fn memory(host: &Host, needs: &Needs) -> Result<(), Reason> {
    ensure(u64::from(needs.demand.memory_mib) <= host.free_memory_mib(), Reason::Memory)
}

fn gpus(host: &Host, needs: &Needs) -> Result<(), Reason> {
    ensure(needs.gpus as usize <= host.free_gpus().count(), Reason::Gpu)
}

fn ports(host: &Host, needs: &Needs) -> Result<(), Reason> {
    ensure(host.ports_free(&needs.demand.ports_tcp, &needs.demand.ports_udp), Reason::Ports)
}

fn ensure(holds: bool, reason: Reason) -> Result<(), Reason> {
    if holds { Ok(()) } else { Err(reason) }
}
