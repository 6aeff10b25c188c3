//! Errors, and the one conversion to what the trait answers.

use crate::ENDPOINT_ADDRESS;
use agent_driver::NetworkError;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// Why the host's network could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Tasks would take the place of hosts that this machine already talks to.
    #[error(
        "interface {interface} has the address {address}/{prefix_len}, which overlaps the block {block} of the tasks; \
         choose another block"
    )]
    Overlap {
        /// The interface.
        interface: String,
        /// Its address.
        address: Ipv4Addr,
        /// Length of the address' prefix.
        prefix_len: u8,
        /// The block of the configuration.
        block: String,
    },
    /// There is an interface of this name that is not ours.
    #[error("interface {0} exists and was not made by Wharf; choose another name (router)")]
    ForeignRouter(String),
    /// Two would answer for the same addresses.
    #[error(
        "another Wharf has its networks in this network namespace (interface {router}, state in {}); stop it with `wharf down`, \
         or start this one in a network namespace of its own",
        .owner.display()
    )]
    OtherWharf {
        /// The interface.
        router: String,
        /// The other one's state directory.
        owner: PathBuf,
    },
    /// Tasks would ask somebody else for their metadata.
    #[error(
        "interface {0} has the address {ENDPOINT_ADDRESS}, at which tasks find their metadata; remove it (is another \
         container agent running?)"
    )]
    EndpointTaken(String),
    /// Another process uses the state directory.
    #[error("the networks under {} are in use by another process", .0.display())]
    InUse(PathBuf),
    /// The host refused.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// A step that the host refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step}: {source}")]
pub struct HostError {
    step: String,
    source: io::Error,
}

/// Names the step that an I/O error ended.
pub(crate) trait Step<T> {
    fn step(self, step: impl FnOnce() -> String) -> Result<T, HostError>;
}

impl<T> Step<T> for io::Result<T> {
    fn step(self, step: impl FnOnce() -> String) -> Result<T, HostError> {
        self.map_err(|source| HostError { step: step(), source })
    }
}

impl From<HostError> for NetworkError {
    fn from(error: HostError) -> Self {
        Self::Host(error.to_string())
    }
}
