//! `linuxParameters` (Amazon ECS API Reference: LinuxParameters, KernelCapabilities, Device, Tmpfs).

use super::Invalid;
use super::settings::Settings;
use model::container::{Capabilities, Device, DevicePermission, LinuxParameters, Tmpfs};
use wire::ecs::{self, DeviceCgroupPermission};

/// The values of `add` and `drop`.
const CAPABILITIES: &[&str] = &[
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "SYSLOG",
    "WAKE_ALARM",
];

/// The values of `mountOptions`, but for those of [`OTHER_MOUNT_OPTIONS`].
const MOUNT_OPTIONS: &[&str] = &[
    "defaults",
    "ro",
    "rw",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "exec",
    "noexec",
    "sync",
    "async",
    "dirsync",
    "mand",
    "nomand",
    "atime",
    "noatime",
    "diratime",
    "nodiratime",
    "private",
    "rprivate",
    "relatime",
    "norelatime",
    "strictatime",
    "nostrictatime",
];
/// Those that mean nothing for a new file system in a container's own namespace.
const OTHER_MOUNT_OPTIONS: &[&str] =
    &["remount", "bind", "rbind", "unbindable", "runbindable", "shared", "rshared", "slave", "rslave"];

/// Reads them.
pub(super) fn parse(settings: Settings<'_>, linux: ecs::LinuxParameters) -> Result<LinuxParameters, Invalid> {
    let swappiness = settings.between("swappiness", linux.swappiness, 0..=100)?;
    let devices = linux.devices.unwrap_or_default().into_iter().map(|d| device(settings, d));
    let tmpfs = linux.tmpfs.unwrap_or_default().into_iter().map(|t| self::tmpfs(settings, t));
    Ok(LinuxParameters {
        init_process: linux.init_process_enabled,
        capabilities: linux.capabilities.map(|c| capabilities(settings, c)).transpose()?,
        devices: devices.collect::<Result<_, _>>()?,
        tmpfs: tmpfs.collect::<Result<_, _>>()?,
        shared_memory_mib: settings.least("sharedMemorySize", linux.shared_memory_size, 1)?,
        max_swap_mib: settings.amount("maxSwap", linux.max_swap)?,
        swappiness: swappiness.and_then(|s| u8::try_from(s).ok()),
    })
}

fn capabilities(settings: Settings<'_>, given: ecs::KernelCapabilities) -> Result<Capabilities, Invalid> {
    let names = |setting, names: Option<Vec<String>>| {
        let names = names.unwrap_or_default();
        match names.iter().find(|name| !CAPABILITIES.contains(&name.as_str())) {
            Some(name) => Err(settings.invalid(setting, format!("Unknown capability: '{name}'."))),
            None => Ok(names),
        }
    };
    Ok(Capabilities {
        add: names("capabilities.add", given.add)?,
        drop: names("capabilities.drop", given.drop)?,
    })
}

fn device(settings: Settings<'_>, device: ecs::Device) -> Result<Device, Invalid> {
    let container_path = device.container_path.filter(|path| !path.is_empty());
    let permission = |permission| match permission {
        DeviceCgroupPermission::Read => DevicePermission::Read,
        DeviceCgroupPermission::Write => DevicePermission::Write,
        DeviceCgroupPermission::Mknod => DevicePermission::Mknod,
    };
    Ok(Device {
        host_path: settings.absolute_path("devices.hostPath", device.host_path)?,
        container_path: container_path
            .map(|path| settings.absolute_path("devices.containerPath", path))
            .transpose()?,
        permissions: device.permissions.unwrap_or_default().into_iter().map(permission).collect(),
    })
}

fn tmpfs(settings: Settings<'_>, tmpfs: ecs::Tmpfs) -> Result<Tmpfs, Invalid> {
    let mount_options = tmpfs.mount_options.unwrap_or_default();
    mount_options.iter().try_for_each(|option| check_mount_option(settings, option))?;
    Ok(Tmpfs {
        container_path: settings.absolute_path("tmpfs.containerPath", tmpfs.container_path)?,
        size_mib: settings.least("tmpfs.size", Some(tmpfs.size), 1)?.unwrap_or(1),
        mount_options,
    })
}

fn check_mount_option(settings: Settings<'_>, option: &str) -> Result<(), Invalid> {
    let valid = match option.split_once('=') {
        Some((name, value)) => is_mount_value(name, value),
        None if OTHER_MOUNT_OPTIONS.contains(&option) => {
            return Err(Invalid::unsupported(format!("tmpfs.mountOptions '{option}'")));
        }
        None => MOUNT_OPTIONS.contains(&option),
    };
    match valid {
        true => Ok(()),
        false => Err(settings.invalid("tmpfs.mountOptions", format!("Unknown mount option: '{option}'."))),
    }
}

/// The options with a value: `mode=1777`.
fn is_mount_value(name: &str, value: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match name {
        "mode" => value.len() <= 5 && digits(value) && !value.contains(['8', '9']),
        "uid" | "gid" => digits(value),
        "nr_inodes" | "nr_blocks" => digits(value.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G'])),
        // No comma: options are joined by commas.
        "mpol" => {
            !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b":-=".contains(&b))
        }
        _ => false,
    }
}
