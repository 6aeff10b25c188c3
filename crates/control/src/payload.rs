//! The payload compiler: a task's record into what its agent is told. Pure.

use acs::payload::{
    Config, Container, ContainerDependency, DependencyCondition as Condition, DesiredStatus as Desired,
    DockerConfig, HostConfig, LOGS_AUTH_EXECUTION_ROLE, LogConfig, PortMapping, Task as PayloadTask,
    TransportProtocol,
};
use acs::{ElasticNetworkInterface, Ipv4AddressAssignment, RoleCredentials, TaskIdentifier};
use model::arn;
use model::container::{ContainerDefinition, DependencyCondition, LogConfiguration, Protocol};
use model::network::{DefaultVpc, private_dns_name};
use model::task::{ContainerOverride, DesiredStatus, Task};
use model::task_definition::NetworkMode;
use std::collections::BTreeMap;

const BYTES_PER_MIB: i64 = 1 << 20;
const CPU_UNITS_PER_VCPU: f64 = 1024.0;

/// The entry that starts a task. Overrides are merged in; nothing of them is left for the agent.
pub fn compile(task: &Task, credentials: Option<RoleCredentials>) -> PayloadTask {
    let definition = &task.definition;
    PayloadTask {
        arn: arn::task(&task.scope, &task.cluster, &task.id),
        desired_status: Desired::Running,
        family: definition.family.to_string(),
        version: definition.revision.to_string(),
        task_cluster_arn: arn::cluster(&task.scope, &task.cluster),
        launch_type: task.launch_type.as_str().to_owned(),
        task_definition_account_id: definition.scope.account.to_string(),
        group: task.group.clone(),
        network_mode: definition.network_mode.as_str().to_owned(),
        containers: definition.containers.iter().map(|c| container(task, c)).collect(),
        cpu: task.cpu_units().map(|units| f64::from(units) / CPU_UNITS_PER_VCPU),
        memory: task.memory_mib().map(i64::from),
        role_credentials: None,
        execution_role_credentials: credentials,
        elastic_network_interfaces: interface(task).into_iter().collect(),
    }
}

/// The task's line in a manifest.
pub fn manifest(task: &Task) -> TaskIdentifier {
    TaskIdentifier {
        task_arn: arn::task(&task.scope, &task.cluster, &task.id),
        task_cluster_arn: arn::cluster(&task.scope, &task.cluster),
        desired_status: match task.desired_status {
            DesiredStatus::Running => Desired::Running,
            DesiredStatus::Stopped => Desired::Stopped,
        },
    }
}

fn container(task: &Task, definition: &ContainerDefinition) -> Container {
    let name = definition.name.as_str();
    let over = task.overrides.containers.iter().find(|o| o.name == name).cloned().unwrap_or_default();
    let record = task.containers.iter().find(|c| c.name == definition.name);
    Container {
        name: name.to_owned(),
        image: definition.image.clone(),
        container_arn: record
            .map(|c| arn::container(&task.scope, &task.cluster, &task.id, &c.id))
            .unwrap_or_default(),
        cpu: over.cpu_units.unwrap_or(definition.cpu_units),
        memory: over.memory_mib.or(definition.memory_mib).unwrap_or(0),
        essential: definition.essential,
        entry_point: definition.entry_point.clone(),
        command: over.command.clone().or_else(|| definition.command.clone()),
        environment: environment(definition, &over),
        port_mappings: port_mappings(task.definition.network_mode, definition),
        depends_on: definition.depends_on.iter().map(dependency).collect(),
        start_timeout: definition.start_timeout_secs,
        stop_timeout: definition.stop_timeout_secs,
        logs_auth_strategy: definition
            .log
            .as_ref()
            .map(|_| LOGS_AUTH_EXECUTION_ROLE.to_owned())
            .unwrap_or_default(),
        docker_config: DockerConfig::new(&config(definition), &host_config(task, definition, &over)),
        ..Container::default()
    }
}

/// Later ones win: an override over the definition, and in either list the last of a name.
fn environment(definition: &ContainerDefinition, over: &ContainerOverride) -> BTreeMap<String, String> {
    definition.environment.iter().chain(&over.environment).cloned().collect()
}

fn dependency(dependency: &model::container::Dependency) -> ContainerDependency {
    ContainerDependency {
        container_name: dependency.container.to_string(),
        condition: match dependency.condition {
            DependencyCondition::Start => Condition::Start,
            DependencyCondition::Complete => Condition::Complete,
            DependencyCondition::Success => Condition::Success,
            DependencyCondition::Healthy => Condition::Healthy,
        },
    }
}

/// In awsvpc mode the ports are the task's own, and in none mode there are none: the agent maps nothing.
fn port_mappings(mode: NetworkMode, definition: &ContainerDefinition) -> Vec<PortMapping> {
    let own = match mode {
        NetworkMode::Awsvpc | NetworkMode::None => return Vec::new(),
        NetworkMode::Host => |m: &model::container::PortMapping| m.container_port,
        NetworkMode::Bridge => |_: &model::container::PortMapping| 0,
    };
    let mappings = definition.port_mappings.iter();
    mappings
        .map(|m| PortMapping {
            container_port: m.container_port,
            host_port: m.host_port.unwrap_or_else(|| own(m)),
            protocol: match m.protocol {
                Protocol::Tcp => TransportProtocol::Tcp,
                Protocol::Udp => TransportProtocol::Udp,
            },
        })
        .collect()
}

fn config(definition: &ContainerDefinition) -> Config {
    Config {
        user: definition.user.clone(),
        working_dir: definition.working_directory.clone(),
        hostname: None,
    }
}

fn host_config(task: &Task, definition: &ContainerDefinition, over: &ContainerOverride) -> HostConfig {
    let mode = task.definition.network_mode;
    let reserved = over.memory_mib_reserved.or(definition.memory_mib_reserved);
    HostConfig {
        network_mode: match mode {
            NetworkMode::Host | NetworkMode::None => mode.as_str().to_owned(),
            NetworkMode::Awsvpc | NetworkMode::Bridge => String::new(),
        },
        log_config: definition.log.as_ref().map(|log| log_config(task, definition, log)),
        readonly_rootfs: definition.readonly_root_filesystem,
        memory_reservation: reserved.map(|mib| i64::from(mib) * BYTES_PER_MIB),
    }
}

/// Docker's driver knows a stream's name only, not ECS's prefix (Amazon ECS: awslogs log driver, `prefix/name/task`).
fn log_config(task: &Task, definition: &ContainerDefinition, log: &LogConfiguration) -> LogConfig {
    let mut options = log.options.clone();
    if log.driver == "awslogs" {
        options.entry("awslogs-region".to_owned()).or_insert_with(|| task.scope.region.to_string());
        if let Some(prefix) = options.remove("awslogs-stream-prefix") {
            let stream = format!("{prefix}/{}/{}", definition.name, task.id);
            options.insert("awslogs-stream".to_owned(), stream);
        }
    }
    LogConfig { driver: log.driver.clone(), config: options }
}

fn interface(task: &Task) -> Option<ElasticNetworkInterface> {
    let attachment = task.eni.as_ref()?;
    let interface = attachment.interface.as_ref()?;
    let vpc = DefaultVpc::of(&task.scope);
    let subnet = vpc.subnet(&interface.subnet)?;
    Some(ElasticNetworkInterface {
        ec2_id: interface.eni.to_string(),
        mac_address: interface.mac.clone(),
        attachment_arn: arn::attachment(&task.scope, &task.cluster, &attachment.id),
        ipv4_addresses: vec![Ipv4AddressAssignment {
            primary: true,
            private_address: interface.address.to_string(),
        }],
        subnet_gateway_ipv4_address: format!("{}/{}", subnet.gateway(), subnet.prefix_len),
        domain_name_servers: Vec::new(),
        domain_name: Vec::new(),
        private_dns_name: private_dns_name(interface.address, &task.scope.region.0),
        interface_association_protocol: "default".to_owned(),
        index: 0,
    })
}
