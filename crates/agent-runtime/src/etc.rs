//! The files in `/etc` that are made for a container.

use agent_driver::{ContainerSpec, Namespace};
use agent_host::{hosts, resolv_conf};
use std::io;

/// What [`files`] makes.
pub(crate) const NAMES: [&str; 3] = ["hosts", "hostname", "resolv.conf"];

/// Names in `/etc`, and contents.
///
/// # Errors
/// The host's `resolv.conf` cannot be read.
pub(crate) fn files(spec: &ContainerSpec) -> io::Result<impl Iterator<Item = (&'static str, Vec<u8>)>> {
    let hostname = format!("{}\n", hostname(spec));
    let contents = [hosts(&spec.network), hostname, resolv_conf(&spec.network)?].map(String::into_bytes);
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
