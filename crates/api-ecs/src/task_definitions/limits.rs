//! `ulimits` and `systemControls` (Amazon ECS API Reference: Ulimit, SystemControl).

use super::Invalid;
use super::settings::Settings;
use model::container::{ContainerDefinition, SystemControl, Ulimit};
use model::task_definition::{IpcMode, NetworkMode, TaskDefinition};
use std::collections::BTreeSet;
use wire::ecs;

/// Kernel parameters of an IPC namespace, besides those under `fs.mqueue.`.
const IPC_CONTROLS: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// Reads one limit; −1 is none.
pub(super) fn ulimit(settings: Settings<'_>, limit: ecs::Ulimit) -> Result<Ulimit, Invalid> {
    let (name, soft, hard) =
        (limit.name.to_string(), i64::from(limit.soft_limit), i64::from(limit.hard_limit));
    if soft < -1 || hard < -1 {
        return Err(settings.invalid("ulimits", format!("The limits of {name} must be at least -1.")));
    }
    let height = |limit: i64| if limit < 0 { i64::MAX } else { limit };
    if height(soft) > height(hard) {
        return Err(Invalid::SoftAboveHard(name));
    }
    Ok(Ulimit { name, soft, hard })
}

/// Reads one kernel parameter.
pub(super) fn system_control(
    settings: Settings<'_>,
    control: ecs::SystemControl,
) -> Result<SystemControl, Invalid> {
    let given = |text: Option<String>| text.filter(|t| !t.is_empty());
    let namespace = given(control.namespace).ok_or(Invalid::Empty("systemControls.namespace"))?;
    let value = given(control.value).ok_or(Invalid::Empty("systemControls.value"))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    // A name becomes a path below /proc/sys.
    let is_name = namespace.bytes().all(plain) && !namespace.contains("..") && !namespace.ends_with('.');
    if !is_name || !(is_ipc(&namespace) || is_net(&namespace)) {
        let rule = format!("The kernel parameter '{namespace}' is not namespaced.");
        return Err(settings.invalid("systemControls", rule));
    }
    if value.contains(char::is_control) {
        return Err(Invalid::Characters("systemControls.value"));
    }
    Ok(SystemControl { namespace, value })
}

/// Checks both: no limit is there twice, and what is set belongs to the container alone, not to its host.
pub(super) fn check(definition: &TaskDefinition, container: &ContainerDefinition) -> Result<(), Invalid> {
    let settings = Settings { container: container.name.as_str() };
    let mut names = BTreeSet::new();
    if let Some(twice) = container.ulimits.iter().find(|limit| !names.insert(&limit.name)) {
        return Err(settings.invalid("ulimits", format!("The limit {} is there twice.", twice.name)));
    }
    let mut names = BTreeSet::new();
    for SystemControl { namespace, .. } in &container.system_controls {
        if !names.insert(namespace) {
            return Err(settings.invalid("systemControls", format!("'{namespace}' is there twice.")));
        }
        if definition.network_mode == NetworkMode::Host && is_net(namespace) {
            let rule = format!("'{namespace}' is not supported when networkMode=host.");
            return Err(settings.invalid("systemControls", rule));
        }
        if definition.ipc_mode == Some(IpcMode::Host) && is_ipc(namespace) {
            let rule = format!("'{namespace}' is not supported when ipcMode=host.");
            return Err(settings.invalid("systemControls", rule));
        }
    }
    Ok(())
}

/// `maxSwap` is added to the container's hard limit, so it needs one.
pub(super) fn check_swap(container: &ContainerDefinition) -> Result<(), Invalid> {
    let has_swap = container.linux.as_ref().is_some_and(|linux| linux.max_swap_mib.is_some());
    match has_swap && container.memory_mib.is_none() {
        true => Err(Invalid::setting(container.name.as_str(), "maxSwap", "It needs the setting 'memory'.")),
        false => Ok(()),
    }
}

fn is_net(namespace: &str) -> bool {
    namespace.starts_with("net.")
}

fn is_ipc(namespace: &str) -> bool {
    namespace.starts_with("fs.mqueue.") || IPC_CONTROLS.contains(&namespace)
}
