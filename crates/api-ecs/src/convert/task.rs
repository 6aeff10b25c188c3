//! Tasks.

use super::{ephemeral_storage, gpus, int, launch_type, pair, tags};
use core_task::report::task_health;
use model::Timestamp;
use model::arn;
use model::container::Protocol;
use model::instance::ATTRIBUTE_AVAILABILITY_ZONE;
use model::network::{DefaultVpc, Subnet, private_dns_name};
use model::task::{Container, ContainerOverride, EniAttachment, StopCode, Task, TaskStatus};
use model::task_definition::LaunchType;
use store::State;
use wire::ecs::{
    self, Connectivity, HealthStatus, NetworkBinding, NetworkInterface, TaskEphemeralStorage, TaskStopCode,
    TransportProtocol,
};

/// The one Fargate platform version that there is.
const PLATFORM_VERSION: &str = "1.4.0";

/// The ephemeral storage of a FARGATE task that asks for none (Amazon ECS: Fargate task ephemeral storage).
const EPHEMERAL_STORAGE_GIB_DEFAULT: u32 = 20;

/// A task as DescribeTasks shows it.
pub(crate) fn task(state: &State, task: &Task, with_tags: bool) -> ecs::Task {
    let (scope, cluster, t) = (&task.scope, &task.cluster, &task.times);
    let (fargate, demand) = (task.launch_type == LaunchType::Fargate, task.demand());
    let instance = task.instance.as_ref().filter(|_| !fargate);
    let (definition, storage_gib) = (&task.definition, storage_gib(task));
    ecs::Task {
        attachments: Some(task.eni.iter().map(|eni| attachment(state, task, eni)).collect()),
        attributes: Some(Vec::new()),
        availability_zone: availability_zone(state, task),
        cluster_arn: Some(arn::cluster(scope, cluster)),
        connectivity: connectivity(state, task),
        connectivity_at: connectivity_at(state, task),
        container_instance_arn: instance.map(|id| arn::container_instance(scope, cluster, id)),
        containers: Some(task.containers.iter().map(|c| container(task, c)).collect()),
        cpu: Some(demand.cpu_units.to_string()),
        memory: Some(demand.memory_mib.to_string()),
        created_at: Some(t.created_at),
        desired_status: Some(task.desired_status.as_str().to_owned()),
        enable_execute_command: Some(false),
        execution_stopped_at: t.execution_stopped_at,
        group: Some(task.group.clone()),
        health_status: Some(health(Some(task_health(task)))),
        inference_accelerators: Some(Vec::new()),
        last_status: Some(task.last_status.as_str().to_owned()),
        launch_type: Some(launch_type(task.launch_type)),
        overrides: Some(overrides(task)),
        platform_family: fargate.then(|| "Linux".to_owned()),
        platform_version: fargate.then(|| PLATFORM_VERSION.to_owned()),
        pull_started_at: t.pull_started_at,
        pull_stopped_at: t.pull_stopped_at,
        started_at: t.started_at,
        started_by: task.started_by.clone(),
        stop_code: task.stop_code.map(stop_code),
        stopped_at: t.stopped_at,
        stopped_reason: task.stopped_reason.clone(),
        stopping_at: t.stopping_at,
        tags: Some(if with_tags { tags(&task.tags) } else { Vec::new() }),
        task_arn: Some(arn::task(scope, cluster, &task.id)),
        task_definition_arn: Some(arn::task_definition(
            &definition.scope,
            &definition.family,
            definition.revision,
        )),
        version: Some(task.version.try_into().unwrap_or(i64::MAX)),
        capacity_provider_name: task.capacity_provider.clone(),
        ephemeral_storage: storage_gib.and_then(ephemeral_storage),
        fargate_ephemeral_storage: storage_gib
            .map(|gib| TaskEphemeralStorage { size_in_gib: int(gib), kms_key_id: None }),
    }
}

/// The size of a FARGATE task's ephemeral storage; tasks on EC2 have none of their own.
fn storage_gib(task: &Task) -> Option<u32> {
    let gib = || task.ephemeral_storage_gib().unwrap_or(EPHEMERAL_STORAGE_GIB_DEFAULT);
    (task.launch_type == LaunchType::Fargate).then(gib)
}

/// UNKNOWN until a health check has said something, and without one.
fn health(health: Option<model::task::HealthStatus>) -> HealthStatus {
    match health {
        Some(model::task::HealthStatus::Healthy) => HealthStatus::Healthy,
        Some(model::task::HealthStatus::Unhealthy) => HealthStatus::Unhealthy,
        Some(model::task::HealthStatus::Unknown) | None => HealthStatus::Unknown,
    }
}

fn binding(binding: &model::task::NetworkBinding) -> NetworkBinding {
    NetworkBinding {
        bind_ip: Some(binding.bind_ip.clone()),
        container_port: binding.container_port.and_then(int),
        container_port_range: binding.container_port_range.clone(),
        host_port: binding.host_port.and_then(int),
        host_port_range: binding.host_port_range.clone(),
        protocol: Some(match binding.protocol {
            Protocol::Tcp => TransportProtocol::Tcp,
            Protocol::Udp => TransportProtocol::Udp,
        }),
    }
}

/// The zone of the task's subnet, else of its host.
fn availability_zone(state: &State, task: &Task) -> Option<String> {
    match &task.eni {
        Some(eni) => Some(subnet(state, task, eni)?.availability_zone),
        None => {
            let host = state.instance_by_id(task.instance.as_ref()?)?;
            host.attributes.get(ATTRIBUTE_AVAILABILITY_ZONE).cloned().flatten()
        }
    }
}

/// The subnet of the task's interface, or the one that it is to be in unless that is full.
fn subnet(state: &State, task: &Task, eni: &EniAttachment) -> Option<Subnet> {
    let vpc = DefaultVpc::of(&task.scope);
    if let Some(interface) = &eni.interface {
        return vpc.subnet(&interface.subnet).cloned();
    }
    let host = task.instance.as_ref().and_then(|id| state.instance_by_id(id));
    vpc.subnets_near(&eni.subnets, host.and_then(|host| host.zone())).first().copied().cloned()
}

/// Whether the agent that holds the task can be reached; unknown before it has accepted it.
fn connectivity(state: &State, task: &Task) -> Option<Connectivity> {
    task.times.connectivity_at?;
    let host = task.instance.as_ref().and_then(|id| state.instance_by_id(id));
    let lost = task.last_status < TaskStatus::Stopped && host.is_some_and(|h| !h.agent_connected);
    Some(if lost { Connectivity::Disconnected } else { Connectivity::Connected })
}

/// When that last changed: the agent came to know the task, or its connection was lost or came back since.
fn connectivity_at(state: &State, task: &Task) -> Option<Timestamp> {
    let known_at = task.times.connectivity_at?;
    let host = task.instance.as_ref().and_then(|id| state.instance_by_id(id));
    let host = host.filter(|_| task.last_status < TaskStatus::Stopped);
    host.and_then(|host| host.connection_changed_at).max(Some(known_at))
}

fn attachment(state: &State, task: &Task, eni: &EniAttachment) -> ecs::Attachment {
    let mut details = Vec::new();
    match &eni.interface {
        Some(interface) => {
            let address = interface.address;
            details.push(pair("subnetId", interface.subnet.as_str()));
            details.push(pair("networkInterfaceId", interface.eni.as_str()));
            details.push(pair("macAddress", &interface.mac));
            details.push(pair("privateDnsName", private_dns_name(address, task.scope.region.as_str())));
            details.push(pair("privateIPv4Address", address.to_string()));
        }
        None => details.extend(subnet(state, task, eni).map(|subnet| pair("subnetId", subnet.id.as_str()))),
    }
    ecs::Attachment {
        id: Some(eni.id.to_string()),
        r#type: Some("ElasticNetworkInterface".to_owned()),
        status: Some(eni.status.as_str().to_owned()),
        details: Some(details),
    }
}

fn container(task: &Task, container: &Container) -> ecs::Container {
    let definition = task.definition.containers.iter().find(|d| d.name == container.name);
    let over = task.overrides.containers.iter().find(|o| o.name == container.name.as_str());
    let size = |of_override: Option<u32>, of_definition: Option<u32>| {
        of_override.or(of_definition).map(|value| value.to_string())
    };
    let interface = |eni: &EniAttachment| {
        Some(NetworkInterface {
            attachment_id: Some(eni.id.to_string()),
            private_ipv4_address: Some(eni.interface.as_ref()?.address.to_string()),
            ipv6_address: None,
        })
    };
    ecs::Container {
        container_arn: Some(arn::container(&task.scope, &task.cluster, &task.id, &container.id)),
        task_arn: Some(arn::task(&task.scope, &task.cluster, &task.id)),
        name: Some(container.name.to_string()),
        image: definition.map(|d| d.image.clone()),
        image_digest: container.image_digest.clone(),
        runtime_id: container.runtime_id.clone(),
        last_status: Some(container.last_status.as_str().to_owned()),
        exit_code: container.exit_code,
        reason: container.reason.clone(),
        network_bindings: Some(container.network_bindings.iter().map(binding).collect()),
        network_interfaces: Some(task.eni.iter().filter_map(|eni| interface(eni)).collect()),
        health_status: Some(health(container.health)),
        cpu: size(over.and_then(|o| o.cpu_units), definition.map(|d| d.cpu_units)),
        memory: size(over.and_then(|o| o.memory_mib), definition.and_then(|d| d.memory_mib)),
        memory_reservation: size(
            over.and_then(|o| o.memory_mib_reserved),
            definition.and_then(|d| d.memory_mib_reserved),
        ),
        managed_agents: None,
        gpu_ids: Some(container.gpu_ids.clone()).filter(|ids| !ids.is_empty()),
    }
}

/// As AWS shows them: an entry for each container, empty where nothing is overridden.
fn overrides(task: &Task) -> ecs::TaskOverride {
    let given = |name: &str| task.overrides.containers.iter().find(|o| o.name == name);
    let of = |c: &Container| match given(c.name.as_str()) {
        Some(over) => container_override(over),
        None => ecs::ContainerOverride { name: Some(c.name.to_string()), ..Default::default() },
    };
    ecs::TaskOverride {
        container_overrides: Some(task.containers.iter().map(of).collect()),
        cpu: task.overrides.cpu_units.map(|units| units.to_string()),
        memory: task.overrides.memory_mib.map(|mib| mib.to_string()),
        ephemeral_storage: task.overrides.ephemeral_storage_gib.and_then(ephemeral_storage),
    }
}

fn container_override(over: &ContainerOverride) -> ecs::ContainerOverride {
    let environment: Vec<_> = over.environment.iter().map(|(name, value)| pair(name, value)).collect();
    ecs::ContainerOverride {
        name: Some(over.name.clone()),
        command: over.command.clone(),
        environment: Some(environment).filter(|e| !e.is_empty()),
        cpu: over.cpu_units.and_then(int),
        memory: over.memory_mib.and_then(int),
        memory_reservation: over.memory_mib_reserved.and_then(int),
        resource_requirements: gpus(over.gpus),
    }
}

fn stop_code(code: StopCode) -> TaskStopCode {
    match code {
        StopCode::TaskFailedToStart => TaskStopCode::TaskFailedToStart,
        StopCode::EssentialContainerExited => TaskStopCode::EssentialContainerExited,
        StopCode::UserInitiated => TaskStopCode::UserInitiated,
        StopCode::TerminationNotice => TaskStopCode::TerminationNotice,
        StopCode::ServiceSchedulerInitiated => TaskStopCode::ServiceSchedulerInitiated,
        StopCode::SpotInterruption => TaskStopCode::SpotInterruption,
    }
}
