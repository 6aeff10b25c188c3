//! A look from outside, once all is quiet: a small task that fits somewhere is run.

use super::Client;
use super::definitions::Definition;
use super::tasks::request;
use crate::ask::{Ask, On};
use invariants::Violation;
use model::task::{DesiredStatus, TaskStatus};
use model::task_definition::LaunchType;
use model::{ClusterName, TaskId};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use wire::ecs::{
    Api, Compatibility, ContainerDefinition, ContainerInstanceStatus, NetworkMode,
    RegisterTaskDefinitionRequest, UpdateContainerInstancesStateRequest,
};

/// How long a task may take whose image is pulled in no time.
const BOUND: Duration = Duration::from_secs(60);

impl Client {
    /// INV-LIVE-2: on each cluster, a small task of each kind that fits is placed, and runs before long.
    pub async fn probe(&self) {
        let (Some(plain), Some(fargate)) =
            (self.register(probe("plain", false)).await, self.register(probe("fargate", true)).await)
        else {
            return self.fails("a task definition cannot be registered".to_owned());
        };
        for n in 0..self.world.knobs.clusters {
            let cluster = ClusterName::from(format!("cluster-{n}").as_str());
            // Else what was drained stays so, and those that are not have to do.
            if self.dice.one_in(2) {
                self.activate_all(&cluster).await;
            }
            self.run_one(&cluster, &plain, LaunchType::Ec2).await;
            self.run_one(&cluster, &fargate, LaunchType::Fargate).await;
        }
    }

    async fn run_one(&self, cluster: &ClusterName, definition: &Definition, launch_type: LaunchType) {
        let ask = Ask {
            scope: self.world.scope(),
            cluster: cluster.clone(),
            count: 1,
            definition: definition.name(),
            group: "probe".to_owned(),
            subnets: self.subnets(definition),
            on: On::LaunchType(launch_type),
            constraints: Vec::new(),
        };
        if !self.world.plane().is_some_and(|plane| ask.has_room(&plane.store.snapshot())) {
            return self.world.trace.note(format_args!("no room for a task of {launch_type:?} in {cluster}"));
        }
        let answer = self.run_once(&ask, &request(definition, &ask)).await;
        let tasks = match answer {
            Ok(answer) => answer.tasks.unwrap_or_default(),
            Err(error) => return self.fails(format!("{error:?} to {ask:?}")),
        };
        self.was_told(&tasks);
        let Some(arn) = tasks.into_iter().next().and_then(|task| task.task_arn) else {
            return self.fails(format!("there was room for {ask:?}, and it was not placed"));
        };
        self.runs(&arn.rsplit('/').next().unwrap_or_default().to_owned().into()).await;
    }

    async fn runs(&self, task: &TaskId) {
        let began = Instant::now();
        loop {
            let state = self.world.check.last();
            let found = state.as_ref().and_then(|state| state.task(&self.world.scope(), task));
            match found.map(|task| (task.desired_status, task.last_status)) {
                Some((DesiredStatus::Running, TaskStatus::Running)) => {
                    let took = began.elapsed().as_millis();
                    return self.world.trace.note(format_args!("task {task} runs after {took} ms"));
                }
                Some((DesiredStatus::Running, _)) if began.elapsed() < BOUND => {}
                is => return self.fails(format!("task {task} was placed, and is {is:?}: {found:?}")),
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn activate_all(&self, cluster: &ClusterName) {
        let Some(plane) = self.world.plane() else { return };
        let state = plane.store.snapshot();
        for instance in state.instances(&self.world.scope(), cluster) {
            let request = UpdateContainerInstancesStateRequest {
                cluster: Some(cluster.to_string()),
                container_instances: vec![instance.id.to_string()],
                status: ContainerInstanceStatus::Active,
            };
            let call = self.call("UpdateContainerInstancesState", |ecs, cx| {
                let request = request.clone();
                async move { ecs.update_container_instances_state(&cx, request).await }
            });
            let _ = call.await;
        }
    }

    fn fails(&self, text: String) {
        self.world.fail(Violation { id: "INV-LIVE-2", text });
    }
}

/// The smallest task there is.
fn probe(name: &str, is_fargate: bool) -> RegisterTaskDefinitionRequest {
    let container = ContainerDefinition {
        name: Some("c0".to_owned()),
        image: Some("forever".to_owned()),
        cpu: (!is_fargate).then_some(64),
        memory: (!is_fargate).then_some(128),
        essential: Some(true),
        ..ContainerDefinition::default()
    };
    RegisterTaskDefinitionRequest {
        family: format!("probe-{name}"),
        network_mode: Some(if is_fargate { NetworkMode::Awsvpc } else { NetworkMode::Bridge }),
        container_definitions: vec![container],
        requires_compatibilities: is_fargate.then(|| vec![Compatibility::Fargate]),
        cpu: is_fargate.then(|| "256".to_owned()),
        memory: is_fargate.then(|| "512".to_owned()),
        ..RegisterTaskDefinitionRequest::default()
    }
}
