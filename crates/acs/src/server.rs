//! ACS, control plane to agent.

use crate::payload::{DesiredStatus, Task};
use crate::{ElasticNetworkInterface, IamRoleCredentialsMessage};
use serde::{Deserialize, Serialize};

crate::frame::messages! {
    /// What the control plane says on ACS.
    pub enum ServerMessage {
        /// Proof of life; answered at once.
        Heartbeat(HeartbeatMessage) = "HeartbeatMessage",
        /// Tasks to start and to stop.
        Payload(PayloadMessage) = "PayloadMessage",
        /// Credentials to replace a task's.
        IamRoleCredentials(IamRoleCredentialsMessage) = "IAMRoleCredentialsMessage",
        /// An interface is on its way to the host.
        AttachTaskNetworkInterfaces(AttachTaskNetworkInterfacesMessage) = "AttachTaskNetworkInterfacesMessage",
        /// A resource is on its way to the host.
        ConfirmAttachment(ConfirmAttachmentMessage) = "ConfirmAttachmentMessage",
        /// Every task that the instance should have.
        TaskManifest(TaskManifestMessage) = "TaskManifestMessage",
        /// Which of the agent's stop candidates are to stop.
        TaskStopVerificationAck(TaskStopVerificationAck) = "TaskStopVerificationAck",
        /// The link is about to close.
        Close(CloseMessage) = "CloseMessage",
        /// Something went wrong; the agent only logs it.
        Error(ErrorMessage) = "ErrorMessage",
    }
}

/// Answered with a `HeartbeatAckRequest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatMessage {
    /// Always true.
    #[serde(default)]
    pub healthy: bool,
    /// Echoed in the answer. Absent on TCS.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message_id: String,
}

/// Answered with an `AckRequest` once every task was accepted. A task may come again, on a new link even after the
/// agent has reported its end; so an agent remembers for a while which tasks it has finished.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PayloadMessage {
    /// Echoed in the answer.
    pub message_id: String,
    /// The instance's cluster, echoed in the answer.
    pub cluster_arn: String,
    /// The instance, echoed in the answer.
    pub container_instance_arn: String,
    /// Increasing; the agent keeps the highest of it and of the manifests' timelines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq_num: Option<i64>,
    /// Milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_at: Option<i64>,
    /// Tasks to start and to stop. Those to stop are applied first.
    #[serde(default)]
    pub tasks: Vec<Task>,
}

/// Answered with an `AckRequest` at once, and with the attachment's report later.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachTaskNetworkInterfacesMessage {
    /// Echoed in the answer.
    pub message_id: String,
    /// The instance's cluster.
    pub cluster_arn: String,
    /// The instance.
    pub container_instance_arn: String,
    /// The task.
    pub task_arn: String,
    /// The task's cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task_cluster_arn: String,
    /// How long the interface may take to appear.
    pub wait_timeout_ms: i64,
    /// At least one.
    pub elastic_network_interfaces: Vec<ElasticNetworkInterface>,
}

/// Answered with an `AckRequest`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfirmAttachmentMessage {
    /// Echoed in the answer.
    pub message_id: String,
    /// The instance's cluster.
    pub cluster_arn: String,
    /// The instance.
    pub container_instance_arn: String,
    /// What is attached.
    pub attachment: Attachment,
    /// The task.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task_arn: String,
    /// The task's cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task_cluster_arn: String,
    /// 0 is five minutes.
    #[serde(default)]
    pub wait_timeout_ms: i64,
}

/// A resource attached to a task or an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// Its ARN.
    pub attachment_arn: String,
    /// `amazonebs`, `serviceconnectdetail` …
    pub attachment_type: String,
    /// By name.
    #[serde(default)]
    pub attachment_properties: Vec<Property>,
}

/// A property of an attachment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// Not empty.
    pub name: String,
    /// Not empty.
    pub value: String,
}

/// Every task that the instance should have. The agent stops nothing by itself: it asks with a
/// `TaskStopVerificationMessage` about the tasks that it has and that are not listed as RUNNING.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskManifestMessage {
    /// Echoed in the answers.
    pub message_id: String,
    /// Increasing over the instance's whole life: an agent drops a manifest that is not newer than the last it saw.
    pub timeline: i64,
    /// The instance's cluster.
    pub cluster_arn: String,
    /// The instance.
    pub container_instance_arn: String,
    /// Milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_at: Option<i64>,
    /// The tasks.
    #[serde(default)]
    pub tasks: Vec<TaskIdentifier>,
}

/// A task and what is wanted of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskIdentifier {
    /// The task.
    pub task_arn: String,
    /// Its cluster.
    #[serde(default)]
    pub task_cluster_arn: String,
    /// What is wanted of it.
    pub desired_status: DesiredStatus,
}

/// The tasks among the agent's candidates that it is to stop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskStopVerificationAck {
    /// The manifest's id.
    pub message_id: String,
    /// Milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_at: Option<i64>,
    /// Stop these.
    #[serde(default)]
    pub stop_tasks: Vec<TaskIdentifier>,
}

/// The link is about to close.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseMessage {
    /// Why.
    #[serde(default)]
    pub message: String,
}

/// Something went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorMessage {
    /// What.
    #[serde(default)]
    pub message: String,
}
