//! A container's `/etc/hosts` and `/etc/resolv.conf`.

use agent_driver::{Namespace, Networking};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind};

/// The names that Docker gives to every container.
const LOCAL_NAMES: &str = "\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
";
/// A resolver of the host's own that nobody reaches from another network namespace, and the file with what it asks.
const STUB: &str = "nameserver 127.0.0.53";
const BEHIND_STUB: &str = "/run/systemd/resolve/resolv.conf";

/// `/etc/hosts`: Docker's lines, then the container's.
pub fn hosts(network: &Networking) -> String {
    let mut file = LOCAL_NAMES.to_owned();
    for (address, names) in &network.hosts {
        // Writing to a String does not fail.
        let _ = writeln!(file, "{address}\t{names}");
    }
    file
}

/// `/etc/resolv.conf`: the host's own, but for what the container has; a host without one has none to give.
///
/// # Errors
/// The host's cannot be read.
pub fn resolv_conf(network: &Networking) -> io::Result<String> {
    let read = |path: &str| match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        other => other,
    };
    let mut host = read("/etc/resolv.conf")?;
    if network.namespace != Namespace::Host && host.lines().any(|line| line.trim() == STUB) {
        host = read(BEHIND_STUB)?;
    }
    Ok(merge(&host, network))
}

fn merge(host: &str, network: &Networking) -> String {
    let (servers, search) = (&network.dns_servers, &network.dns_search);
    if servers.is_empty() && search.is_empty() {
        return host.to_owned();
    }
    let mut file = String::new();
    for server in servers {
        let _ = writeln!(file, "nameserver {server}");
    }
    // A lone dot is Docker's way to say that no domain is searched.
    if !search.is_empty() && *search != ["."] {
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
            let dns_servers = servers.iter().map(|server| server.parse().unwrap()).collect();
            let dns_search = search.iter().map(|domain| (*domain).to_owned()).collect();
            merge(HOST, &Networking { dns_servers, dns_search, ..Networking::default() })
        };
        assert_eq!(merged(&[], &[]), HOST);
        assert_eq!(
            merged(&["10.0.0.2", "fd00::2"], &[]),
            "nameserver 10.0.0.2\nnameserver fd00::2\nsearch home\noptions ndots:2\n"
        );
        assert_eq!(merged(&[], &["a.b", "c"]), "search a.b c\nnameserver 1.1.1.1\noptions ndots:2\n");
        assert_eq!(merged(&["10.0.0.2"], &["."]), "nameserver 10.0.0.2\noptions ndots:2\n");
    }

    #[test]
    fn the_containers_own_names_come_last() {
        let hosts = hosts(&Networking {
            hosts: vec![("10.0.0.9".parse().unwrap(), "db other".to_owned())],
            ..Networking::default()
        });
        assert!(
            hosts.starts_with("127.0.0.1\tlocalhost\n") && hosts.ends_with("10.0.0.9\tdb other\n"),
            "{hosts}"
        );
    }
}
