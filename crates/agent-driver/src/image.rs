//! The image driver: references into unpacked layers.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Digest of an image's configuration: `sha256:…`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageId(pub String);

/// An image that is on the host, unpacked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// Digest of its manifest, when a registry or a layout named one.
    pub digest: Option<String>,
    /// What its configuration says of a container.
    pub config: ImageConfig,
    /// Unpacked layers, the topmost first: `lowerdir` of an overlay. Empty when the runtime keeps images itself.
    pub layers: Vec<PathBuf>,
}

/// The part of an image's configuration that a container starts from (OCI image configuration: `config`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// `Entrypoint`.
    pub entrypoint: Vec<String>,
    /// `Cmd`.
    pub cmd: Vec<String>,
    /// `Env`.
    pub env: Vec<String>,
    /// `WorkingDir`.
    pub working_dir: String,
    /// `User`.
    pub user: String,
    /// `StopSignal`.
    #[serde(default)]
    pub stop_signal: String,
    /// `Volumes`.
    #[serde(default)]
    pub volumes: Vec<String>,
    /// `Labels`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// When to ask the registry (the agent's `ECS_IMAGE_PULL_BEHAVIOR`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PullPolicy {
    /// Ask the registry; use the image on the host when that fails. An image that was loaded by hand is used as it is.
    Default,
    /// Use the image on the host when there is one.
    PreferCached,
}

/// Why there is no image: the text after `CannotPullContainerError: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PullError(pub String);

/// Brings images to the host.
#[async_trait]
pub trait Images: Send + Sync {
    /// Resolves, pulls, verifies and unpacks. Concurrent calls for the same layers share the work.
    async fn ensure(&self, reference: &str, policy: PullPolicy) -> Result<Image, PullError>;
}
