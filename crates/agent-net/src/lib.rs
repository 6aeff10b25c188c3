//! Task networks of the `awsvpc` mode on one host: a network namespace and a private address for each task.
//!
//! ```text
//!  task A: eth0 172.31.0.4/20          task B: eth0 172.31.16.4/20
//!        │ veth                              │ veth
//!  ──────┴──────────── bridge wharf0 ────────┴──────   172.31.0.1/20, 172.31.16.1/20: the subnets' routers
//!                           │ forwarding, NAT (nftables table `wharf`)
//!                        the host's own interfaces
//! ```
//!
//! What it is not: address management (the control plane chose every address and MAC), security groups, DNS.
//!
//! Invariants:
//! - The kernel is the only state: namespaces bound under the state directory, links, and one file for each task that
//!   is written last, so that a half-made network is known as such and made anew.
//! - When `detach` answers, the link that carried the address is gone.
//! - Threads that enter a foreign namespace are made for it and end there; no thread of tokio ever leaves the host's.
//! - Only what carries our marks (names, the bridge's MAC address, links' aliases) is ever removed.
//!
//! Attaching is fast because namespaces are made ahead of time, by [`pool`]; making one takes longer than all the rest.
//! Docker's `FORWARD` policy `DROP` also holds for tasks' traffic between subnets and to the outside: its
//! `DOCKER-USER` chain must accept the bridge then.
//!
//! Start at [`HostNetwork`].

mod bridge;
mod config;
mod error;
mod host;
mod nat;
mod netns;
mod pool;
mod rtnl;
mod task;
#[cfg(test)]
mod tests;
mod turns;

pub use config::HostNetworkConfig;
pub use error::OpenError;
pub use host::HostNetwork;
