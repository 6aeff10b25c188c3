//! Which tasks the official agent cannot load, and which it would fail to make.

use super::{Container, Task, Volume};
use serde_json::Value;

impl Task {
    /// Whether the agent takes the task.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        one_of("networkMode", &self.network_mode, &["awsvpc", "host", "bridge", "none"])?;
        one_of("pidMode", &self.pid_mode, &["host", "task"])?;
        one_of("ipcMode", &self.ipc_mode, &["host", "task", "none"])?;
        for container in self.containers.iter().flatten() {
            let name = container.name.as_deref().unwrap_or_default();
            self.check_container(container).map_err(|text| format!("container {name}: {text}"))?;
        }
        self.volumes.iter().flatten().try_for_each(check_volume)?;
        self.elastic_network_interfaces.iter().flatten().try_for_each(|interface| {
            let gateway = interface.subnet_gateway_ipv4_address.as_deref().unwrap_or_default();
            let is_there = |member: &Option<String>| member.as_deref().is_some_and(|text| !text.is_empty());
            require(
                is_there(&interface.ec2_id) && is_there(&interface.mac_address),
                "an interface without a name",
            )?;
            require(gateway.matches('/').count() == 1, "a gateway needs exactly one slash")
        })
    }

    fn check_container(&self, container: &Container) -> Result<(), String> {
        check_overrides(container.overrides.as_deref())?;
        let (config, host) = (container.config()?, container.host_config()?);
        let (limit, own) = (self.memory.unwrap_or(0), container.memory.unwrap_or(0));
        require(limit == 0 || i64::from(own) <= limit, "more memory than the task")?;
        let mode = self.network_mode.as_deref().unwrap_or_default();
        let said = host.network_mode.as_deref().unwrap_or_default();
        require(!matches!(mode, "host" | "none") || said == mode, "the network mode is not in hostConfig")?;
        let ports = container.port_mappings.as_deref().unwrap_or_default();
        require(mode != "awsvpc" || ports.is_empty(), "port mappings in awsvpc mode")?;
        for port in ports {
            one_of("protocol", &port.protocol, &["tcp", "udp"])?;
            let range = port.container_port_range.as_deref().unwrap_or_default();
            require((port.container_port.unwrap_or(0) == 0) != range.is_empty(), "a port or a range")?;
        }
        let health = container.health_check_type.as_deref().unwrap_or_default();
        require(matches!(health, "" | "docker"), "an unknown healthCheckType")?;
        require(
            (health == "docker") == config.healthcheck.is_some(),
            "healthCheckType and Healthcheck go together",
        )?;
        one_of("logsAuthStrategy", &container.logs_auth_strategy, &["ExecutionRole"])?;
        self.check_references(container)
    }

    /// What a container says of others and of volumes is there.
    fn check_references(&self, container: &Container) -> Result<(), String> {
        let has = |name: &str| self.containers.iter().flatten().any(|c| c.name.as_deref() == Some(name));
        for dependency in container.depends_on.iter().flatten() {
            one_of("condition", &dependency.condition, &["START", "COMPLETE", "SUCCESS", "HEALTHY"])?;
            require(
                has(dependency.container_name.as_deref().unwrap_or_default()),
                "a dependency that is not there",
            )?;
        }
        for link in container.links.iter().flatten() {
            require(has(link.split(':').next().unwrap_or_default()), "a link to nothing")?;
        }
        for from in container.volumes_from.iter().flatten() {
            require(has(from.source_container.as_deref().unwrap_or_default()), "volumes from nothing")?;
        }
        for mount in container.mount_points.iter().flatten() {
            let known = self.volumes.iter().flatten().any(|v| v.name == mount.source_volume);
            require(known, "a mount of an unknown volume")?;
        }
        Ok(())
    }
}

/// JSON inside a string, whose one allowed key is `command`.
fn check_overrides(overrides: Option<&str>) -> Result<(), String> {
    let Some(text) = overrides.filter(|text| !text.is_empty()) else { return Ok(()) };
    let value: Value = serde_json::from_str(text).map_err(|e| format!("overrides: {e}"))?;
    let members = value.as_object().ok_or("overrides is no object")?;
    for (name, value) in members {
        require(
            name == "command" && (value.is_array() || value.is_null()),
            "overrides may hold a command only",
        )?;
    }
    Ok(())
}

fn check_volume(volume: &Volume) -> Result<(), String> {
    match volume.kind.as_deref().unwrap_or("host") {
        "host" => require(volume.host.is_some(), "a volume of the host needs the member host"),
        "docker" => {
            let docker =
                volume.docker_volume_configuration.as_ref().ok_or("a volume without its configuration")?;
            one_of("scope", &docker.scope, &["task", "shared"])?;
            let for_task = docker.scope.as_deref() == Some("task");
            require(!(for_task && docker.autoprovision == Some(true)), "autoprovision with the scope task")
        }
        other => Err(format!("the volume type {other}")),
    }
}

/// Absent and empty are fine.
fn one_of(name: &str, value: &Option<String>, known: &[&str]) -> Result<(), String> {
    let value = value.as_deref().unwrap_or_default();
    if value.is_empty() || known.contains(&value) { Ok(()) } else { Err(format!("{name} is {value:?}")) }
}

fn require(holds: bool, text: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(text.to_owned()) }
}
