//! Where the answers come from.

use crate::{EphemeralStorageView, InstanceView, StatsView, TaskView};
use async_trait::async_trait;
use std::collections::BTreeMap;

/// What the agent knows of its tasks. Every answer is what holds at the moment of the call.
///
/// The official agent's pause containers have no counterpart: a task's containers are those of
/// its task definition.
#[async_trait]
pub trait Source: Send + Sync {
    /// The container whose `ECS_CONTAINER_METADATA_URI_V4` ends in this id. `None` when no task on this host has it,
    /// or has it any more.
    async fn container(&self, endpoint_id: &str) -> Option<Found>;
    /// What a container uses, by its [`ContainerView::docker_id`](crate::ContainerView::docker_id). `None` when it does
    /// not run, or no second has passed since its start.
    async fn stats(&self, docker_id: &str) -> Option<StatsView>;
    /// What the disk has for the task of this container; `None` unless it is on Fargate.
    async fn ephemeral_storage(&self, endpoint_id: &str) -> Option<EphemeralStorageView>;
    /// ListTagsForResource, with the instance's credentials: tags of a task or a container instance, by ARN.
    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CallError>;
    /// The container instance that the agent is.
    async fn instance(&self) -> InstanceView;
    /// Every task that the agent knows, also the stopped ones that it has not forgotten.
    async fn tasks(&self) -> Vec<TaskView>;
    /// GetTaskProtection for this task, as the task.
    async fn protection(&self, task_arn: &str) -> Result<ProtectionAnswer, CallError>;
    /// UpdateTaskProtection for this task, as the task. Without `expires_in_minutes` ECS takes its default.
    async fn protect(
        &self,
        task_arn: &str,
        enabled: bool,
        expires_in_minutes: Option<i32>,
    ) -> Result<ProtectionAnswer, CallError>;
}

/// A container with its task.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The task.
    pub task: TaskView,
    /// Which of [`TaskView::containers`] it is.
    pub index: usize,
}

/// What ECS answered about a task's protection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProtectionAnswer {
    /// One of `protectedTasks`.
    Protection(Protection),
    /// One of `failures`.
    Failure {
        /// `arn`.
        arn: Option<String>,
        /// `reason`: `TASK_NOT_VALID` …
        reason: Option<String>,
        /// `detail`.
        detail: Option<String>,
    },
}

/// A task's protection from scale-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// `taskArn`.
    pub task_arn: String,
    /// `protectionEnabled`.
    pub enabled: bool,
    /// `expirationDate`, in milliseconds since the epoch.
    pub expires_unix_ms: Option<i64>,
}

/// A call to the control plane that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// `AccessDeniedException` …; empty when no answer came.
    pub code: String,
    /// Its message, or why no answer came.
    pub message: String,
    /// The answer's HTTP status; `None` when no answer came.
    pub status: Option<u16>,
    /// `x-amzn-RequestId`.
    pub request_id: Option<String>,
}
