//! The agent against a fake host and a fake control plane, on virtual time.

mod disk;
mod ledger;
mod lives;
mod metadata;
mod networks;
mod restart;
mod running;
mod socket;
mod whole;

use crate::fake::{FakeClock, FakeControl, FakeHost, FakeIds, MemoryLedger};
use crate::{Agent, AgentConfig, Vault};
use acs::payload::{Config, Container, DockerConfig, Healthcheck, HostConfig, LogConfig, Task};
use acs::{ElasticNetworkInterface, Ipv4AddressAssignment};
use model::instance::Resources;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// A host with its control plane and its ledger; agents come and go.
struct World {
    host: Arc<FakeHost>,
    control: Arc<FakeControl>,
    ledger: Arc<MemoryLedger>,
    clock: Arc<FakeClock>,
    ids: Arc<FakeIds>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(FakeClock::default());
        let host = FakeHost::new(clock.clone());
        let (control, ledger) = (FakeControl::new(), Arc::default());
        Self { host, control, ledger, clock, ids: Arc::new(FakeIds::new(7)) }
    }

    /// Starts an agent; aborting the handle kills it as -9 does.
    fn start(&self) -> JoinHandle<()> {
        self.start_with_metadata().0
    }

    /// As [`start`](Self::start), with what its HTTP endpoints answer from.
    fn start_with_metadata(&self) -> (JoinHandle<()>, Arc<dyn agent_metadata::Source>) {
        let agent = self.agent();
        let metadata = agent.metadata();
        let run = async move { agent.run(std::future::pending()).await.expect("the agent goes on") };
        (tokio::spawn(run), metadata)
    }

    /// An agent that has not started.
    fn agent(&self) -> Agent {
        let config = AgentConfig {
            cluster: "default".to_owned(),
            data_dir: "/var/lib/wharf".into(),
            hostname: "host-1".to_owned(),
            resources: Resources { cpu_units: 2048, memory_mib: 4096, ..Resources::default() },
            availability_zone: None,
            any_zone: false,
            serves_fargate: true,
            attributes: BTreeMap::new(),
        };
        Agent::new(
            config,
            self.host.drivers(),
            Arc::new(self.control.clone()),
            self.ledger.clone(),
            Vault::default(),
            self.clock.clone(),
            self.ids.clone(),
        )
    }

    /// Waits for something that changes with a message to the control plane, for a day at most.
    async fn until(&self, what: &str, holds: impl Fn(&World) -> bool) {
        let wait = self.control.until(|_| holds(self));
        let waited = tokio::time::timeout(Duration::from_secs(24 * 60 * 60), wait).await;
        assert!(waited.is_ok(), "{what}: {:#?}", self.control.reports());
    }

    /// Waits for something on the host, for a day at most.
    async fn until_host(&self, what: &str, holds: impl Fn(&FakeHost) -> bool) {
        for _ in 0..24 * 60 * 60 {
            if holds(&self.host) {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("{what}");
    }

    /// The statuses and the containers' exit codes that were reported of a task, in order.
    fn story(&self, arn: &str) -> Vec<String> {
        let of_task = self.control.reports().into_iter().filter(|(of, _)| of == arn);
        let line = |report: core_task::report::Report| {
            let mut line = report.status.map_or("-", |s| s.as_str()).to_owned();
            for c in &report.containers {
                line += &format!(" {}={}", c.name, c.status.as_str());
                line += &c.exit_code.map(|code| format!("({code})")).unwrap_or_default();
                line += &c.reason.as_ref().map(|r| format!("[{r}]")).unwrap_or_default();
            }
            line + &report.reason.map(|r| format!(" {r}")).unwrap_or_default()
        };
        of_task.map(|(_, report)| line(report)).collect()
    }
}

fn arn(id: &str) -> String {
    format!("arn:aws:ecs:us-east-1:000000000000:task/default/{id}")
}

/// A task in bridge mode with these containers, all of them essential; none of them logs.
fn bridge(id: &str, containers: Vec<Container>) -> Task {
    Task { arn: arn(id), family: "f".to_owned(), version: "1".to_owned(), containers, ..Task::default() }
}

/// A container of the image `hello`.
fn container(name: &str) -> Container {
    Container { name: name.to_owned(), image: "hello".to_owned(), essential: true, ..Container::default() }
}

/// The same with a health check every 10 seconds.
fn checked(name: &str) -> Container {
    const SECOND: i64 = 1_000_000_000;
    let healthcheck = Healthcheck {
        test: vec!["CMD-SHELL".to_owned(), "true".to_owned()],
        interval: 10 * SECOND,
        timeout: 2 * SECOND,
        start_period: 0,
        retries: 2,
    };
    let config = Config { healthcheck: Some(healthcheck), ..Config::default() };
    Container {
        health_check_type: "docker".to_owned(),
        docker_config: DockerConfig::new(&config, &HostConfig::default()),
        ..container(name)
    }
}

/// A task in awsvpc mode with one essential container `app`, which logs.
fn task(id: &str, image: &str) -> Task {
    let options = [("awslogs-group", "g"), ("awslogs-stream-prefix", "p")];
    let log = LogConfig {
        driver: "awslogs".to_owned(),
        config: options.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
    };
    let host_config = HostConfig { log_config: Some(log), ..HostConfig::default() };
    let container = Container {
        name: "app".to_owned(),
        image: image.to_owned(),
        essential: true,
        docker_config: DockerConfig::new(&Default::default(), &host_config),
        ..Container::default()
    };
    let last = id.bytes().fold(4u8, |sum, b| sum.wrapping_mul(31).wrapping_add(b));
    let address = Ipv4AddressAssignment { primary: true, private_address: format!("172.31.0.{last}") };
    let interface = ElasticNetworkInterface {
        ipv4_addresses: vec![address],
        subnet_gateway_ipv4_address: "172.31.0.1/20".to_owned(),
        private_dns_name: "ip-172-31-0-4.ec2.internal".to_owned(),
        ..ElasticNetworkInterface::default()
    };
    Task {
        arn: arn(id),
        network_mode: "awsvpc".to_owned(),
        containers: vec![container],
        cpu: Some(0.25),
        memory: Some(512),
        elastic_network_interfaces: vec![interface],
        ..Task::default()
    }
}
