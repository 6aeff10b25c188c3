//! Account settings: what a principal, or a whole account, has chosen (Amazon ECS Developer Guide: account settings).

use crate::Scope;
use serde::{Deserialize, Serialize};

/// One choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSetting {
    /// Owner.
    pub scope: Scope,
    /// Whose choice it is: an ARN. The root user's holds for all who have not chosen themselves.
    pub principal_arn: String,
    /// As the API writes it.
    pub name: String,
    /// As the API writes it.
    pub value: String,
}

/// The setting that says what a container with a log driver and no `mode` does while nobody takes its lines.
pub const DEFAULT_LOG_DRIVER_MODE: &str = "defaultLogDriverMode";
/// A value of [`DEFAULT_LOG_DRIVER_MODE`]: it waits.
pub const BLOCKING: &str = "blocking";
/// A value of [`DEFAULT_LOG_DRIVER_MODE`], and AWS's own since June 2025: lines are dropped.
pub const NON_BLOCKING: &str = "non-blocking";
