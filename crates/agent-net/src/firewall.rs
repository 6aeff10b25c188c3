//! Forwarding, translation of addresses and ports, and what is not let through.
//!
//! The table is written as a whole when the network is opened; later only elements of its map change. Without
//! forwarding or the table awsvpc tasks still reach each other and the host, so a host that refuses is only warned of;
//! a port cannot be published then, and that fails.

use crate::config::{HostNetworkConfig, LINK_PREFIX};
use crate::error::{HostError, Step};
use crate::nfnl::{Nfnl, Publication};
use crate::{ENDPOINT_ADDRESS, ENDPOINT_BOUND_PORT, ENDPOINT_PORT};
use agent_driver::Protocol;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const IP_FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";
/// Where published ports lead.
const PORTS: &str = "ports";

/// Forwards, translates and filters from now on, with these ports published. Idempotent. The host's own setting of
/// `ip_forward` is remembered until [`remove`].
pub fn ensure(config: &HostNetworkConfig, published: &[Publication]) {
    if let Err(error) = ensure_forwarding(&remembered(config)) {
        tracing::warn!(%error, "no forwarding: tasks reach only this host");
    }
    if let Err(error) = nft(&script(config, published)) {
        tracing::warn!(%error, "no NAT: tasks cannot reach the outside, and no port can be published");
    }
}

/// Publishes all, or none.
pub fn publish(config: &HostNetworkConfig, ports: &[Publication]) -> io::Result<()> {
    if ports.is_empty() {
        return Ok(());
    }
    let mut netfilter = Nfnl::open()?;
    netfilter.publish(&config.table, PORTS, ports).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::other(format!(
            "there is no nftables table {}; install nft, and start the agent again to have it made",
            config.table
        )),
        _ => error,
    })?;
    forget(&mut netfilter, ports);
    Ok(())
}

/// The ports lead nowhere any more. Idempotent.
pub fn unpublish(config: &HostNetworkConfig, ports: &[Publication]) -> io::Result<()> {
    if ports.is_empty() {
        return Ok(());
    }
    let mut netfilter = Nfnl::open()?;
    netfilter.unpublish(&config.table, PORTS, ports)?;
    forget(&mut netfilter, ports);
    Ok(())
}

/// A kernel without `nf_conntrack_netlink` still publishes.
fn forget(netfilter: &mut Nfnl, ports: &[Publication]) {
    if let Err(error) = netfilter.forget_datagrams(ports) {
        tracing::warn!(%error, "clients that were sending to a port's earlier owner go on until they pause for 30 s");
    }
}

/// Removes the table and restores `ip_forward` when it was us who changed it. Idempotent.
pub fn remove(config: &HostNetworkConfig) -> Result<(), HostError> {
    // Declaring it first makes deleting a missing table no error.
    if let Err(error) = nft(&format!("table ip {0}\ndelete table ip {0}\n", config.table)) {
        tracing::warn!(%error, "nft cannot be asked to remove the table");
    }
    let remembered = remembered(config);
    match fs::read_to_string(&remembered) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        before => {
            before.and_then(|before| fs::write(IP_FORWARD, before)).step(|| "restore ip_forward".into())?;
        }
    }
    fs::remove_file(remembered).step(|| "forget ip_forward".into())
}

fn remembered(config: &HostNetworkConfig) -> PathBuf {
    config.state_dir.join("ip_forward")
}

fn ensure_forwarding(remembered: &Path) -> io::Result<()> {
    let before = fs::read_to_string(IP_FORWARD)?;
    if before.trim() == "1" {
        return Ok(());
    }
    fs::write(remembered, before)?;
    fs::write(IP_FORWARD, "1\n")
}

/// One transaction that replaces the whole table.
fn script(config: &HostNetworkConfig, published: &[Publication]) -> String {
    let (table, vpc, bridge) = (&config.table, config.vpc_block(), config.bridge_block());
    let gateway = config.bridge_gateway();
    let elements = elements(published);
    format!(
        "table ip {table}
delete table ip {table}
table ip {table} {{
  map {PORTS} {{
    type inet_proto . inet_service : ipv4_addr . inet_service
    {elements}
  }}
  chain entrance {{
    type filter hook prerouting priority raw; policy accept;
    iifname \"lo\" accept
    iifname \"{LINK_PREFIX}*\" jump from_task
    iifname \"{LINK_PREFIX}*\" accept
    # Only published ports lead to containers from outside.
    ip daddr {bridge} drop
    # Docker's containers may be tasks, too.
    iifname \"docker0\" accept
    iifname \"br-*\" accept
    ip daddr {ENDPOINT_ADDRESS} drop
  }}
  chain from_task {{
    # The host's loopback, which route_localnet would open.
    ip daddr 127.0.0.0/8 drop
    # Sources that are not the task's own.
    fib saddr . iif oif missing drop
  }}
  chain translate {{
    ip daddr {ENDPOINT_ADDRESS} tcp dport {ENDPOINT_PORT} dnat to {ENDPOINT_ADDRESS}:{ENDPOINT_BOUND_PORT}
    ip daddr {ENDPOINT_ADDRESS} accept
    dnat ip to meta l4proto . th dport map @{PORTS}
  }}
  chain incoming {{
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local jump translate
  }}
  chain of_host {{
    type nat hook output priority -100; policy accept;
    fib daddr type local jump translate
  }}
  chain leaving {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname \"{LINK_PREFIX}*\" jump to_task
    oifname \"{LINK_PREFIX}*\" accept
    ip saddr {bridge} masquerade
    ip saddr {vpc} ip daddr != {vpc} masquerade
  }}
  chain to_task {{
    ip saddr 127.0.0.0/8 snat to {gateway}
    # From a container by the host's address: it may be the same one.
    ip saddr {bridge} ct status dnat snat to {gateway}
  }}
}}
"
    )
}

fn elements(published: &[Publication]) -> String {
    let mut text = String::new();
    for (n, port) in published.iter().enumerate() {
        let protocol = match port.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        };
        let start = if n == 0 { "elements = {" } else { "," };
        let _ = write!(text, "{start} {protocol} . {} : {} . {}", port.host, port.address, port.container);
    }
    if !published.is_empty() {
        text.push_str(" }");
    }
    text
}

fn nft(script: &str) -> io::Result<()> {
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| io::Error::new(e.kind(), format!("nft: {e}")))?;
    if let Some(mut stdin) = nft.stdin.take() {
        stdin.write_all(script.as_bytes())?;
    }
    let output = nft.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("nft: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
