//! What an agent is told when it starts.

use model::instance::{ATTRIBUTE_FARGATE, Resources};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What an agent is, and what it offers.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// A cluster's name or ARN.
    pub cluster: String,
    /// Where its ledger and the containers' spools live.
    pub data_dir: PathBuf,
    /// The host's name: that of containers in host mode.
    pub hostname: String,
    /// What the host offers (`totalResources`); its ports are those that tasks cannot have.
    pub resources: Resources,
    /// `ecs.availability-zone`, when the host knows its zone.
    pub availability_zone: Option<String>,
    /// Whether it takes tasks of the FARGATE launch type too.
    pub serves_fargate: bool,
    /// Attributes of its owner (`ECS_INSTANCE_ATTRIBUTES`).
    pub attributes: BTreeMap<String, String>,
}

/// What this agent can do (Amazon ECS: container instance attributes, `ecs.capability.*`).
const CAPABILITIES: [&str; 5] = [
    "com.amazonaws.ecs.capability.logging-driver.awslogs",
    "ecs.capability.container-ordering",
    "ecs.capability.execution-role-awslogs",
    "ecs.capability.task-cpu-mem-limit",
    "ecs.capability.task-eni",
];

impl AgentConfig {
    /// The attributes to register, by name; a capability has no value.
    pub(crate) fn registered_attributes(&self) -> BTreeMap<String, Option<String>> {
        let own = self.attributes.iter().map(|(name, value)| (name.clone(), Some(value.clone())));
        let mut attributes: BTreeMap<_, _> = own.collect();
        attributes.extend(CAPABILITIES.map(|name| (name.to_owned(), None)));
        attributes.insert("ecs.os-type".to_owned(), Some("linux".to_owned()));
        attributes.insert("ecs.os-family".to_owned(), Some("LINUX".to_owned()));
        attributes.insert("ecs.cpu-architecture".to_owned(), Some(cpu_architecture().to_owned()));
        if let Some(zone) = &self.availability_zone {
            attributes.insert("ecs.availability-zone".to_owned(), Some(zone.clone()));
        }
        if self.serves_fargate {
            attributes.insert(ATTRIBUTE_FARGATE.to_owned(), None);
        }
        attributes
    }
}

/// As ECS writes it.
fn cpu_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}
