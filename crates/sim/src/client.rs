//! The client: calls the API with what a seed makes it want, and remembers what it was told.

use crate::dice::Dice;
use crate::net::Lost;
use crate::world::{CallError, World};
use invariants::Violation;
use model::TaskId;
use model::network::DefaultVpc;
use model::task::DesiredStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::sleep;
use wire::ecs::{
    Api, AwsVpcConfiguration, ContainerDefinition, CreateClusterRequest, DeregisterContainerInstanceRequest,
    DeregisterTaskDefinitionRequest, LaunchType, NetworkConfiguration, NetworkMode, PortMapping,
    RegisterTaskDefinitionRequest, RunTaskRequest, StartTaskRequest, StopTaskRequest, Task,
};

/// What containers of each image do; hosts are told of it in `chaos.rs`.
pub const IMAGES: [&str; 10] =
    ["forever", "forever", "forever", "huge", "stubborn", "short", "long", "failing", "broken", "missing"];

/// The client.
pub struct Client {
    world: Arc<World>,
    dice: Dice,
    requests: AtomicU64,
    /// It wants nothing more.
    is_done: AtomicBool,
    /// What it has registered, by name and network mode.
    definitions: std::sync::Mutex<Vec<(String, NetworkMode)>>,
}

impl Client {
    /// A client that has not called yet.
    pub fn new(world: Arc<World>) -> Arc<Self> {
        let dice = Dice::new(world.seed, "client");
        let (requests, is_done) = (AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Self { world, dice, requests, is_done, definitions: std::sync::Mutex::default() })
    }

    /// It calls no more.
    pub fn stop(&self) {
        self.is_done.store(true, Ordering::Relaxed);
    }

    /// Makes clusters and definitions, and then calls at random times until it is stopped.
    pub async fn run(self: Arc<Self>) {
        for n in 0..self.world.knobs.clusters {
            let cluster_name = Some(format!("cluster-{n}"));
            let request = CreateClusterRequest { cluster_name, ..CreateClusterRequest::default() };
            self.insist(&request).await;
        }
        while self.definitions().is_empty() {
            self.register_definition().await;
        }
        while !self.is_done.load(Ordering::Relaxed) {
            sleep(self.dice.wait(self.world.knobs.call_interval)).await;
            // Calls overlap: one that hangs keeps no other.
            let me = self.clone();
            tokio::spawn(async move { me.call_something().await });
        }
    }

    async fn insist(&self, request: &CreateClusterRequest) {
        loop {
            let call = self.world.call(self.world.client_path(), None, "CreateCluster", |ecs, cx| {
                let request = request.clone();
                async move { ecs.create_cluster(&cx, request).await }
            });
            if self.tally(call.await).is_ok() {
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    async fn call_something(&self) {
        let Some(state) = self.world.check.last() else { return };
        let wanted = state.all_tasks().filter(|task| task.desired_status == DesiredStatus::Running).count();
        let is_full = wanted >= self.world.knobs.tasks;
        match self.dice.weighted(&[if is_full { 5 } else { 60 }, if is_full { 60 } else { 10 }, 5, 6, 2, 1]) {
            0 => self.run_tasks().await,
            1 => self.stop_task().await,
            2 => self.start_task().await,
            3 => self.register_definition().await,
            4 => self.deregister_definition().await,
            _ => self.deregister_instance().await,
        }
    }

    async fn register_definition(&self) {
        let family = format!("family-{}", self.dice.pick(0..6));
        let mode = *self
            .dice
            .choose(&[NetworkMode::Bridge, NetworkMode::Awsvpc, NetworkMode::Host])
            .unwrap_or(&NetworkMode::Bridge);
        let count = 1 + self.dice.weighted(&[6, 2, 1]);
        let request = RegisterTaskDefinitionRequest {
            family,
            network_mode: Some(mode),
            container_definitions: (0..count).map(|n| self.container(n, mode)).collect(),
            ..RegisterTaskDefinitionRequest::default()
        };
        let call = self.world.call(self.world.client_path(), None, "RegisterTaskDefinition", |ecs, cx| {
            let request = request.clone();
            async move { ecs.register_task_definition(&cx, request).await }
        });
        let Ok(answer) = self.tally(call.await) else { return };
        if let Some(arn) = answer.task_definition.and_then(|definition| definition.task_definition_arn) {
            self.definitions().push((arn, mode));
        }
    }

    fn container(&self, n: usize, mode: NetworkMode) -> ContainerDefinition {
        let image = self.dice.choose(&IMAGES).copied().unwrap_or("forever");
        let has_port = n == 0 && mode != NetworkMode::Awsvpc && self.dice.one_in(3);
        let port = 8_000 + self.dice.pick(0..20) as i32;
        let host_port = if mode == NetworkMode::Host || self.dice.one_in(2) { port } else { 0 };
        let mapping =
            PortMapping { container_port: Some(port), host_port: Some(host_port), ..PortMapping::default() };
        ContainerDefinition {
            name: Some(format!("c{n}")),
            image: Some(image.to_owned()),
            cpu: Some(64 * self.dice.pick(1..9) as i32),
            memory: Some(128 * self.dice.pick(1..5) as i32),
            essential: Some(n == 0 || self.dice.one_in(2)),
            port_mappings: has_port.then(|| vec![mapping]),
            ..ContainerDefinition::default()
        }
    }

    async fn run_tasks(&self) {
        let Some((definition, mode)) = self.dice.choose(&self.definitions()).cloned() else { return };
        let count = 1 + self.dice.weighted(&[8, 2, 2, 1, 1]) as i32;
        let request_name = self.new_request(count as usize);
        let request = RunTaskRequest {
            cluster: Some(self.cluster()),
            count: Some(count),
            launch_type: Some(LaunchType::Ec2),
            network_configuration: self.network(mode),
            started_by: Some(request_name.clone()),
            client_token: self.dice.one_in(2).then_some(request_name),
            task_definition: definition,
            ..RunTaskRequest::default()
        };
        let mut tries = if request.client_token.is_some() { 4 } else { 1 };
        loop {
            let call = self.world.call(self.world.client_path(), None, "RunTask", |ecs, cx| {
                let request = request.clone();
                async move { ecs.run_task(&cx, request).await }
            });
            let answer = self.tally(call.await);
            tries -= 1;
            match answer {
                Ok(answer) => {
                    let tasks = answer.tasks.unwrap_or_default();
                    let failures = answer.failures.unwrap_or_default().len() as u64;
                    self.world.tally.placed.fetch_add(tasks.len() as u64, Ordering::Relaxed);
                    self.world.tally.unplaced.fetch_add(failures, Ordering::Relaxed);
                    return self.was_told(&tasks);
                }
                Err(Lost) if tries == 0 => return,
                // As SDKs do: the token makes it safe.
                Err(Lost) => sleep(self.dice.millis(50..2_000)).await,
            }
        }
    }

    async fn start_task(&self) {
        let Some((definition, mode)) = self.dice.choose(&self.definitions()).cloned() else { return };
        let cluster = self.cluster();
        let Some(instance) = self.some_instance(&cluster) else { return };
        let request = StartTaskRequest {
            cluster: Some(cluster),
            container_instances: vec![instance],
            network_configuration: self.network(mode),
            started_by: Some(self.new_request(1)),
            task_definition: definition,
            ..StartTaskRequest::default()
        };
        let call = self.world.call(self.world.client_path(), None, "StartTask", |ecs, cx| {
            let request = request.clone();
            async move { ecs.start_task(&cx, request).await }
        });
        if let Ok(answer) = self.tally(call.await) {
            self.was_told(&answer.tasks.unwrap_or_default());
        }
    }

    async fn stop_task(&self) {
        let Some(state) = self.world.check.last() else { return };
        let wanted: Vec<_> =
            state.all_tasks().filter(|task| task.desired_status == DesiredStatus::Running).collect();
        let Some(task) = self.dice.choose(&wanted) else { return };
        let id = task.id.clone();
        let request =
            StopTaskRequest { cluster: Some(task.cluster.to_string()), reason: None, task: id.to_string() };
        let call = self.world.call(self.world.client_path(), None, "StopTask", |ecs, cx| {
            let request = request.clone();
            async move { ecs.stop_task(&cx, request).await }
        });
        if self.tally(call.await).is_ok() {
            self.world.verdict(self.world.check.was_told_of_stop(&id));
        }
    }

    async fn deregister_definition(&self) {
        let index = self.dice.pick(0..64) as usize;
        let task_definition = {
            let mut definitions = self.definitions();
            if definitions.len() < 8 {
                return;
            }
            let index = index % definitions.len();
            definitions.remove(index).0
        };
        let call = self.world.call(self.world.client_path(), None, "DeregisterTaskDefinition", |ecs, cx| {
            let request = DeregisterTaskDefinitionRequest { task_definition: task_definition.clone() };
            async move { ecs.deregister_task_definition(&cx, request).await }
        });
        let _ = self.tally(call.await);
    }

    /// Its operator starts the agent again, which registers as a new instance.
    async fn deregister_instance(&self) {
        let cluster = self.cluster();
        let Some(instance) = self.some_instance(&cluster) else { return };
        let call =
            self.world.call(self.world.client_path(), None, "DeregisterContainerInstance", |ecs, cx| {
                let request = DeregisterContainerInstanceRequest {
                    cluster: Some(cluster.clone()),
                    container_instance: instance.clone(),
                    force: Some(true),
                };
                async move { ecs.deregister_container_instance(&cx, request).await }
            });
        let _ = self.tally(call.await);
        // A request whose answer was lost may take effect late.
        while !self.is_inactive(&instance) {
            if self.is_done.load(Ordering::Relaxed) {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
        sleep(self.dice.millis(100..60_000)).await;
        if let Some(host) = self.world.check.host_of(&instance) {
            self.world.nodes()[host].life().kill();
        }
    }

    fn is_inactive(&self, instance: &str) -> bool {
        let state = self.world.check.last();
        let found = state.as_ref().and_then(|state| state.instance(&self.world.scope(), &instance.into()));
        found.is_some_and(|instance| instance.status == model::instance::InstanceStatus::Inactive)
    }

    fn some_instance(&self, cluster: &str) -> Option<String> {
        let state = self.world.check.last()?;
        let instances: Vec<_> = state
            .instances(&self.world.scope(), &cluster.into())
            .filter(|instance| instance.status != model::instance::InstanceStatus::Inactive)
            .collect();
        self.dice.choose(&instances).map(|instance| instance.id.to_string())
    }

    fn was_told(&self, tasks: &[Task]) {
        for arn in tasks.iter().filter_map(|task| task.task_arn.as_deref()) {
            let id = TaskId::from(arn.rsplit('/').next().unwrap_or_default().to_owned());
            self.world.verdict(self.world.check.was_told(&id));
        }
    }

    fn new_request(&self, count: usize) -> String {
        let name = format!("request-{}", self.requests.fetch_add(1, Ordering::Relaxed));
        self.world.check.asks(&name, count);
        name
    }

    fn cluster(&self) -> String {
        format!("cluster-{}", self.dice.pick(0..self.world.knobs.clusters as u64))
    }

    fn network(&self, mode: NetworkMode) -> Option<NetworkConfiguration> {
        let vpc = DefaultVpc::of(&self.world.scope());
        let subnet = self.dice.choose(&vpc.subnets)?.id.to_string();
        let configuration = AwsVpcConfiguration { subnets: vec![subnet], ..AwsVpcConfiguration::default() };
        (mode == NetworkMode::Awsvpc)
            .then_some(NetworkConfiguration { awsvpc_configuration: Some(configuration) })
    }

    /// Counts a call; a fault of the service is a violation.
    fn tally<T>(&self, answer: Result<T, CallError>) -> Result<T, Lost> {
        let tally = &self.world.tally;
        let counter = if answer.is_ok() { &tally.acknowledged } else { &tally.unanswered };
        counter.fetch_add(1, Ordering::Relaxed);
        match answer {
            Ok(answer) => Ok(answer),
            Err(CallError::Lost) => Err(Lost),
            Err(CallError::Api(error)) => {
                let is_store_failure = self.world.plane().is_none_or(|plane| plane.life.is_dead());
                if error.status >= 500 && !is_store_failure && !self.world.disk.is_full() {
                    let text = format!("{error}: {}", error.internal.as_deref().unwrap_or_default());
                    self.world.fail(Violation { id: "INV-API-3", text });
                }
                Err(Lost)
            }
        }
    }

    fn definitions(&self) -> std::sync::MutexGuard<'_, Vec<(String, NetworkMode)>> {
        self.definitions.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
