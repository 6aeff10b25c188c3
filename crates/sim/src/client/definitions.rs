//! Task definitions: registered, deregistered, deleted.

use super::{Client, IMAGES, lock};
use model::Family;
use model::capacity_provider::{FARGATE, FARGATE_SPOT};
use wire::ecs::{
    Api, Compatibility, ContainerDefinition, DeleteTaskDefinitionsRequest, DeregisterTaskDefinitionRequest,
    NetworkMode, PortMapping, RegisterTaskDefinitionRequest,
};

/// The capacity providers of its tasks on Fargate.
pub const FARGATE_PROVIDERS: [&str; 2] = [FARGATE, FARGATE_SPOT];
/// Sizes of tasks that Fargate has: CPU units and MiB.
const FARGATE_SIZES: [(u32, u32); 3] = [(256, 512), (512, 1024), (1024, 2048)];

/// One that was registered.
#[derive(Clone)]
pub struct Definition {
    /// Its name, its revision included.
    pub arn: String,
    /// How its tasks are networked.
    pub mode: NetworkMode,
    /// Whether its tasks can be run on Fargate.
    pub is_fargate: bool,
}

impl Definition {
    /// Family and revision.
    pub fn name(&self) -> (Family, u32) {
        let name = self.arn.rsplit('/').next().unwrap_or_default();
        let (family, revision) = name.split_once(':').unwrap_or((name, ""));
        (family.into(), revision.parse().unwrap_or_default())
    }
}

impl Client {
    /// One that it has registered.
    pub(super) fn some_definition(&self) -> Option<Definition> {
        self.dice.choose(&lock(&self.definitions)).cloned()
    }

    pub(super) async fn register_definition(&self) {
        let modes = [NetworkMode::Bridge, NetworkMode::Awsvpc, NetworkMode::Host];
        let mode = self.dice.choose(&modes).copied().unwrap_or(NetworkMode::Bridge);
        let is_fargate = mode == NetworkMode::Awsvpc && self.world.knobs.fargate && self.dice.one_in(2);
        let size = self.dice.choose(&FARGATE_SIZES).filter(|_| is_fargate);
        let count = 1 + self.dice.weighted(&[6, 2, 1]);
        let request = RegisterTaskDefinitionRequest {
            family: format!("family-{}", self.dice.pick(0..6)),
            network_mode: Some(mode),
            container_definitions: (0..count).map(|n| self.container(n, mode, is_fargate)).collect(),
            requires_compatibilities: is_fargate.then(|| vec![Compatibility::Fargate]),
            cpu: size.map(|(cpu_units, _)| cpu_units.to_string()),
            memory: size.map(|(_, memory_mib)| memory_mib.to_string()),
            ..RegisterTaskDefinitionRequest::default()
        };
        if let Some(definition) = self.register(request).await {
            lock(&self.definitions).push(definition);
        }
    }

    /// Registers what is asked for.
    pub(super) async fn register(&self, request: RegisterTaskDefinitionRequest) -> Option<Definition> {
        let call = self.call("RegisterTaskDefinition", |ecs, cx| {
            let request = request.clone();
            async move { ecs.register_task_definition(&cx, request).await }
        });
        let arn = call.await.ok()?.task_definition?.task_definition_arn?;
        let mode = request.network_mode.unwrap_or(NetworkMode::Bridge);
        Some(Definition { arn, mode, is_fargate: request.requires_compatibilities.is_some() })
    }

    fn container(&self, n: usize, mode: NetworkMode, is_fargate: bool) -> ContainerDefinition {
        let image = self.dice.choose(&IMAGES).copied().unwrap_or("forever");
        let has_port = n == 0 && mode != NetworkMode::Awsvpc && self.dice.one_in(3);
        let port = 8_000 + self.dice.pick(0..20) as i32;
        let host_port = if mode == NetworkMode::Host || self.dice.one_in(2) { port } else { 0 };
        let mapping =
            PortMapping { container_port: Some(port), host_port: Some(host_port), ..PortMapping::default() };
        // Containers of a task with a size share it.
        let (cpu, memory) = (64 * self.dice.pick(1..9) as i32, 128 * self.dice.pick(1..5) as i32);
        ContainerDefinition {
            name: Some(format!("c{n}")),
            image: Some(image.to_owned()),
            cpu: (!is_fargate).then_some(cpu),
            memory: (!is_fargate).then_some(memory),
            essential: Some(n == 0 || self.dice.one_in(2)),
            port_mappings: has_port.then(|| vec![mapping]),
            ..ContainerDefinition::default()
        }
    }

    pub(super) async fn deregister_definition(&self) {
        let index = self.dice.pick(0..64) as usize;
        let task_definition = {
            let mut definitions = lock(&self.definitions);
            if definitions.len() < 8 {
                return;
            }
            let index = index % definitions.len();
            definitions.remove(index).arn
        };
        let call = self.call("DeregisterTaskDefinition", |ecs, cx| {
            let request = DeregisterTaskDefinitionRequest { task_definition: task_definition.clone() };
            async move { ecs.deregister_task_definition(&cx, request).await }
        });
        if call.await.is_ok() {
            lock(&self.inactive).push(task_definition);
        }
    }

    /// Of those that are INACTIVE; those that tasks use go when these have gone.
    pub(super) async fn delete_definitions(&self) {
        let count = 1 + self.dice.pick(0..3) as usize;
        let task_definitions = {
            let mut inactive = lock(&self.inactive);
            let kept = inactive.len().saturating_sub(count);
            inactive.split_off(kept)
        };
        if task_definitions.is_empty() {
            return;
        }
        let call = self.call("DeleteTaskDefinitions", |ecs, cx| {
            let request = DeleteTaskDefinitionsRequest { task_definitions: task_definitions.clone() };
            async move { ecs.delete_task_definitions(&cx, request).await }
        });
        // Whether it was carried out is of no interest: nothing is run of them any more.
        let _ = call.await;
    }
}
