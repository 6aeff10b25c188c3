//! CPU shares, memory, resource limits and kernel parameters.

use super::Unacceptable;
use acs::payload::{self, HostConfig};
use agent_driver::{Limits, Ulimit};

const BYTES_PER_MIB: i64 = 1 << 20;
/// The Linux kernel's limits for shares, to which ECS moves what is beyond them (Amazon ECS task definition parameters:
/// `cpu`).
const CPU_SHARES_MIN: u32 = 2;
const CPU_SHARES_MAX: u32 = 262_144;

pub(super) fn read(container: &payload::Container, host: &HostConfig) -> Result<Limits, Unacceptable> {
    let refused = |member: &str| Unacceptable(format!("{member} is out of range"));
    let reserved = host.memory_reservation.map(|bytes| u32::try_from(bytes / BYTES_PER_MIB)).transpose();
    let swappiness = host.memory_swappiness.map(u8::try_from).transpose().ok();
    let swappiness = swappiness.filter(|s| s.is_none_or(|s| s <= 100));
    let ulimit = |u: &payload::Ulimit| Ulimit { name: u.name.clone(), soft: u.soft, hard: u.hard };
    Ok(Limits {
        cpu_shares: container.cpu.clamp(CPU_SHARES_MIN, CPU_SHARES_MAX),
        memory_mib: Some(container.memory).filter(|&m| m != 0),
        memory_mib_reserved: reserved.map_err(|_| refused("MemoryReservation"))?,
        memory_swap_bytes: host.memory_swap.filter(|&bytes| bytes != 0),
        swappiness: swappiness.ok_or_else(|| refused("MemorySwappiness"))?,
        ulimits: host.ulimits.iter().map(ulimit).collect(),
        sysctls: host.sysctls.clone(),
    })
}
