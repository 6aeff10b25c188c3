//! The network driver: awsvpc's namespaces and addresses.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// The interface that a task's namespace gets. The control plane chose every value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// The task's id.
    pub task: String,
    /// Its private address.
    pub address: Ipv4Addr,
    /// Length of its subnet's prefix.
    pub prefix_len: u8,
    /// The subnet's router: the default route.
    pub gateway: Ipv4Addr,
    /// Its MAC address.
    pub mac: String,
}

/// A task's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Where the namespace is bound.
    pub netns: PathBuf,
}

/// Why the network could not be made; the text after `ResourceInitializationError: `.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NetworkError(pub String);

/// Gives tasks their networks.
#[async_trait]
pub trait Network: Send + Sync {
    /// Makes the namespace with its interface. Idempotent.
    async fn attach(&self, spec: &NetworkSpec) -> Result<Attached, NetworkError>;
    /// Takes it away; when this answers, the address is free on this host. Idempotent.
    async fn detach(&self, task: &str) -> Result<(), NetworkError>;
    /// Every task that has a namespace on this host.
    async fn list(&self) -> Result<Vec<String>, NetworkError>;
}
