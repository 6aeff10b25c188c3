//! Introspection (AWS: "Amazon ECS container introspection").

use super::container::{Network, Port, Volume, networks, ports, volumes};
use super::rfc3339_if;
use crate::{ContainerView, InstanceView, TaskView};
use serde::Serialize;

/// `/v1/metadata`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AgentAnswer<'a> {
    cluster: &'a str,
    container_instance_arn: Option<&'a str>,
    version: &'a str,
}

/// `/v1/tasks`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TasksAnswer<'a> {
    pub(crate) tasks: Vec<TaskAnswer<'a>>,
}

/// `/v1/tasks?taskarn=…`. The empty one is what the agent answers for a task that is not there.
#[derive(Serialize, Default)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TaskAnswer<'a> {
    arn: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    desired_status: &'a str,
    known_status: &'a str,
    family: &'a str,
    version: &'a str,
    containers: Option<Vec<Container<'a>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Container<'a> {
    docker_id: &'a str,
    docker_name: &'a str,
    name: &'a str,
    image: &'a str,
    #[serde(rename = "ImageID")]
    image_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ports: Vec<Port<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    networks: Vec<Network<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    volumes: Vec<Volume<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restart_count: Option<u32>,
}

impl<'a> From<&'a InstanceView> for AgentAnswer<'a> {
    fn from(view: &'a InstanceView) -> Self {
        Self {
            cluster: &view.cluster,
            container_instance_arn: view.container_instance_arn.as_deref(),
            version: &view.version,
        }
    }
}

impl<'a> From<&'a TaskView> for TaskAnswer<'a> {
    fn from(view: &'a TaskView) -> Self {
        let known_status = backend_status(&view.known_status);
        let desired_status = match (known_status, backend_status(&view.desired_status)) {
            // What is wanted is already past.
            ("STOPPED", wanted) if wanted != "STOPPED" => "",
            ("RUNNING", "PENDING") => "",
            (_, wanted) => wanted,
        };
        let created = |container: &&ContainerView| !container.docker_id.is_empty();
        Self {
            arn: &view.task_arn,
            desired_status,
            known_status,
            family: &view.family,
            version: &view.revision,
            containers: Some(view.containers.iter().filter(created).map(Container::from).collect()),
        }
    }
}

/// The agent's states as the control plane knows them.
fn backend_status(status: &str) -> &str {
    match status {
        "RUNNING" | "STOPPED" => status,
        _ => "PENDING",
    }
}

impl<'a> From<&'a ContainerView> for Container<'a> {
    fn from(view: &'a ContainerView) -> Self {
        Self {
            docker_id: &view.docker_id,
            docker_name: &view.docker_name,
            name: &view.name,
            image: &view.image,
            image_id: &view.image_id,
            created_at: rfc3339_if(view.created_unix_ms),
            started_at: rfc3339_if(view.started_unix_ms),
            ports: ports(&view.ports),
            networks: networks(&view.networks),
            volumes: volumes(&view.volumes),
            restart_count: view.restart_count,
        }
    }
}
