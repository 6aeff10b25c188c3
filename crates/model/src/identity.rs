//! Access keys. Users, roles and policies come with IAM.

use crate::{AccessKeyId, AccountId, Timestamp};
use serde::{Deserialize, Serialize};

/// A key that signs requests as its account's administrator.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessKey {
    /// Shown.
    pub id: AccessKeyId,
    /// Never shown again, never logged.
    pub secret: String,
    /// The account that the key acts for.
    pub account: AccountId,
    /// When it was made.
    pub created_at: Timestamp,
    /// The name of the agent that got it when it joined from another machine.
    #[serde(default)]
    pub agent: Option<String>,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .field("account", &self.account)
            .field("agent", &self.agent)
            .finish_non_exhaustive()
    }
}
