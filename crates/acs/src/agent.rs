//! ACS, agent to control plane.

use crate::TaskIdentifier;
use serde::{Deserialize, Serialize};

crate::frame::messages! {
    /// What an agent says on ACS.
    pub enum AgentMessage {
        /// The heartbeat arrived.
        HeartbeatAck(HeartbeatAckRequest) = "HeartbeatAckRequest",
        /// The message was accepted.
        Ack(AckRequest) = "AckRequest",
        /// The message was refused.
        Nack(NackRequest) = "NackRequest",
        /// The credentials were accepted.
        IamRoleCredentialsAck(IamRoleCredentialsAckRequest) = "IAMRoleCredentialsAckRequest",
        /// Tasks that a manifest did not list as RUNNING.
        TaskStopVerification(TaskStopVerificationMessage) = "TaskStopVerificationMessage",
    }
}

/// The heartbeat with this id arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatAckRequest {
    /// The heartbeat's.
    #[serde(default)]
    pub message_id: String,
}

/// The message with this id was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AckRequest {
    /// The message's `clusterArn`.
    #[serde(default)]
    pub cluster: String,
    /// The message's `containerInstanceArn`.
    #[serde(default)]
    pub container_instance: String,
    /// The message's.
    pub message_id: String,
}

/// The message with this id was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NackRequest {
    /// The message's `clusterArn`.
    #[serde(default)]
    pub cluster: String,
    /// The message's `containerInstanceArn`.
    #[serde(default)]
    pub container_instance: String,
    /// The message's.
    pub message_id: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// A set of credentials was accepted: one of these for each set, also for those inside a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IamRoleCredentialsAckRequest {
    /// The message that carried them.
    pub message_id: String,
    /// Which set.
    #[serde(default)]
    pub credentials_id: String,
    /// As it was sent.
    #[serde(default)]
    pub expiration: String,
}

/// Tasks that the agent has and that the manifest did not list as RUNNING: are they to stop?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskStopVerificationMessage {
    /// The manifest's id.
    pub message_id: String,
    /// The tasks in question.
    #[serde(default)]
    pub stop_candidates: Vec<TaskIdentifier>,
}
