//! The last choices about a container, so that nothing is left for the runtime to choose.

use crate::blueprint::{Blueprint, Networking};
use agent_driver::{Attached, ContainerSpec, Image, ImageConfig, Namespace};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Characters of a task's id that make the host name of a container with a network of its own and no interface.
const HOSTNAME_CHARS: usize = 12;

/// Why there is no container to make; the text after `CannotCreateContainerError: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoContainer(String);

/// The container number `index` of a task. `attached` is there in awsvpc mode.
pub(crate) fn container_spec(
    blueprint: &Blueprint,
    index: usize,
    image: &Image,
    attached: Option<&Attached>,
    host_name: &str,
) -> Result<ContainerSpec, NoContainer> {
    let container = &blueprint.containers[index];
    let args = args(container.entry_point.as_ref(), container.command.as_ref(), &image.config);
    if args.is_empty() {
        return Err(NoContainer("no command specified".to_owned()));
    }
    let own = |own: &Option<String>, images: &String| {
        own.as_ref().filter(|t| !t.is_empty()).unwrap_or(images).clone()
    };
    let (network, derived_hostname, hosts, dns_servers) = network(blueprint, attached, host_name)?;
    Ok(ContainerSpec {
        id: container.id.clone(),
        task: blueprint.id.clone(),
        layers: image.layers.clone(),
        args,
        env: env(&container.environment, &image.config.env, &blueprint.region),
        cwd: own(&container.working_dir, &image.config.working_dir),
        user: own(&container.user, &image.config.user),
        readonly_rootfs: container.readonly_rootfs,
        hostname: container.hostname.clone().unwrap_or(derived_hostname),
        hosts,
        dns_servers,
        network,
        cpu_shares: container.cpu_shares,
        memory_mib: container.memory_mib,
        memory_mib_reserved: container.memory_mib_reserved,
        log: container.log.as_ref().map(|log| log.spool.clone()),
    })
}

type NetworkParts = (Namespace, String, Vec<(Ipv4Addr, String)>, Vec<Ipv4Addr>);

fn network(
    blueprint: &Blueprint,
    attached: Option<&Attached>,
    host_name: &str,
) -> Result<NetworkParts, NoContainer> {
    match &blueprint.networking {
        Networking::Host => Ok((Namespace::Host, host_name.to_owned(), Vec::new(), Vec::new())),
        Networking::Isolated => {
            let name = blueprint.id.chars().take(HOSTNAME_CHARS).collect();
            Ok((Namespace::Isolated, name, Vec::new(), Vec::new()))
        }
        Networking::Awsvpc { spec, dns_name, dns_servers } => {
            let attached = attached.ok_or_else(|| NoContainer("the task has no network".to_owned()))?;
            let hosts = vec![(spec.address, dns_name.clone())];
            Ok((Namespace::Path(attached.netns.clone()), dns_name.clone(), hosts, dns_servers.clone()))
        }
    }
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

/// The image's variables first, then the task's; the region is there unless either sets it, as on Amazon ECS.
fn env(own: &BTreeMap<String, String>, image: &[String], region: &str) -> Vec<String> {
    let name = |line: &str| line.split('=').next().unwrap_or_default().to_owned();
    let of_image = image.iter().filter(|line| !own.contains_key(&name(line))).cloned();
    let mut env: Vec<String> = of_image.chain(own.iter().map(|(k, v)| format!("{k}={v}"))).collect();
    for variable in ["AWS_DEFAULT_REGION", "AWS_REGION"] {
        if !env.iter().any(|line| name(line) == variable) {
            env.push(format!("{variable}={region}"));
        }
    }
    env
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

    #[test]
    fn the_tasks_variables_win_over_the_images() {
        let own =
            BTreeMap::from([("A".to_owned(), "2".to_owned()), ("AWS_REGION".to_owned(), "x".to_owned())]);
        let env = env(&own, &["A=1".to_owned(), "B=1".to_owned()], "eu-west-1");
        assert_eq!(env, ["B=1", "A=2", "AWS_REGION=x", "AWS_DEFAULT_REGION=eu-west-1"]);
    }
}
