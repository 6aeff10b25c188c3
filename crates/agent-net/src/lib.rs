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
//! Namespaces with their veth pairs are made ahead of time (`pool.rs`): that is half of the work of attaching.
//!
//! Known limit: where Docker runs, its `FORWARD` policy `DROP` also drops what goes between tasks (it filters bridged
//! packets too) and what they send to the outside, until its `DOCKER-USER` chain accepts the bridge.
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
mod tests {
    mod needs_root;
}
mod turns;

pub use config::HostNetworkConfig;
pub use error::OpenError;
pub use host::HostNetwork;
