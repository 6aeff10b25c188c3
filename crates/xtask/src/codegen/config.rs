//! `crates/wire/operations.toml`: what is implemented and which members are honoured.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The whole file.
#[derive(Deserialize)]
pub struct Config {
    /// The version of the Python package `botocore` whose models are read.
    pub botocore: String,
    /// By the name of the Rust module.
    #[serde(flatten)]
    pub services: BTreeMap<String, Service>,
}

/// One AWS service.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The model's folder in botocore: `ecs/2014-11-13`.
    pub model: String,
    /// The error code for a value that breaks a constraint of the model.
    pub invalid: String,
    /// The error code for required members that are not there, if it is another than `invalid`.
    pub absent: Option<String>,
    /// The namespace of the Smithy model, which CBOR needs and the models read here do not have.
    pub namespace: Option<String>,
    /// The error code for a member that the model knows and Wharf does not honour.
    pub unsupported: String,
    /// Bytes of a request as it is sent, by operation, where AWS takes fewer than the door.
    #[serde(default)]
    pub request_bytes_max: BTreeMap<String, usize>,
    /// The implemented operations.
    pub operations: Vec<String>,
    /// Why operations that are not implemented are not, where "yet" would not be the whole truth.
    #[serde(default)]
    pub reasons: BTreeMap<String, String>,
    /// What is honoured of each structure that is reachable from an implemented operation's input.
    #[serde(default)]
    pub honoured: BTreeMap<String, Honoured>,
    /// Values that the service takes and the model's enum does not list, by enum; string members, by structure.
    #[serde(default)]
    pub unlisted: BTreeMap<String, Vec<String>>,
}

/// The honoured members of one structure.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Honoured {
    /// Every member; written `"*"`.
    All(Star),
    /// These members. `name=value` accepts exactly this value of a member that is otherwise refused.
    Listed(Vec<String>),
}

/// The literal `"*"`.
#[derive(Deserialize)]
pub enum Star {
    /// Every member.
    #[serde(rename = "*")]
    Star,
}

impl Config {
    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("parsing {}", path.display()))
    }
}
