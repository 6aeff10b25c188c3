//! The files in `/etc` that are made for a container.

use agent_driver::{ContainerSpec, Namespace};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::IpAddr;

/// The names that Docker gives to every container.
const LOCAL_NAMES: &str = "\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
";

/// What [`files`] makes.
pub(crate) const NAMES: [&str; 3] = ["hosts", "hostname", "resolv.conf"];

/// A resolver of the host's own that nobody reaches from another network namespace, and the file with what it asks.
const STUB: &str = "nameserver 127.0.0.53";
const BEHIND_STUB: &str = "/run/systemd/resolve/resolv.conf";

/// Names in `/etc`, and contents.
///
/// # Errors
/// The host's `resolv.conf` cannot be read.
pub(crate) fn files(spec: &ContainerSpec) -> io::Result<impl Iterator<Item = (&'static str, Vec<u8>)>> {
    let hostname = format!("{}\n", hostname(spec));
    let contents = [hosts(spec).into_bytes(), hostname.into_bytes(), resolv_conf(spec)?];
    Ok(NAMES.into_iter().zip(contents))
}

/// The name that the container has: the host's where it shares the host's network, or has none of its own.
pub(crate) fn hostname(spec: &ContainerSpec) -> String {
    if spec.network.namespace != Namespace::Host && !spec.network.hostname.is_empty() {
        return spec.network.hostname.clone();
    }
    let name = nix::unistd::gethostname().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn hosts(spec: &ContainerSpec) -> String {
    let mut file = LOCAL_NAMES.to_owned();
    for (address, names) in &spec.network.hosts {
        let _ = writeln!(file, "{address}\t{names}");
    }
    file
}

/// The host's own, but for what the spec says; a host without one has none to give.
fn resolv_conf(spec: &ContainerSpec) -> io::Result<Vec<u8>> {
    let read = |path: &str| match fs::read_to_string(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(String::new()),
        other => other,
    };
    let mut host = read("/etc/resolv.conf")?;
    if spec.network.namespace != Namespace::Host && host.lines().any(|line| line.trim() == STUB) {
        host = read(BEHIND_STUB)?;
    }
    Ok(merge_resolv_conf(&host, &spec.network.dns_servers, &spec.network.dns_search).into_bytes())
}

fn merge_resolv_conf(host: &str, servers: &[IpAddr], search: &[String]) -> String {
    if servers.is_empty() && search.is_empty() {
        return host.to_owned();
    }
    let mut file = String::new();
    for server in servers {
        let _ = writeln!(file, "nameserver {server}");
    }
    // A lone dot is Docker's way to say that no domain is searched.
    if !search.is_empty() && search != ["."] {
        let _ = writeln!(file, "search {}", search.join(" "));
    }
    let kept = |line: &&str| match line.split_whitespace().next() {
        Some("nameserver") => servers.is_empty(),
        Some("search" | "domain") => search.is_empty(),
        Some("options") => true,
        _ => false,
    };
    for line in host.lines().filter(kept) {
        let _ = writeln!(file, "{line}");
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_the_hosts() {
        const HOST: &str = "# mine\nnameserver 1.1.1.1\nsearch home\noptions ndots:2\n";
        let merged = |servers: &[&str], search: &[&str]| {
            let servers: Vec<IpAddr> = servers.iter().map(|server| server.parse().unwrap()).collect();
            let search: Vec<_> = search.iter().map(|domain| (*domain).to_owned()).collect();
            merge_resolv_conf(HOST, &servers, &search)
        };
        assert_eq!(merged(&[], &[]), HOST);
        assert_eq!(
            merged(&["10.0.0.2", "fd00::2"], &[]),
            "nameserver 10.0.0.2\nnameserver fd00::2\nsearch home\noptions ndots:2\n"
        );
        assert_eq!(merged(&[], &["a.b", "c"]), "search a.b c\nnameserver 1.1.1.1\noptions ndots:2\n");
        assert_eq!(merged(&["10.0.0.2"], &["."]), "nameserver 10.0.0.2\noptions ndots:2\n");
    }
}
