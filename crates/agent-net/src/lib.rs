//! Task networks on one host: a network namespace and a private address for each task in the mode `awsvpc`, for each
//! container in the mode `bridge`.
//!
//! ```text
//!  task A: eth0 172.31.0.4/20   task B: eth0 172.31.16.4/20   container: eth0 172.30.0.2/16, host port 8080 → 80
//!        │ wire                       │ wire                        │ wire (veth pairs)
//!  ──────┴────────────────────────────┴─────────────────────────────┴──────
//!   the host's routes: one for each address; all gateways are the host's own, on the interface wharf0
//!        │ forwarding, NAT, published ports (nftables table `wharf`)
//!   the host's own interfaces
//! ```
//!
//! What it is not: address management of the VPC (the control plane chose every address and MAC), security groups, DNS,
//! the server at 169.254.170.2 (it only makes that address the host's).
//!
//! Invariants:
//! - What is decided is on disk before it is made, and what is complete is marked as such last; so addresses and ports
//!   are never given twice, and a half-made network is known and made anew.
//! - When `detach` answers, the link that carried the address is down and its route gone; link and namespace are
//!   deleted soon after (`reaper.rs`), because a deletion stops all others of the kernel's network changes.
//! - Threads that enter a foreign namespace are made for it and end there; no thread of tokio ever leaves the host's.
//! - Only what carries our marks (names, the router's MAC address, links' aliases) is ever removed.
//!
//! A published port is a socket that holds it (`ports.rs`) and an element of an nftables map that leads it to its
//! container, from outside, from the host (127.0.0.1 too) and from containers (`firewall.rs`).
//!
//! Known limits: a Docker that is started after the agent drops what is forwarded, until the agent is started again
//! (`docker.rs`); broadcast and multicast do not pass between tasks; ports are published over IPv4 alone.
//!
//! Start at [`HostNetwork`].

mod addresses;
mod config;
mod docker;
mod error;
mod firewall;
mod host;
mod leases;
mod netns;
mod nfnl;
mod plan;
mod pool;
mod ports;
mod reaper;
mod router;
mod rtnl;
mod task;
#[cfg(test)]
mod tests {
    mod needs_root;
}
mod turns;
mod wire;

use std::net::Ipv4Addr;

pub use config::HostNetworkConfig;
pub use error::OpenError;
pub use host::HostNetwork;

/// Where tasks find their metadata:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html>
const ENDPOINT_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 2);
const ENDPOINT_PORT: u16 = 80;
/// The port that is translated to: one of those that ECS keeps for its agent.
const ENDPOINT_BOUND_PORT: u16 = 51679;
