//! What the agent's HTTP endpoints answer from: its live tasks as they are at the moment of the question.

mod view;

use crate::host::Host;
use crate::tasks::{LiveTask, Tasks};
use crate::upstream::{ProtectionChange, UpstreamError};
use agent_driver::RuntimeId;
use agent_metadata::{
    CallError, EphemeralStorageView, Found, InstanceView, ProtectionAnswer, Source, StatsView, TaskView,
};
use async_trait::async_trait;
use core_task::run::Phase;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A container that has run for less has no stats yet.
const STATS_AFTER_MS: i64 = 1_000;

/// Tasks that are over are not among them: what ended is not kept.
pub(crate) struct Metadata {
    host: Arc<Host>,
    tasks: Mutex<Weak<Tasks>>,
}

impl Metadata {
    pub(crate) fn new(host: Arc<Host>) -> Self {
        Self { host, tasks: Mutex::default() }
    }

    /// From now on these are the tasks.
    pub(crate) fn look_at(&self, tasks: &Arc<Tasks>) {
        *self.tasks.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(tasks);
    }

    fn tasks(&self) -> Option<Arc<Tasks>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    /// A container by its id, which starts with its task's.
    fn find(&self, id: &str) -> Option<(LiveTask, usize)> {
        let (task, _) = id.rsplit_once('-')?;
        let task = self.tasks()?.live_task(task)?;
        let index = task.blueprint().position(&RuntimeId(id.to_owned()))?;
        Some((task, index))
    }

    async fn protection_of(
        &self,
        task_arn: &str,
        change: Option<ProtectionChange>,
    ) -> Result<ProtectionAnswer, CallError> {
        let task = crate::blueprint::parse_arn(task_arn).ok();
        let task = task.and_then(|(_, id)| self.tasks()?.live_task(&id));
        let cluster = match &task {
            Some(task) if !task.blueprint().cluster_arn.is_empty() => &task.blueprint().cluster_arn,
            _ => &self.host.config.cluster,
        };
        self.host.upstream.protection(cluster, task_arn, change).await.map_err(call_error)
    }
}

#[async_trait]
impl Source for Metadata {
    async fn container(&self, endpoint_id: &str) -> Option<Found> {
        let (task, index) = self.find(endpoint_id)?;
        Some(Found { task: view::task(&self.host, &task), index })
    }

    async fn stats(&self, docker_id: &str) -> Option<StatsView> {
        let (task, index) = self.find(docker_id)?;
        let seen = &task.state.observed.containers[index];
        let ran_ms = self.host.now().millis_since(seen.started_at?);
        if seen.phase != Phase::Running || ran_ms < STATS_AFTER_MS {
            return None;
        }
        let id = &task.blueprint().containers[index].draft.id;
        let (now, before) = self.host.meter.read(&*self.host.drivers.runtime, id).await?;
        let sample = |reading| view::sample(&self.host, &task, reading);
        Some(StatsView { now: sample(now), before: before.map(sample) })
    }

    async fn ephemeral_storage(&self, endpoint_id: &str) -> Option<EphemeralStorageView> {
        let (task, _) = self.find(endpoint_id)?;
        let blueprint = &task.effects.blueprint;
        if !blueprint.is_fargate() {
            return None;
        }
        let view = self.host.disk.view(&self.host.drivers, blueprint).await;
        view.inspect_err(|error| {
            tracing::warn!(task = blueprint.id, error, "what a task uses of the disk cannot be counted");
        })
        .ok()
    }

    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
        self.host.upstream.tags(arn).await.map_err(call_error)
    }

    async fn instance(&self) -> InstanceView {
        let instance = self.host.ledger.instance().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the ledger cannot be read");
            None
        });
        InstanceView {
            cluster: self.host.config.cluster.clone(),
            container_instance_arn: instance.map(|instance| instance.arn),
            version: format!("Wharf Agent - v{}", crate::VERSION),
        }
    }

    async fn tasks(&self) -> Vec<TaskView> {
        let tasks = Metadata::tasks(self).map(|tasks| tasks.live_tasks());
        tasks.into_iter().flatten().map(|task| view::task(&self.host, &task)).collect()
    }

    async fn protection(&self, task_arn: &str) -> Result<ProtectionAnswer, CallError> {
        self.protection_of(task_arn, None).await
    }

    async fn protect(
        &self,
        task_arn: &str,
        enabled: bool,
        expires_in_minutes: Option<i32>,
    ) -> Result<ProtectionAnswer, CallError> {
        self.protection_of(task_arn, Some(ProtectionChange { enabled, expires_in_minutes })).await
    }
}

fn call_error(error: UpstreamError) -> CallError {
    match error {
        UpstreamError::Service { code, message, status } => {
            CallError { code, message, status: Some(status), request_id: None }
        }
        error => {
            CallError { code: String::new(), message: error.to_string(), status: None, request_id: None }
        }
    }
}
