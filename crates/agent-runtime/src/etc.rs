//! The files in `/etc` that are made for a container.

use agent_driver::ContainerSpec;
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

/// What [`files`] makes.
pub(crate) const NAMES: [&str; 3] = ["hosts", "hostname", "resolv.conf"];

/// Names in `/etc`, and contents.
///
/// # Errors
/// The host's `resolv.conf` cannot be read.
pub(crate) fn files(spec: &ContainerSpec) -> io::Result<impl Iterator<Item = (&'static str, Vec<u8>)>> {
    let contents =
        [hosts(spec).into_bytes(), format!("{}\n", spec.network.hostname).into_bytes(), resolv_conf(spec)?];
    Ok(NAMES.into_iter().zip(contents))
}

fn hosts(spec: &ContainerSpec) -> String {
    let mut file = LOCAL_NAMES.to_owned();
    for (address, names) in &spec.network.hosts {
        let _ = writeln!(file, "{address}\t{names}");
    }
    file
}

/// The host's own when the spec names no servers; a host without one has none to give.
fn resolv_conf(spec: &ContainerSpec) -> io::Result<Vec<u8>> {
    if spec.network.dns_servers.is_empty() {
        return match fs::read("/etc/resolv.conf") {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            other => other,
        };
    }
    Ok(spec
        .network
        .dns_servers
        .iter()
        .map(|server| format!("nameserver {server}\n"))
        .collect::<String>()
        .into_bytes())
}
