//! What an agent is told when it starts.

use model::instance::{ATTRIBUTE_ANY_ZONE, ATTRIBUTE_AVAILABILITY_ZONE, ATTRIBUTE_FARGATE, Resources};
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
    /// Whether that is nobody's word, so that tasks with subnets in other zones are welcome too (`wharf.any-zone`).
    pub any_zone: bool,
    /// Whether it takes tasks of the FARGATE launch type too.
    pub serves_fargate: bool,
    /// Attributes of its owner (`ECS_INSTANCE_ATTRIBUTES`).
    pub attributes: BTreeMap<String, String>,
}

/// What this agent can do, with the names of the Amazon ECS agent (its `capabilities`; Amazon ECS Developer Guide:
/// container instance attributes). What it cannot do is not here: registry and task roles, secrets, environment files,
/// EFS, FireLens, App Mesh, `execute-command`. AppArmor and SELinux are the runtime's to know.
const CAPABILITIES: [&str; 15] = [
    "com.amazonaws.ecs.capability.logging-driver.awslogs",
    "com.amazonaws.ecs.capability.logging-driver.fluentd",
    "com.amazonaws.ecs.capability.logging-driver.json-file",
    "com.amazonaws.ecs.capability.logging-driver.none",
    "com.amazonaws.ecs.capability.privileged-container",
    "ecs.capability.container-health-check",
    "ecs.capability.container-ordering",
    "ecs.capability.container-restart-policy",
    "ecs.capability.docker-plugin.local",
    "ecs.capability.execution-role-awslogs",
    "ecs.capability.full-sync",
    "ecs.capability.network.container-port-range",
    "ecs.capability.pid-ipc-namespace-sharing",
    "ecs.capability.task-cpu-mem-limit",
    "ecs.capability.task-eni",
];

/// Versions of the Docker Engine's API whose members of a container this agent honours.
const DOCKER_API_MINORS: std::ops::RangeInclusive<u32> = 17..=44;

impl AgentConfig {
    /// The attributes to register, by name; a capability has no value.
    pub(crate) fn registered_attributes(
        &self,
        security_modules: &[&str],
    ) -> BTreeMap<String, Option<String>> {
        let own = self.attributes.iter().map(|(name, value)| (name.clone(), Some(value.clone())));
        let mut attributes: BTreeMap<_, _> = own.collect();
        attributes.extend(CAPABILITIES.map(|name| (name.to_owned(), None)));
        let module = |name| format!("com.amazonaws.ecs.capability.{name}");
        attributes.extend(security_modules.iter().map(|name| (module(name), None)));
        let api = |minor| format!("com.amazonaws.ecs.capability.docker-remote-api.1.{minor}");
        attributes.extend(DOCKER_API_MINORS.map(|minor| (api(minor), None)));
        attributes.insert("ecs.os-type".to_owned(), Some("linux".to_owned()));
        attributes.insert("ecs.os-family".to_owned(), Some("LINUX".to_owned()));
        attributes.insert("ecs.cpu-architecture".to_owned(), Some(cpu_architecture().to_owned()));
        if let Some(zone) = &self.availability_zone {
            attributes.insert(ATTRIBUTE_AVAILABILITY_ZONE.to_owned(), Some(zone.clone()));
        }
        if self.any_zone {
            attributes.insert(ATTRIBUTE_ANY_ZONE.to_owned(), None);
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
