//! What a container asks for that it cannot have: said before anything of it is made.

use crate::{lsm, rlimit, rootfs, signal, sysctl};
use agent_driver::{ContainerSpec, Namespace};

/// # Errors
/// The first such thing by name, in Docker's words where it has any. What depends on the host's control groups and
/// devices is found elsewhere.
pub(crate) fn refuse(spec: &ContainerSpec) -> Result<(), String> {
    if let Namespace::Sandbox | Namespace::RuntimeBridge { .. } = spec.network.namespace {
        return Err("the network of another runtime was asked for: this one makes none".to_owned());
    }
    signal::parse(&spec.stop_signal)?;
    rlimit::check(&spec.limits.ulimits)?;
    sysctl::check(spec)?;
    rootfs::check_mounts(&spec.storage)?;
    lsm::check(&spec.security)
}
