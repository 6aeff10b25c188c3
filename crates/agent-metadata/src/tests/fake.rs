//! An agent with two tasks: one on awsvpc that was given tags, one on bridge that has ended.

use crate::{
    CallError, ContainerView, CpuSample, EphemeralStorageView, Found, HealthView, InstanceView,
    InterfaceStats, InterfaceView, Limits, NetworkView, PortView, Protection, ProtectionAnswer, Source,
    StatsSample, StatsView, TaskLimits, TaskView, Throttling, VolumeView,
};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// 2026-03-01T12:00:00Z.
pub(super) const NOON: i64 = 1_772_366_400_000;
pub(super) const WEB: &str = "arn:aws:ecs:eu-west-1:111122223333:task/blue/0123456789abcdef0123456789abcdef";
const JOB: &str = "arn:aws:ecs:eu-west-1:111122223333:task/blue/fedcba9876543210fedcba9876543210";
const INSTANCE: &str =
    "arn:aws:ecs:eu-west-1:111122223333:container-instance/blue/aaaabbbbccccddddaaaabbbbccccdddd";

/// What a test may change.
#[derive(Default)]
pub(super) struct Fake {
    /// ListTagsForResource is denied.
    pub(super) tags_denied: bool,
    /// The control plane never answers.
    pub(super) silent: bool,
    /// What UpdateTaskProtection was last asked, and what GetTaskProtection then says.
    pub(super) protected: Mutex<Option<(bool, Option<i32>)>>,
    /// What every protection call answers instead.
    pub(super) protection: Option<Result<ProtectionAnswer, CallError>>,
}

#[async_trait]
impl Source for Fake {
    async fn container(&self, endpoint_id: &str) -> Option<Found> {
        match endpoint_id {
            "web" => Some(Found { task: web(), index: 0 }),
            "sidecar" => Some(Found { task: web(), index: 1 }),
            "job" => Some(Found { task: job(), index: 0 }),
            "beyond" => Some(Found { task: job(), index: 7 }),
            _ => None,
        }
    }

    async fn stats(&self, docker_id: &str) -> Option<StatsView> {
        (docker_id == web().containers[0].docker_id).then(stats)
    }

    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
        if self.silent {
            std::future::pending::<()>().await;
        }
        if self.tags_denied {
            return Err(CallError {
                code: "AccessDeniedException".to_owned(),
                message: format!("not authorized to perform: ecs:ListTagsForResource on resource: {arn}"),
                status: Some(400),
                request_id: Some("5b1a9f5c-0000-4000-8000-000000000001".to_owned()),
            });
        }
        let tag = if arn == INSTANCE { ("rack", "7") } else { ("team", "payments") };
        Ok(map(&[tag]))
    }

    async fn ephemeral_storage(&self, endpoint_id: &str) -> Option<EphemeralStorageView> {
        if self.silent {
            std::future::pending::<()>().await;
        }
        (endpoint_id != "job").then_some(EphemeralStorageView { utilized_mib: 131, reserved_mib: 20_496 })
    }

    async fn instance(&self) -> InstanceView {
        InstanceView {
            cluster: "blue".to_owned(),
            container_instance_arn: Some(INSTANCE.to_owned()),
            version: "Wharf Agent - v0.1.0 (0123abcd)".to_owned(),
        }
    }

    async fn tasks(&self) -> Vec<TaskView> {
        vec![web(), job()]
    }

    async fn protection(&self, task_arn: &str) -> Result<ProtectionAnswer, CallError> {
        if self.silent {
            std::future::pending::<()>().await;
        }
        if let Some(answer) = &self.protection {
            return answer.clone();
        }
        let (enabled, minutes) = self.protected.lock().unwrap().unwrap_or_default();
        let expires_unix_ms = enabled.then(|| NOON + 60_000 * i64::from(minutes.unwrap_or(120)));
        let task_arn = task_arn.to_owned();
        Ok(ProtectionAnswer::Protection(Protection { task_arn, enabled, expires_unix_ms }))
    }

    async fn protect(
        &self,
        task_arn: &str,
        enabled: bool,
        expires_in_minutes: Option<i32>,
    ) -> Result<ProtectionAnswer, CallError> {
        *self.protected.lock().unwrap() = Some((enabled, expires_in_minutes));
        self.protection(task_arn).await
    }
}

pub(super) fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn labels(name: &str, arn: &str, family: &str) -> BTreeMap<String, String> {
    map(&[
        ("com.amazonaws.ecs.cluster", "blue"),
        ("com.amazonaws.ecs.container-name", name),
        ("com.amazonaws.ecs.task-arn", arn),
        ("com.amazonaws.ecs.task-definition-family", family),
        ("com.amazonaws.ecs.task-definition-version", "3"),
    ])
}

fn awsvpc() -> NetworkView {
    NetworkView {
        network_mode: "awsvpc".to_owned(),
        ipv4_addresses: vec!["10.8.0.20".to_owned()],
        ipv6_addresses: Vec::new(),
        interface: Some(InterfaceView {
            attachment_index: 0,
            mac_address: "0a:58:0a:08:00:14".to_owned(),
            ipv4_subnet: "10.8.0.0/24".to_owned(),
            dns_servers: vec!["10.8.0.2".to_owned()],
            dns_search: vec!["eu-west-1.compute.internal".to_owned()],
            private_dns_name: "ip-10-8-0-20.eu-west-1.compute.internal".to_owned(),
            gateway: "10.8.0.1/24".to_owned(),
        }),
    }
}

/// On Fargate, of a service: a web server that is healthy, a sidecar that was pulled, and one that nothing was done for.
pub(super) fn web() -> TaskView {
    let server = ContainerView {
        docker_id: "0123456789abcdef0123456789abcdef-1".to_owned(),
        name: "server".to_owned(),
        docker_name: "ecs-web-3-server-8ac1d0f2b4".to_owned(),
        image: "registry.example/web:7".to_owned(),
        image_id: "sha256:77aa".to_owned(),
        ports: vec![PortView {
            container_port: 8080,
            protocol: "tcp".to_owned(),
            host_port: 8080,
            host_ip: String::new(),
        }],
        labels: labels("server", WEB, "web"),
        desired_status: "RUNNING".to_owned(),
        known_status: "RUNNING".to_owned(),
        limits: Limits { cpu_units: 0, memory_mib: 256 },
        created_unix_ms: Some(NOON + 1_250),
        started_unix_ms: Some(NOON + 2_000),
        health: Some(HealthView {
            status: "HEALTHY".to_owned(),
            since_unix_ms: Some(NOON + 9_500),
            exit_code: 0,
            output: "ok \"so far\"".to_owned(),
        }),
        volumes: vec![VolumeView {
            docker_name: "scratch".to_owned(),
            source: "/var/lib/wharf/volumes/scratch".to_owned(),
            destination: "/scratch".to_owned(),
        }],
        log_driver: "awslogs".to_owned(),
        log_options: map(&[("awslogs-group", "/ecs/web"), ("awslogs-stream", "web/server/0123")]),
        container_arn: "arn:aws:ecs:eu-west-1:111122223333:container/blue/0123/9f8e".to_owned(),
        networks: vec![awsvpc()],
        snapshotter: "overlayfs".to_owned(),
        restart_count: Some(2),
        ..ContainerView::default()
    };
    let sidecar = ContainerView {
        name: "sidecar".to_owned(),
        image: "registry.example/sidecar:1".to_owned(),
        image_id: "sha256:88bb".to_owned(),
        desired_status: "RUNNING".to_owned(),
        known_status: "PULLED".to_owned(),
        limits: Limits { cpu_units: 128, memory_mib: 0 },
        ..ContainerView::default()
    };
    let untouched = ContainerView {
        name: "untouched".to_owned(),
        known_status: "NONE".to_owned(),
        ..ContainerView::default()
    };
    TaskView {
        cluster: "blue".to_owned(),
        task_arn: WEB.to_owned(),
        family: "web".to_owned(),
        revision: "3".to_owned(),
        desired_status: "RUNNING".to_owned(),
        known_status: "CREATED".to_owned(),
        limits: TaskLimits { cpu_units: Some(256), memory_mib: Some(512) },
        pull_started_unix_ms: Some(NOON),
        pull_stopped_unix_ms: Some(NOON + 1_000),
        availability_zone: "eu-west-1a".to_owned(),
        launch_type: "FARGATE".to_owned(),
        containers: vec![server, sidecar, untouched],
        service_name: "shop".to_owned(),
        ..TaskView::default()
    }
}

/// On EC2, on its own, and over.
fn job() -> TaskView {
    let worker = ContainerView {
        docker_id: "fedcba9876543210fedcba9876543210-0".to_owned(),
        name: "worker".to_owned(),
        docker_name: "ecs-job-3-worker-1b2c3d4e5f".to_owned(),
        image: "registry.example/job".to_owned(),
        image_id: "sha256:99cc".to_owned(),
        ports: vec![PortView {
            container_port: 53,
            protocol: "udp".to_owned(),
            host_port: 32_768,
            host_ip: "0.0.0.0".to_owned(),
        }],
        labels: labels("worker", JOB, "job"),
        desired_status: "STOPPED".to_owned(),
        known_status: "STOPPED".to_owned(),
        exit_code: Some(0),
        limits: Limits { cpu_units: 10, memory_mib: 128 },
        created_unix_ms: Some(NOON),
        started_unix_ms: Some(NOON + 10),
        finished_unix_ms: Some(NOON + 60_000),
        networks: vec![NetworkView {
            network_mode: "bridge".to_owned(),
            ipv4_addresses: vec!["172.17.0.2".to_owned()],
            ..NetworkView::default()
        }],
        ..ContainerView::default()
    };
    TaskView {
        cluster: "blue".to_owned(),
        task_arn: JOB.to_owned(),
        family: "job".to_owned(),
        revision: "3".to_owned(),
        desired_status: "STOPPED".to_owned(),
        known_status: "STOPPED".to_owned(),
        limits: TaskLimits { cpu_units: Some(1024), memory_mib: None },
        execution_stopped_unix_ms: Some(NOON + 60_000),
        availability_zone: "eu-west-1a".to_owned(),
        launch_type: "EC2".to_owned(),
        containers: vec![worker],
        vpc_id: "vpc-0a1b2c3d4e5f60718".to_owned(),
        ..TaskView::default()
    }
}

fn stats() -> StatsView {
    let before = StatsSample {
        at_unix_ms: NOON,
        cpu: CpuSample {
            total_ns: 40_000_000,
            user_ns: 30_000_000,
            kernel_ns: 10_000_000,
            host_ns: 9_000_000_000,
            online_cpus: 2,
            throttling: None,
        },
        networks: BTreeMap::from([("eth0".to_owned(), InterfaceStats::default())]),
        ..StatsSample::default()
    };
    let eth0 = InterfaceStats {
        rx_bytes: 1_001,
        rx_packets: 7,
        rx_errors: 1,
        rx_dropped: 2,
        tx_bytes: 2_000,
        tx_packets: 9,
        tx_errors: 3,
        tx_dropped: 4,
    };
    let now = StatsSample {
        at_unix_ms: NOON + 2_000,
        cpu: CpuSample {
            total_ns: 50_000_000,
            user_ns: 35_000_000,
            kernel_ns: 15_000_000,
            host_ns: 13_000_000_000,
            online_cpus: 2,
            throttling: Some(Throttling { periods: 20, throttled_periods: 1, throttled_ns: 5_000 }),
        },
        memory_bytes: 1_048_576,
        memory_bytes_max: 2_097_152,
        memory_cache_bytes: 65_536,
        memory_limit_bytes: 268_435_456,
        pids: 3,
        storage_read_bytes: 4_096,
        storage_write_bytes: 8_192,
        networks: BTreeMap::from([("eth0".to_owned(), eth0)]),
    };
    StatsView { now, before: Some(before) }
}
