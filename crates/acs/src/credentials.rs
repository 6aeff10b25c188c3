//! Credentials of tasks: what their containers, and the log driver on their behalf, sign with.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One set of keys. `credentials_id` stays the same for the task's life: containers hold it in their environment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleCredentials {
    /// Names the set; a new set with the same id replaces the old one.
    pub credentials_id: String,
    /// The role they act for.
    #[serde(default)]
    pub role_arn: String,
    /// Shown.
    pub access_key_id: String,
    /// Never logged.
    pub secret_access_key: String,
    /// Empty for a long-lived key.
    #[serde(default)]
    pub session_token: String,
    /// RFC 3339, echoed verbatim in the acknowledgement.
    #[serde(default)]
    pub expiration: String,
}

impl fmt::Debug for RoleCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleCredentials")
            .field("credentials_id", &self.credentials_id)
            .field("access_key_id", &self.access_key_id)
            .field("expiration", &self.expiration)
            .finish_non_exhaustive()
    }
}

/// What a set of credentials is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoleType {
    /// The containers' own calls.
    TaskApplication,
    /// Pulls, logs and secrets on the task's behalf.
    TaskExecution,
}

/// Fresh credentials for a task that the agent already has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IamRoleCredentialsMessage {
    /// Acknowledged with the same id.
    pub message_id: String,
    /// The task.
    pub task_arn: String,
    /// Its cluster.
    #[serde(default)]
    pub task_cluster_arn: String,
    /// Which of the task's two roles.
    pub role_type: RoleType,
    /// The set.
    pub role_credentials: RoleCredentials,
}
