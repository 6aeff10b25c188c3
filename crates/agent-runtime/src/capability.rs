//! Which capabilities a container gets: Docker's defaults, with what was added and dropped.
//! <https://docs.docker.com/engine/containers/run/#runtime-privilege-and-linux-capabilities>

use agent_driver::Security;
use std::fs;
use std::io;

/// Each at the place of its number.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

const ALL: &str = "ALL";

/// Docker's: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW,
/// SYS_CHROOT, MKNOD, AUDIT_WRITE and SETFCAP.
const DEFAULTS: u64 = 1 << 0
    | 1 << 1
    | 1 << 3
    | 1 << 4
    | 1 << 5
    | 1 << 6
    | 1 << 7
    | 1 << 8
    | 1 << 10
    | 1 << 13
    | 1 << 18
    | 1 << 27
    | 1 << 29
    | 1 << 31;

/// The set of a container, where `available` can be given.
///
/// # Errors
/// A name that is none, or one that cannot be given here, in Docker's words.
pub(crate) fn set(security: &Security, available: u64) -> Result<u64, String> {
    let added = parse(&security.capabilities_add, "CapAdd", available)?;
    let dropped = parse(&security.capabilities_drop, "CapDrop", u64::MAX)?;
    Ok(match (added, dropped) {
        _ if security.privileged => available,
        (None, dropped) => available & !dropped.unwrap_or(0),
        (Some(added), None) => added,
        (Some(added), Some(dropped)) => DEFAULTS & !dropped | added,
    })
}

/// `None` is all of them.
fn parse(names: &[String], option: &str, available: u64) -> Result<Option<u64>, String> {
    let mut set = 0;
    for name in names {
        let upper = name.to_ascii_uppercase();
        let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
        if bare == ALL {
            return Ok(None);
        }
        let number = NAMES.iter().position(|known| *known == bare);
        let bit = 1 << number.ok_or_else(|| format!("invalid {option}: unknown capability: \"{name}\""))?;
        if available & bit == 0 {
            return Err(format!(
                "invalid {option}: capability not supported by your kernel or not available in the current \
                 environment: \"CAP_{bare}\""
            ));
        }
        set |= bit;
    }
    Ok(Some(set))
}

/// What this process could give away.
pub(crate) fn available() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("CapPrm:"));
    line.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).ok_or(io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: u64 = (1 << 41) - 1;

    fn given(add: &[&str], drop: &[&str]) -> Result<u64, String> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let security =
            Security { capabilities_add: owned(add), capabilities_drop: owned(drop), ..Security::default() };
        set(&security, KERNEL & !(1 << 24))
    }

    #[test]
    fn added_and_dropped_as_docker_does() {
        assert_eq!(given(&[], &[]), Ok(0xa804_25fb));
        assert_eq!(given(&["SYS_ADMIN"], &[]), Ok(0xa804_25fb | 1 << 21));
        assert_eq!(given(&["cap_sys_admin"], &["CHOWN", "CAP_KILL"]), Ok(0xa804_25da | 1 << 21));
        assert_eq!(given(&["CHOWN"], &["CHOWN"]), Ok(0xa804_25fb));
        assert_eq!(given(&["NET_ADMIN", "CHOWN"], &["ALL"]), Ok(1 << 12 | 1));
        assert_eq!(given(&["ALL"], &["CHOWN"]), Ok(KERNEL & !(1 << 24) & !1));
        assert_eq!(given(&["ALL"], &["ALL"]), Ok(KERNEL & !(1 << 24)));
        assert_eq!(given(&["NOPE"], &[]).unwrap_err(), "invalid CapAdd: unknown capability: \"NOPE\"");
        assert!(given(&["SYS_RESOURCE"], &[]).unwrap_err().contains("\"CAP_SYS_RESOURCE\""));
        assert!(given(&[], &["X"]).unwrap_err().starts_with("invalid CapDrop"));
        let privileged = Security { privileged: true, ..Security::default() };
        assert_eq!(set(&privileged, KERNEL), Ok(KERNEL));
    }
}
