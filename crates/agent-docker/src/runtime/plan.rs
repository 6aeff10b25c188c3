//! A [`ContainerSpec`] in the words of the Engine's API. Pure, but for the files that a container mounts.

use crate::name;
use crate::output::{LOG_FILES, retained};
use agent_driver::{
    ContainerSpec, JsonFileSpec, Limits, LogOutput, Mount, MountSource, Namespace, Networking, PortBinding,
    Protocol, Sharing, SpoolSpec,
};
use agent_host::{hosts, resolv_conf};
use bollard::models::{
    ContainerCreateBody, DeviceMapping, HealthConfig, HostConfig, HostConfigLogConfig, Mount as ApiMount,
    MountBindOptions, MountBindOptionsPropagationEnum, MountType, MountVolumeOptions,
    PortBinding as ApiPortBinding, PortMap, ResourcesUlimits,
};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;

/// Where the host's name servers are.
const RESOLV_CONF: &str = "/etc/resolv.conf";
const HOSTS: &str = "/etc/hosts";
const STOP_SIGNAL: &str = "SIGTERM";

/// What a container is made with that its spec does not say.
pub(super) struct Surroundings<'a> {
    pub(super) labels: HashMap<String, String>,
    pub(super) cgroup: String,
    /// The name of its task's sandbox.
    pub(super) sandbox: String,
    /// Where [`write_files`] puts its files.
    pub(super) dir: &'a Path,
}

/// # Errors
/// What the Engine cannot do; the text after `CannotCreateContainerError: `.
pub(super) fn body(spec: &ContainerSpec, around: Surroundings<'_>) -> Result<ContainerCreateBody, String> {
    let network = network(spec, &around)?;
    let mut labels: HashMap<_, _> = spec.labels.clone().into_iter().collect();
    labels.extend(around.labels.clone());
    labels.insert(name::CONTAINER.to_owned(), spec.id.0.clone());
    if let LogOutput::Spool(spool) = &spec.log {
        labels.insert(name::SPOOL.to_owned(), serde_json::to_string(spool).map_err(|e| e.to_string())?);
    }
    let given = |text: &str, otherwise: &str| {
        Some(if text.is_empty() { otherwise.to_owned() } else { text.to_owned() })
    };
    // An empty member would mean the image's own.
    Ok(ContainerCreateBody {
        image: Some(spec.image.0.clone()),
        entrypoint: Some(spec.args.clone()),
        env: Some(spec.env.clone()),
        working_dir: given(&spec.cwd, "/"),
        user: given(&spec.user, "0"),
        hostname: network.hostname,
        exposed_ports: Some(network.exposed),
        labels: Some(labels),
        stop_signal: given(&spec.stop_signal, STOP_SIGNAL),
        tty: Some(spec.terminal),
        open_stdin: Some(spec.stdin_open),
        // Health is checked by the agent.
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..Default::default() }),
        host_config: Some(HostConfig {
            network_mode: Some(network.mode),
            port_bindings: Some(network.published),
            links: Some(network.links),
            extra_hosts: network.hosts,
            dns: network.dns,
            dns_search: network.dns_search,
            mounts: Some(mounts(spec, around.dir)),
            ..host_config(spec, &around)
        }),
        ..Default::default()
    })
}

/// All but network and mounts.
fn host_config(spec: &ContainerSpec, around: &Surroundings<'_>) -> HostConfig {
    let Limits { cpu_shares, memory_mib, memory_mib_reserved, memory_swap_bytes, swappiness, .. } =
        spec.limits;
    let security = &spec.security;
    let some = |list: &[String]| Some(list.to_vec()).filter(|list| !list.is_empty());
    let device = |device: &agent_driver::Device| DeviceMapping {
        path_on_host: Some(device.host_path.clone()),
        path_in_container: Some(device.container_path.clone()),
        cgroup_permissions: Some(device.permissions.clone()),
    };
    let ulimit = |ulimit: &agent_driver::Ulimit| ResourcesUlimits {
        name: Some(ulimit.name.clone()),
        soft: Some(ulimit.soft),
        hard: Some(ulimit.hard),
    };
    let tmpfs = spec.storage.tmpfs.iter().map(|tmpfs| (tmpfs.target.clone(), tmpfs.options.clone()));
    let shared = |mode: Sharing, private: Option<&str>| match mode {
        Sharing::Private => private.map(str::to_owned),
        Sharing::Task => Some(format!("container:{}", around.sandbox)),
        Sharing::Host => Some("host".to_owned()),
    };
    HostConfig {
        cgroup_parent: Some(around.cgroup.clone()),
        cpu_shares: (cpu_shares > 0).then_some(i64::from(cpu_shares)),
        memory: memory_mib.map(bytes),
        memory_reservation: memory_mib_reserved.map(bytes),
        memory_swap: memory_swap_bytes,
        memory_swappiness: swappiness.map(i64::from),
        ulimits: Some(spec.limits.ulimits.iter().map(ulimit).collect()),
        sysctls: Some(spec.limits.sysctls.clone().into_iter().collect()),
        devices: Some(spec.storage.devices.iter().map(device).collect()),
        tmpfs: Some(tmpfs.collect()),
        shm_size: spec.storage.shm_bytes.and_then(|bytes| i64::try_from(bytes).ok()),
        readonly_rootfs: Some(spec.storage.readonly_rootfs),
        privileged: Some(security.privileged),
        cap_add: some(&security.capabilities_add),
        cap_drop: some(&security.capabilities_drop),
        security_opt: Some(security_options(security)),
        pid_mode: shared(spec.pid, None),
        ipc_mode: shared(spec.ipc, Some("private")),
        init: Some(spec.init),
        log_config: Some(log_config(spec)),
        ..Default::default()
    }
}

fn bytes(mib: u32) -> i64 {
    i64::from(mib) << 20
}

fn security_options(security: &agent_driver::Security) -> Vec<String> {
    let no_new = security.no_new_privileges.then(|| "no-new-privileges".to_owned());
    let apparmor = security.apparmor.as_ref().map(|profile| format!("apparmor={profile}"));
    let labels = security.labels.iter().map(|label| format!("label={label}"));
    no_new.into_iter().chain(apparmor).chain(labels).collect()
}

fn log_config(spec: &ContainerSpec) -> HostConfigLogConfig {
    let (driver, options) = match &spec.log {
        LogOutput::Discard => ("none", Vec::new()),
        LogOutput::Spool(spool) => ("local", local_options(spool)),
        LogOutput::JsonFile(file) => ("json-file", json_file_options(file, spec)),
    };
    let config = options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    HostConfigLogConfig { typ: Some(driver.to_owned()), config: Some(config) }
}

fn local_options(spool: &SpoolSpec) -> Vec<(&'static str, String)> {
    let file_bytes = retained(spool).div_ceil(u64::from(LOG_FILES - 1));
    vec![("max-size", file_bytes.to_string()), ("max-file", LOG_FILES.to_string())]
}

/// The attributes are given to Docker by name: it finds the values itself.
fn json_file_options(file: &JsonFileSpec, spec: &ContainerSpec) -> Vec<(&'static str, String)> {
    let names = |is_label: bool| {
        let names = file.attributes.keys().filter(|name| spec.labels.contains_key(*name) == is_label);
        names.map(String::as_str).collect::<Vec<_>>().join(",")
    };
    let max_bytes = file.max_bytes.map(|bytes| ("max-size", bytes.to_string()));
    // Docker refuses it without a size, and one file is what it keeps then.
    let max_files = file.max_bytes.map(|_| ("max-file", file.max_files.to_string()));
    let named = [("labels", names(true)), ("env", names(false))];
    let named = named.into_iter().filter(|(_, names)| !names.is_empty());
    max_bytes.into_iter().chain(max_files).chain(named).collect()
}

/// The members that a network's kind decides on.
#[derive(Default)]
struct NetworkParts {
    mode: String,
    hostname: Option<String>,
    exposed: Vec<String>,
    published: PortMap,
    links: Vec<String>,
    hosts: Option<Vec<String>>,
    dns: Option<Vec<String>>,
    dns_search: Option<Vec<String>>,
}

fn network(spec: &ContainerSpec, around: &Surroundings<'_>) -> Result<NetworkParts, String> {
    let Networking { namespace, hostname, hosts, dns_servers, dns_search } = &spec.network;
    // The sandbox has its own name, and Docker takes none of these with it: see `write_files`.
    if *namespace == Namespace::Sandbox {
        return Ok(NetworkParts { mode: format!("container:{}", around.sandbox), ..Default::default() });
    }
    let each_name = hosts
        .iter()
        .flat_map(|(address, names)| names.split_whitespace().map(move |name| format!("{name}:{address}")));
    let mut parts = NetworkParts {
        hostname: Some(hostname.clone()).filter(|name| !name.is_empty()),
        hosts: Some(each_name.collect()),
        dns: Some(dns_servers.iter().map(ToString::to_string).collect()),
        dns_search: Some(dns_search.clone()),
        ..Default::default()
    };
    match namespace {
        Namespace::Host => {
            parts.mode = "host".to_owned();
            parts.hostname = None;
        }
        Namespace::Isolated => parts.mode = "none".to_owned(),
        Namespace::RuntimeBridge { ports, links } => {
            parts.mode = "bridge".to_owned();
            (parts.exposed, parts.published) = publish(ports);
            for (id, alias) in links {
                parts.links.push(format!("{}:{alias}", name::container(id)?));
            }
        }
        Namespace::Path(path) => {
            return Err(format!("the Docker Engine cannot use the network namespace {}", path.display()));
        }
        Namespace::Sandbox => {}
    }
    Ok(parts)
}

fn publish(bindings: &[PortBinding]) -> (Vec<String>, PortMap) {
    let mut published = PortMap::new();
    for binding in bindings {
        let protocol = match binding.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        };
        let ports = (binding.container_first..=binding.container_last).zip(binding.host_first..);
        for (container, host) in ports {
            let at = published.entry(format!("{container}/{protocol}")).or_default();
            at.get_or_insert_default().push(ApiPortBinding {
                host_ip: Some(binding.bind_ip.to_string()),
                host_port: Some(host.to_string()),
            });
        }
    }
    (published.keys().cloned().collect(), published)
}

fn mounts(spec: &ContainerSpec, dir: &Path) -> Vec<ApiMount> {
    let own = files(spec).map(|file| bind(dir.join(file.name), file.target, false));
    spec.storage.mounts.iter().map(mount).chain(own).collect()
}

fn mount(mount: &Mount) -> ApiMount {
    match &mount.source {
        MountSource::Path(path) => bind(path, &mount.target, mount.read_only),
        MountSource::Named(name) => ApiMount {
            typ: Some(MountType::VOLUME),
            source: Some(name.clone()),
            target: Some(mount.target.clone()),
            read_only: Some(mount.read_only),
            volume_options: Some(MountVolumeOptions { no_copy: Some(!mount.copy_up), ..Default::default() }),
            ..Default::default()
        },
    }
}

fn bind(source: impl AsRef<Path>, target: &str, read_only: bool) -> ApiMount {
    ApiMount {
        typ: Some(MountType::BIND),
        source: Some(source.as_ref().to_string_lossy().into_owned()),
        target: Some(target.to_owned()),
        read_only: Some(read_only),
        bind_options: Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A file that is mounted, as Docker mounts its own.
struct OwnFile {
    name: &'static str,
    target: &'static str,
    content: fn(&Networking) -> io::Result<String>,
}

/// Of a container in its task's sandbox, which would have the sandbox's files otherwise. A volume that is mounted there is
/// what was asked for.
fn files(spec: &ContainerSpec) -> impl Iterator<Item = OwnFile> {
    let files = [
        OwnFile { name: "hosts", target: HOSTS, content: |network| Ok(hosts(network)) },
        OwnFile { name: "resolv.conf", target: RESOLV_CONF, content: resolv_conf },
    ];
    let is_given = |file: &OwnFile| spec.storage.mounts.iter().any(|mount| mount.target == file.target);
    let is_needed = spec.network.namespace == Namespace::Sandbox;
    files.into_iter().filter(move |file| is_needed && !is_given(file))
}

/// Writes what the container mounts. Idempotent.
pub(super) fn write_files(spec: &ContainerSpec, dir: &Path) -> io::Result<()> {
    for file in files(spec) {
        fs::create_dir_all(dir)?;
        fs::write(dir.join(file.name), (file.content)(&spec.network)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    #[test]
    fn ranges_are_published_port_by_port() {
        let binding = PortBinding {
            bind_ip: IpAddr::from([0, 0, 0, 0]),
            container_first: 80,
            container_last: 81,
            host_first: 5000,
            host_last: 5001,
            protocol: Protocol::Udp,
        };
        let (mut exposed, published) = publish(&[binding]);
        exposed.sort();
        assert_eq!(exposed, ["80/udp", "81/udp"]);
        let host_port = |port: &str| published[port].as_ref().unwrap()[0].host_port.clone().unwrap();
        assert_eq!((host_port("80/udp"), host_port("81/udp")), ("5000".to_owned(), "5001".to_owned()));
    }
}
