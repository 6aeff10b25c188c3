//! The control plane as an agent sees it.

use acs::RefusalKind;
use acs::link::{AcsQuery, TcsQuery};
use agent_metadata::ProtectionAnswer;
use async_trait::async_trait;
use core_task::report::Report;
use model::instance::Resources;
use std::collections::BTreeMap;

/// What the agent asks of the control plane.
#[async_trait]
pub trait Upstream: Send + Sync {
    /// RegisterContainerInstance.
    async fn register(&self, registration: &Registration) -> Result<Registered, UpstreamError>;
    /// DiscoverPollEndpoint.
    async fn discover(&self, cluster: &str, instance_arn: &str) -> Result<Endpoints, UpstreamError>;
    /// SubmitTaskStateChange.
    async fn submit(&self, cluster: &str, task_arn: &str, report: &Report) -> Result<(), UpstreamError>;
    /// ListTagsForResource.
    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, UpstreamError>;
    /// GetTaskProtection of one task; UpdateTaskProtection when something is to change.
    async fn protection(
        &self,
        cluster: &str,
        task_arn: &str,
        change: Option<ProtectionChange>,
    ) -> Result<ProtectionAnswer, UpstreamError>;
    /// Opens an ACS link.
    async fn open_acs(&self, endpoint: &str, query: &AcsQuery) -> Result<Box<dyn Link>, UpstreamError>;
    /// Opens a TCS link; what is sent over it is signed frame by frame.
    async fn open_tcs(&self, endpoint: &str, query: &TcsQuery) -> Result<Box<dyn Link>, UpstreamError>;
}

/// An open link: text frames both ways.
#[async_trait]
pub trait Link: Send {
    /// Sends a frame.
    async fn send(&mut self, text: String) -> Result<(), LinkEnd>;
    /// The next frame. Cancelling it loses nothing.
    async fn next(&mut self) -> Result<String, LinkEnd>;
    /// Closes with code 1000.
    async fn close(&mut self, reason: &str);
}

/// How a link ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkEnd {
    /// Close codes 1000, 1001 and 1011, and an end without one: connect again at once.
    #[error("the control plane closed the link")]
    Closed,
    /// Everything else: connect again later.
    #[error("{0}")]
    Failed(String),
}

/// What a container instance says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// A cluster's name or ARN.
    pub cluster: String,
    /// The same each time that one registration is sent, so that it makes one instance even when an answer is lost.
    pub client_token: String,
    /// The ARN that it had before.
    pub instance_arn: Option<String>,
    /// By name; a capability has no value.
    pub attributes: BTreeMap<String, Option<String>>,
    /// What it offers.
    pub resources: Resources,
}

/// What a registration is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The instance's ARN.
    pub arn: String,
    /// Its Availability Zone: the one that its owner named at some time, or what the control plane says in its place.
    pub availability_zone: Option<String>,
}

/// What UpdateTaskProtection is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtectionChange {
    /// Protected from scale-in, or not any more.
    pub enabled: bool,
    /// For so long; ECS's default when absent.
    pub expires_in_minutes: Option<i32>,
}

/// Where to open links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// For ACS.
    pub acs: String,
    /// For TCS.
    pub tcs: String,
}

/// Why a call or an upgrade did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// An API call was answered with an error.
    #[error("{code}: {message}")]
    Service {
        /// AWS's code.
        code: String,
        /// In words.
        message: String,
        /// The HTTP status.
        status: u16,
    },
    /// An upgrade was refused.
    #[error("{kind:?}: {message}")]
    Refused {
        /// Which kind.
        kind: RefusalKind,
        /// In words.
        message: String,
    },
    /// Nobody answered, or nothing that makes sense.
    #[error("{0}")]
    Transport(String),
}

impl UpstreamError {
    /// The code of a service's error.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Service { code, .. } => Some(code),
            _ => None,
        }
    }

    /// The kind of a refused upgrade.
    pub fn refusal(&self) -> Option<RefusalKind> {
        match self {
            Self::Refused { kind, .. } => Some(*kind),
            _ => None,
        }
    }

    /// Whether a registration was refused because the instance that it names was deregistered, or is not known. The code
    /// is shared with other refusals; the words are AWS's.
    pub fn is_inactive_instance(&self) -> bool {
        matches!(self, Self::Service { code, message, .. }
            if code == "ClientException" && message.contains("is inactive"))
    }
}
