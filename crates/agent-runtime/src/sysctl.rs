//! Kernel parameters of a container's namespaces.
//! <https://docs.docker.com/reference/cli/docker/container/run/#sysctl>

use agent_driver::{ContainerSpec, Namespace, Sharing};
use std::fs;

/// Those of the IPC namespace that do not begin with `fs.mqueue.`.
const IPC: [&str; 9] = [
    "kernel.auto_msgmni",
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shm_rmid_forced",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
];

/// # Errors
/// The first parameter that is not of one of the container's own namespaces: it would be the whole host's.
pub(crate) fn check(spec: &ContainerSpec) -> Result<(), String> {
    for name in spec.limits.sysctls.keys() {
        let segments = segments(name);
        let dotted = segments.join(".");
        if segments.iter().any(|segment| matches!(segment.as_str(), "" | "." | "..")) {
            return Err(format!("sysctl {name:?} is not the name of a kernel parameter"));
        }
        if IPC.contains(&dotted.as_str()) || dotted.starts_with("fs.mqueue.") {
            if spec.ipc == Sharing::Host {
                return Err(format!("sysctl {name:?} is not allowed in the hosts ipc namespace"));
            }
        } else if dotted.starts_with("net.") {
            if spec.network.namespace == Namespace::Host {
                return Err(format!("sysctl {name:?} not allowed in host network namespace"));
            }
        } else if dotted == "kernel.hostname" {
            return Err(format!("sysctl {name:?} is not allowed as it conflicts with the host name"));
        } else if dotted != "kernel.domainname" {
            return Err(format!("sysctl {name:?} is not in a separate kernel namespace"));
        }
    }
    Ok(())
}

/// Writes the parameters. `/proc/sys` must be the namespaces' own and writable.
///
/// # Errors
/// A text that names the parameter.
pub(crate) fn apply(spec: &ContainerSpec) -> Result<(), String> {
    for (name, value) in &spec.limits.sysctls {
        let path = format!("/proc/sys/{}", segments(name).join("/"));
        let mut file = fs::OpenOptions::new();
        file.write(true)
            .open(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, value.as_bytes()))
            .map_err(|e| format!("write sysctl key {name}: {e}"))?;
    }
    Ok(())
}

/// Whichever of dot and slash comes first is the separator, as `sysctl` has it: interfaces may have dots in their names.
fn segments(name: &str) -> Vec<String> {
    let separator = name.chars().find(|c| matches!(c, '.' | '/')).unwrap_or('.');
    let other = if separator == '.' { '/' } else { '.' };
    // With dots as separators a slash stands for a dot.
    let plain = |segment: &str| if other == '/' { segment.replace('/', ".") } else { segment.to_owned() };
    name.split(separator).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(name: &str, namespace: Namespace, ipc: Sharing) -> Result<(), String> {
        let mut spec = ContainerSpec { ipc, ..ContainerSpec::default() };
        spec.network.namespace = namespace;
        spec.limits.sysctls.insert(name.to_owned(), "1".to_owned());
        check(&spec)
    }

    #[test]
    fn only_what_has_a_namespace_of_its_own() {
        for name in
            ["net.core.somaxconn", "net/ipv4/conf/eth0.7/forwarding", "kernel.shmmax", "fs.mqueue.msg_max"]
        {
            assert_eq!(verdict(name, Namespace::Isolated, Sharing::Private), Ok(()), "{name}");
            assert!(verdict(name, Namespace::Host, Sharing::Host).is_err(), "{name}");
        }
        for name in [
            "kernel.panic",
            "vm.swappiness",
            "kernel.hostname",
            "net/../kernel/panic",
            "net..x",
            "net./../../x",
            "",
        ] {
            assert!(verdict(name, Namespace::Isolated, Sharing::Private).is_err(), "{name}");
        }
        assert_eq!(segments("net.ipv4.conf.eth0/7.forwarding")[3], "eth0.7");
    }
}
