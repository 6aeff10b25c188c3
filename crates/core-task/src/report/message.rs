//! What an agent says of a task: SubmitTaskStateChange without its wire shape.

use model::task::{AttachmentStatus, ContainerStatus, NetworkBinding};
use model::{AttachmentId, ContainerName, Timestamp};
use serde::{Deserialize, Serialize};

/// One report. Everything in it is optional but the containers' names and states, as on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The task's status; absent when only attachments are reported.
    pub status: Option<ReportedStatus>,
    /// Why the task as a whole failed; empty is absent.
    pub reason: Option<String>,
    /// The containers that have something new to say.
    pub containers: Vec<ContainerReport>,
    /// Attachments that the agent has seen.
    pub attachments: Vec<(AttachmentId, AttachmentStatus)>,
    /// The first pull began.
    pub pull_started_at: Option<Timestamp>,
    /// The last pull ended.
    pub pull_stopped_at: Option<Timestamp>,
    /// The last container exited.
    pub execution_stopped_at: Option<Timestamp>,
}

/// The three statuses that agents know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ReportedStatus {
    /// Anything before RUNNING.
    Pending,
    /// All of its long-running containers run.
    Running,
    /// All of its containers are over.
    Stopped,
}

impl ReportedStatus {
    /// As the protocol writes it; agents send other words for what comes before RUNNING.
    pub fn parse(text: &str) -> Self {
        match text {
            "RUNNING" => Self::Running,
            "STOPPED" => Self::Stopped,
            _ => Self::Pending,
        }
    }

    /// As the protocol writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
        }
    }
}

impl From<ReportedStatus> for ContainerStatus {
    fn from(status: ReportedStatus) -> Self {
        match status {
            ReportedStatus::Pending => Self::Pending,
            ReportedStatus::Running => Self::Running,
            ReportedStatus::Stopped => Self::Stopped,
        }
    }
}

/// What an agent says of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerReport {
    /// Its name in the definition.
    pub name: ContainerName,
    /// Where it is.
    pub status: ReportedStatus,
    /// Once it has exited.
    pub exit_code: Option<i32>,
    /// `ErrorName: text`; empty is absent.
    pub reason: Option<String>,
    /// The runtime's id.
    pub runtime_id: Option<String>,
    /// Digest of the image's manifest.
    pub image_digest: Option<String>,
    /// Ports of the host that lead to it; none is no news.
    pub network_bindings: Vec<NetworkBinding>,
}
