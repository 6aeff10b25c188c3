//! Task protection from inside a task (AWS: "Amazon ECS task scale-in protection endpoint").

use super::rfc3339_if;
use crate::{CallError, ProtectionAnswer};
use serde::{Deserialize, Serialize};

/// The body of a PUT. The agent reads names in either case of their first letter, and refuses others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct ProtectionRequest {
    #[serde(default, alias = "protectionEnabled")]
    pub(crate) protection_enabled: Option<bool>,
    #[serde(default, alias = "expiresInMinutes")]
    pub(crate) expires_in_minutes: Option<i32>,
}

/// The answer to GET and PUT.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProtectionJson {
    #[serde(rename = "requestID", skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protection: Option<Protection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refusal>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Protection {
    expiration_date: Option<String>,
    protection_enabled: bool,
    task_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failure {
    arn: Option<String>,
    detail: Option<String>,
    reason: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    #[serde(skip_serializing_if = "String::is_empty")]
    arn: String,
    code: String,
    message: String,
}

impl From<ProtectionAnswer> for ProtectionJson {
    fn from(answer: ProtectionAnswer) -> Self {
        match answer {
            ProtectionAnswer::Protection(protection) => Self {
                protection: Some(Protection {
                    expiration_date: rfc3339_if(protection.expires_unix_ms),
                    protection_enabled: protection.enabled,
                    task_arn: protection.task_arn,
                }),
                ..Self::default()
            },
            ProtectionAnswer::Failure { arn, reason, detail } => {
                Self { failure: Some(Failure { arn, detail, reason }), ..Self::default() }
            }
        }
    }
}

impl ProtectionJson {
    /// The control plane refused, or did not answer.
    pub(crate) fn refused(task_arn: &str, error: CallError) -> Self {
        let json = Self::error(task_arn, &error.code, &error.message);
        Self { request_id: error.request_id, ..json }
    }

    /// The agent refuses.
    pub(crate) fn error(task_arn: &str, code: &str, message: &str) -> Self {
        let error = Refusal { arn: task_arn.to_owned(), code: code.to_owned(), message: message.to_owned() };
        Self { error: Some(error), ..Self::default() }
    }
}
