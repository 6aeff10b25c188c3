//! What a control plane sends, read as the official agent reads it: every member has one JSON type, and one wrong type
//! anywhere discards the whole frame. `null` is absent, as in Go.
//!
//! In one thing it is stricter: a member that the official agent does not know is an error here, because it would be
//! ignored there.

mod check;
mod docker;
mod task;

pub use docker::{Config, HostConfig};
pub use task::{
    Association, Container, Dependency, DockerConfig, DockerVolume, Host, MountPoint, NetworkInterface,
    PortMapping, PrivateAddress, RestartPolicy, RoleCredentials, Task, Volume, VolumeFrom,
};

use serde::Deserialize;
use serde_json::Value;

/// A frame of ACS from a control plane.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerMessage {
    /// `HeartbeatMessage`.
    Heartbeat(Heartbeat),
    /// `PayloadMessage`.
    Payload(Box<Payload>),
    /// `IAMRoleCredentialsMessage`.
    Credentials(Credentials),
    /// `AttachTaskNetworkInterfacesMessage`.
    AttachInterfaces(AttachInterfaces),
    /// `ConfirmAttachmentMessage`.
    ConfirmAttachment(ConfirmAttachment),
    /// `TaskManifestMessage`.
    Manifest(Manifest),
    /// `TaskStopVerificationAck`.
    StopVerificationAck(StopVerificationAck),
    /// `StageUpdateMessage` or `PerformUpdateMessage`.
    Update(Update),
    /// `CloseMessage` or `ErrorMessage`, for which there is no handler.
    Notice(Notice),
}

#[derive(Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    message: Value,
}

impl ServerMessage {
    /// Reads a frame.
    ///
    /// # Errors
    /// Why the official agent would log and drop it.
    pub fn read(frame: &str) -> Result<Self, String> {
        let Frame { kind, message } = serde_json::from_str(frame).map_err(|e| e.to_string())?;
        let read = || -> Result<Option<Self>, serde_json::Error> {
            Ok(Some(match kind.as_str() {
                "HeartbeatMessage" => Self::Heartbeat(serde_json::from_value(message)?),
                "PayloadMessage" => Self::Payload(Box::new(serde_json::from_value(message)?)),
                "IAMRoleCredentialsMessage" => Self::Credentials(serde_json::from_value(message)?),
                "AttachTaskNetworkInterfacesMessage" => {
                    Self::AttachInterfaces(serde_json::from_value(message)?)
                }
                "ConfirmAttachmentMessage" => Self::ConfirmAttachment(serde_json::from_value(message)?),
                "TaskManifestMessage" => Self::Manifest(serde_json::from_value(message)?),
                "TaskStopVerificationAck" => Self::StopVerificationAck(serde_json::from_value(message)?),
                "StageUpdateMessage" | "PerformUpdateMessage" => {
                    Self::Update(serde_json::from_value(message)?)
                }
                "CloseMessage" | "ErrorMessage" => Self::Notice(serde_json::from_value(message)?),
                _ => return Ok(None),
            }))
        };
        read().map_err(|e| format!("{kind}: {e}"))?.ok_or_else(|| format!("unknown type {kind}"))
    }
}

/// Structures of optional members, as the official agent has them.
macro_rules! structures {
    ($($(#[$doc:meta])* pub struct $name:ident { $($(#[$member:meta])* $field:ident: $type:ty,)* })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
        #[allow(missing_docs)]
        pub struct $name { $($(#[$member])* pub $field: Option<$type>,)* }
    )+};
}
pub(crate) use structures;

structures! {
    /// Answered with `HeartbeatAckRequest`.
    pub struct Heartbeat { healthy: bool, message_id: String, }

    /// Tasks to start and to stop.
    pub struct Payload {
        message_id: String,
        cluster_arn: String,
        container_instance_arn: String,
        seq_num: i64,
        generated_at: i64,
        timeline: i64,
        tasks: Vec<Task>,
    }

    /// New credentials for a task.
    pub struct Credentials {
        message_id: String,
        task_arn: String,
        task_cluster_arn: String,
        role_type: String,
        role_credentials: RoleCredentials,
    }

    /// An interface is on its way.
    pub struct AttachInterfaces {
        message_id: String,
        cluster_arn: String,
        container_instance_arn: String,
        task_arn: String,
        task_cluster_arn: String,
        generated_at: i64,
        wait_timeout_ms: i64,
        elastic_network_interfaces: Vec<NetworkInterface>,
    }

    /// A resource is on its way.
    pub struct ConfirmAttachment {
        message_id: String,
        cluster_arn: String,
        container_instance_arn: String,
        task_arn: String,
        task_cluster_arn: String,
        generated_at: i64,
        wait_timeout_ms: i64,
        attachment: Attachment,
    }

    /// What is attached.
    pub struct Attachment {
        attachment_arn: String,
        attachment_type: String,
        attachment_properties: Vec<Property>,
    }

    /// A name and a value.
    pub struct Property { name: String, value: String, }

    /// The tasks that the instance should have.
    pub struct Manifest {
        message_id: String,
        timeline: i64,
        cluster_arn: String,
        container_instance_arn: String,
        generated_at: i64,
        tasks: Vec<TaskIdentifier>,
    }

    /// One of them.
    pub struct TaskIdentifier { task_arn: String, task_cluster_arn: String, desired_status: String, }

    /// The tasks to stop of those asked about.
    pub struct StopVerificationAck {
        message_id: String,
        generated_at: i64,
        stop_tasks: Vec<TaskIdentifier>,
    }

    /// An update of the agent.
    pub struct Update {
        message_id: String,
        cluster_arn: String,
        container_instance_arn: String,
        update_info: UpdateSource,
    }

    /// Where the update is.
    pub struct UpdateSource { location: String, signature: String, }

    /// Words.
    pub struct Notice { message: String, }
}
