//! The last choices about a container, so that nothing is left for the runtime to choose.

use super::{Blueprint, Container, Networking, gpu};
use agent_driver::{
    Attached, ContainerSpec, Device, Endpoint, Image, ImageConfig, Mount, MountSource, Namespace,
};
use std::net::IpAddr;

/// Why there is no container to make; the text after `CannotCreateContainerError: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoContainer(String);

/// What a container's start found out.
pub(crate) struct Surroundings<'a> {
    pub(crate) image: &'a Image,
    /// The task's network, if it has one to attach.
    pub(crate) attached: Option<&'a Attached>,
    /// In the order of the task's volumes.
    pub(crate) volumes: &'a [MountSource],
    /// Volumes of images.
    pub(crate) image_volumes: Vec<Mount>,
    /// Of the GPUs that it was given.
    pub(crate) gpu_devices: Vec<Device>,
    /// The host's name.
    pub(crate) host_name: &'a str,
}

/// The container number `index` of a task.
pub(crate) fn container_spec(
    blueprint: &Blueprint,
    index: usize,
    found: Surroundings<'_>,
) -> Result<ContainerSpec, NoContainer> {
    let container = &blueprint.containers[index];
    let image = &found.image.config;
    let args = args(container.entry_point.as_ref(), container.command.as_ref(), image);
    if args.is_empty() {
        return Err(NoContainer("no command specified".to_owned()));
    }
    let mut spec = container.draft.clone();
    spec.image = found.image.id.clone();
    spec.layers = found.image.layers.clone();
    spec.args = args;
    if spec.cwd.is_empty() {
        spec.cwd = image.working_dir.clone();
    }
    if spec.user.is_empty() {
        spec.user = image.user.clone();
    }
    spec.stop_signal = image.stop_signal.clone();
    for (name, value) in &image.labels {
        spec.labels.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let links = network(blueprint, index, &found, &mut spec)?;
    spec.env = env(blueprint, container, image, links, spec.network.namespace == Namespace::Isolated);
    spec.storage.mounts = mounts(container, &found);
    spec.storage.devices.extend(found.gpu_devices);
    Ok(spec)
}

/// Parents before what is mounted in them. A declared mount wins over a volume of an image.
fn mounts(container: &Container, found: &Surroundings<'_>) -> Vec<Mount> {
    let declared = container.mounts.iter().map(|mount| Mount {
        source: found.volumes[mount.volume].clone(),
        target: mount.target.clone(),
        read_only: mount.read_only,
        copy_up: mount.copy_up,
    });
    let mut mounts: Vec<Mount> = Vec::new();
    for mount in declared.chain(found.image_volumes.iter().cloned()) {
        if !mounts.iter().any(|m| m.target == mount.target) {
            mounts.push(mount);
        }
    }
    mounts.sort_by_key(|mount| mount.target.split('/').filter(|part| !part.is_empty()).count());
    mounts
}

/// Fills in the network; answers with the variables of links.
fn network(
    blueprint: &Blueprint,
    index: usize,
    found: &Surroundings<'_>,
    spec: &mut ContainerSpec,
) -> Result<Vec<(String, String)>, NoContainer> {
    let container = &blueprint.containers[index];
    let hostname = container.hostname.clone();
    spec.network.hostname = hostname.clone().unwrap_or_else(|| container.derived_hostname.clone());
    let missing = || NoContainer("the task has no network".to_owned());
    match (&blueprint.networking, found.attached) {
        (_, _) if container.disable_networking => spec.network.namespace = Namespace::Isolated,
        (Networking::Isolated, _) => spec.network.namespace = Namespace::Isolated,
        (Networking::Host, _) => {
            spec.network.namespace = Namespace::Host;
            spec.network.hostname = found.host_name.to_owned();
        }
        (Networking::Awsvpc(interface), Some(Attached::Task(namespace))) => {
            spec.network.namespace = namespace.clone();
            spec.network.hostname = hostname.unwrap_or_else(|| interface.dns_name.clone());
            let own = (IpAddr::V4(interface.spec.address), interface.dns_name.clone());
            spec.network.hosts.insert(0, own);
            if spec.network.dns_servers.is_empty() {
                spec.network.dns_servers = interface.dns_servers.clone();
            }
            if spec.network.dns_search.is_empty() {
                spec.network.dns_search = interface.dns_search.clone();
            }
        }
        (Networking::Bridge(_), Some(Attached::Containers(endpoints))) => {
            let endpoint = endpoints.get(&spec.id).ok_or_else(missing)?;
            return bridge(blueprint, index, endpoint, endpoints, spec);
        }
        (Networking::Awsvpc(_) | Networking::Bridge(_), _) => return Err(missing()),
    }
    Ok(Vec::new())
}

type Endpoints = std::collections::BTreeMap<agent_driver::RuntimeId, Endpoint>;

/// A runtime with a bridge of its own knows addresses, and makes what follows from them, by itself.
fn bridge(
    blueprint: &Blueprint,
    index: usize,
    endpoint: &Endpoint,
    endpoints: &Endpoints,
    spec: &mut ContainerSpec,
) -> Result<Vec<(String, String)>, NoContainer> {
    let container = &blueprint.containers[index];
    let mut namespace = endpoint.namespace.clone();
    let mut lines = Vec::new();
    if let Some(address) = endpoint.address {
        lines.push((IpAddr::V4(address), spec.network.hostname.clone()));
    }
    let mut variables = Vec::new();
    for link in &container.links {
        let target = &blueprint.containers[link.to];
        if let Namespace::RuntimeBridge { links, .. } = &mut namespace {
            links.push((target.draft.id.clone(), link.alias.clone()));
            continue;
        }
        let address = endpoints.get(&target.draft.id).and_then(|endpoint| endpoint.address);
        let address = address.ok_or_else(|| NoContainer(format!("{} has no address", target.name)))?;
        let address = IpAddr::V4(address);
        lines.push((address, link.names(target)));
        variables.extend(link.environment(container, target, address));
    }
    spec.network.namespace = namespace;
    lines.append(&mut spec.network.hosts);
    spec.network.hosts = lines;
    Ok(variables)
}

/// As Docker merges them: a command replaces the image's; an entry point replaces the image's and clears the image's
/// command; an empty list of an entry point clears the image's entry point only.
fn args(
    entry_point: Option<&Vec<String>>,
    command: Option<&Vec<String>>,
    image: &ImageConfig,
) -> Vec<String> {
    let given = command.filter(|c| !c.is_empty());
    let replaced = entry_point.is_some_and(|e| !e.is_empty());
    let command = match given {
        Some(command) => command.as_slice(),
        None if replaced => &[],
        None => &image.cmd,
    };
    entry_point.unwrap_or(&image.entrypoint).iter().chain(command).cloned().collect()
}

/// Where containers reach the agent (Amazon ECS task metadata endpoint version 4).
const METADATA: &str = "http://169.254.170.2";

/// Later ones win: links, the image's, the container's own; the region is there unless one of these sets it; and what
/// the Amazon ECS agent adds whatever was there.
fn env(
    blueprint: &Blueprint,
    container: &Container,
    image: &ImageConfig,
    links: Vec<(String, String)>,
    is_isolated: bool,
) -> Vec<String> {
    let mut env = Variables::default();
    links.into_iter().for_each(|(name, value)| env.set(&name, &value));
    for line in &image.env {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        env.set(name, value);
    }
    container.environment.iter().for_each(|(name, value)| env.set(name, value));
    for name in ["AWS_DEFAULT_REGION", "AWS_REGION"] {
        if !env.has(name) {
            env.set(name, &blueprint.region);
        }
    }
    let launch = if blueprint.is_fargate() { "AWS_ECS_FARGATE" } else { "AWS_ECS_EC2" };
    env.set("AWS_EXECUTION_ENV", launch);
    if !is_isolated {
        let id = &container.draft.id;
        env.set("ECS_CONTAINER_METADATA_URI", &format!("{METADATA}/v3/{id}"));
        env.set("ECS_CONTAINER_METADATA_URI_V4", &format!("{METADATA}/v4/{id}"));
        env.set("ECS_AGENT_URI", &format!("{METADATA}/api/{id}"));
    }
    if !container.gpus.is_empty() {
        env.set(gpu::VISIBLE_DEVICES, &container.gpus.join(","));
    }
    env.0
}

/// `NAME=value`, each name once.
#[derive(Default)]
struct Variables(Vec<String>);

impl Variables {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|line| line.split('=').next() == Some(name))
    }

    fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|line| line.split('=').next() != Some(name));
        self.0.push(format!("{name}={value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn entry_points_and_commands_merge_as_in_docker() {
        // Entry point and command of the task, of the image, and what is executed.
        type Case = (Option<&'static str>, Option<&'static str>, &'static str, &'static str, &'static str);
        let cases: [Case; 8] = [
            (None, None, "", "sh", "sh"),
            (None, None, "e", "c", "e c"),
            (None, Some("x"), "e", "c", "e x"),
            (Some("y"), None, "e", "c", "y"),
            (Some("y"), Some("x"), "e", "c", "y x"),
            (Some(""), None, "e", "c", "c"),
            (None, Some(""), "e", "c", "e c"),
            (None, None, "", "", ""),
        ];
        for (entry_point, command, image_entry_point, image_command, expected) in cases {
            let image = ImageConfig {
                entrypoint: list(image_entry_point),
                cmd: list(image_command),
                ..ImageConfig::default()
            };
            let (entry_point, command) = (entry_point.map(list), command.map(list));
            let args = args(entry_point.as_ref(), command.as_ref(), &image);
            assert_eq!(args, list(expected), "{entry_point:?} {command:?} {image:?}");
        }
    }
}
