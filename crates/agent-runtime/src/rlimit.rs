//! Resource limits by the names that Docker's `--ulimit` knows.
//! <https://docs.docker.com/reference/cli/docker/container/run/#ulimit>

use crate::sys;
use agent_driver::Ulimit;
use nix::libc::{self, __rlimit_resource_t as Resource};
use std::io;

const NAMES: [(&str, Resource); 15] = [
    ("core", libc::RLIMIT_CORE),
    ("cpu", libc::RLIMIT_CPU),
    ("data", libc::RLIMIT_DATA),
    ("fsize", libc::RLIMIT_FSIZE),
    ("locks", libc::RLIMIT_LOCKS),
    ("memlock", libc::RLIMIT_MEMLOCK),
    ("msgqueue", libc::RLIMIT_MSGQUEUE),
    ("nice", libc::RLIMIT_NICE),
    ("nofile", libc::RLIMIT_NOFILE),
    ("nproc", libc::RLIMIT_NPROC),
    ("rss", libc::RLIMIT_RSS),
    ("rtprio", libc::RLIMIT_RTPRIO),
    ("rttime", libc::RLIMIT_RTTIME),
    ("sigpending", libc::RLIMIT_SIGPENDING),
    ("stack", libc::RLIMIT_STACK),
];

/// Open files when the container's own limits name none: soft and hard, as Fargate has it.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Ulimit.html>
const OPEN_FILES: (u64, u64) = (65_535, 65_535);

/// A limit as the kernel takes it; −1 is `u64::MAX`, which is the kernel's own "unlimited".
fn parse(limit: &Ulimit) -> Result<(Resource, u64, u64), String> {
    let Ulimit { name, soft, hard } = limit;
    let known = NAMES.iter().find(|(known, _)| known == name);
    let (_, resource) = known.ok_or_else(|| format!("invalid ulimit type: {name}"))?;
    let (kernel_soft, kernel_hard) = match (u64::try_from(*soft), u64::try_from(*hard)) {
        _ if *soft < -1 || *hard < -1 => return Err(format!("invalid ulimit: {name}={soft}:{hard}")),
        (soft, hard) => (soft.unwrap_or(u64::MAX), hard.unwrap_or(u64::MAX)),
    };
    if kernel_soft > kernel_hard {
        return Err(format!(
            "ulimit {name}: soft limit must be less than or equal to hard limit: {soft} > {hard}"
        ));
    }
    Ok((*resource, kernel_soft, kernel_hard))
}

/// # Errors
/// The first that is no limit.
pub(crate) fn check(limits: &[Ulimit]) -> Result<(), String> {
    limits.iter().try_for_each(|limit| parse(limit).map(drop))
}

/// Sets the limits of this process, and ECS's for open files when they name none, as far as this host permits it.
///
/// # Errors
/// A text that names the limit.
pub(crate) fn apply(limits: &[Ulimit]) -> Result<(), String> {
    if !limits.iter().any(|limit| limit.name == "nofile") {
        limit_open_files().map_err(|e| format!("limit open files: {e}"))?;
    }
    for limit in limits {
        let (resource, soft, hard) = parse(limit)?;
        sys::set_limit(resource, soft, hard).map_err(|e| {
            format!("error setting rlimit {}: {}:{}: {e}", limit.name, limit.soft, limit.hard)
        })?;
    }
    Ok(())
}

/// Raises the hard limit only where that is permitted.
fn limit_open_files() -> io::Result<()> {
    let (soft, hard) = OPEN_FILES;
    if sys::set_limit(libc::RLIMIT_NOFILE, soft, hard).is_ok() {
        return Ok(());
    }
    let hard = hard.min(sys::hard_limit(libc::RLIMIT_NOFILE)?);
    sys::set_limit(libc::RLIMIT_NOFILE, soft.min(hard), hard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bounds() {
        let parsed = |name: &str, soft, hard| parse(&Ulimit { name: name.to_owned(), soft, hard });
        assert_eq!(parsed("nofile", 10, 20), Ok((libc::RLIMIT_NOFILE, 10, 20)));
        assert_eq!(parsed("core", 0, -1), Ok((libc::RLIMIT_CORE, 0, u64::MAX)));
        assert_eq!(parsed("memlock", -1, -1), Ok((libc::RLIMIT_MEMLOCK, u64::MAX, u64::MAX)));
        assert_eq!(parsed("as", 1, 1).unwrap_err(), "invalid ulimit type: as");
        assert!(parsed("cpu", -1, 5).unwrap_err().contains("-1 > 5"));
        assert!(parsed("cpu", -2, 5).is_err());
    }
}
