//! A container.

use crate::NetworkView;
use std::collections::BTreeMap;

/// A container of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerView {
    /// `DockerId`: the runtime's id of it. On ECS 64 hexadecimal digits, on Fargate `TASKID-DIGITS`. Empty before it
    /// was created.
    pub docker_id: String,
    /// Its name in the task definition.
    pub name: String,
    /// `DockerName`: `ecs-FAMILY-REVISION-NAME-HEX`; the plain name on Fargate.
    pub docker_name: String,
    /// The image as the task definition has it.
    pub image: String,
    /// `ImageID`: `sha256:…`; empty before it was pulled.
    pub image_id: String,
    /// Ports that are reachable from outside.
    pub ports: Vec<PortView>,
    /// All labels, ECS's own `com.amazonaws.ecs.*` among them.
    pub labels: BTreeMap<String, String>,
    /// `CREATED`, `RUNNING`, `STOPPED` …
    pub desired_status: String,
    /// `NONE`, `PULLED`, `CREATED`, `RUNNING`, `STOPPED` …
    pub known_status: String,
    /// Its exit code, once it has ended.
    pub exit_code: Option<i32>,
    /// Its limits.
    pub limits: Limits,
    /// When it was created.
    pub created_unix_ms: Option<i64>,
    /// When its program was started.
    pub started_unix_ms: Option<i64>,
    /// When its end was seen.
    pub finished_unix_ms: Option<i64>,
    /// What its health check found; `None` without one.
    pub health: Option<HealthView>,
    /// Its volumes.
    pub volumes: Vec<VolumeView>,
    /// `awslogs` …; empty for the runtime's default.
    pub log_driver: String,
    /// `logConfiguration.options`, as the container got them.
    pub log_options: BTreeMap<String, String>,
    /// `arn:aws:ecs:…:container/…`.
    pub container_arn: String,
    /// Its networks.
    pub networks: Vec<NetworkView>,
    /// `Snapshotter` of tasks on Fargate: `overlayfs`. Empty elsewhere.
    pub snapshotter: String,
    /// How often its restart policy restarted it; `None` without a restart policy.
    pub restart_count: Option<u32>,
}

/// `Limits` of a container. Both are always written; nothing is 0, and fewer than 2 CPU units are 2, as the agent
/// passes them on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// CPU units, 1024 a core.
    pub cpu_units: u32,
    /// Hard memory limit.
    pub memory_mib: u32,
}

/// One of `Ports`. Port ranges are written port by port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortView {
    /// The port in the container.
    pub container_port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The port on the host; on awsvpc the same as in the container.
    pub host_port: u16,
    /// The host's address; empty on awsvpc.
    pub host_ip: String,
}

/// `Health`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthView {
    /// `HEALTHY`, `UNHEALTHY` or `UNKNOWN`.
    pub status: String,
    /// Since when it has been so.
    pub since_unix_ms: Option<i64>,
    /// The last check's exit code.
    pub exit_code: i32,
    /// The last check's output.
    pub output: String,
}

/// One of `Volumes`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeView {
    /// Its name for the runtime; empty for a directory of the host.
    pub docker_name: String,
    /// A path of the host.
    pub source: String,
    /// A path in the container.
    pub destination: String,
}
