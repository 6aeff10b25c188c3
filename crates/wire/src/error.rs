//! The error that every operation gives: a public half that AWS's shapes carry and an internal half for the log.

use serde_json::Value;
use std::fmt;

/// A refusal or a failure. The constructors of the services are in `ecs::error` and so on; those that every AWS
/// service shares are in this module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The code that clients match on: `ClusterNotFoundException`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What the user reads.
    pub message: String,
    /// What the error's shape has besides, such as `resourceIds`. JSON protocols carry it.
    pub members: Vec<(&'static str, Value)>,
    /// What the operator reads in the log. It never leaves the process.
    pub internal: Option<String>,
}

impl ApiError {
    /// An error without an internal half.
    pub fn new(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into(), members: Vec::new(), internal: None }
    }

    /// Whose fault it is, in the words of the query protocol.
    pub fn side(&self) -> &'static str {
        if self.status >= 500 { "Receiver" } else { "Sender" }
    }

    /// The same error with one more member of its shape.
    #[must_use]
    pub fn with_member(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// The same error with a cause for the log.
    #[must_use]
    pub fn with_internal(mut self, cause: impl fmt::Display) -> Self {
        self.internal = Some(cause.to_string());
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

/// Something broke on our side. The caller learns nothing but the request id; the log has `cause`.
pub fn internal_failure(cause: impl fmt::Display) -> ApiError {
    ApiError::new("InternalFailure", 500, "The request processing has failed because of an unknown error.")
        .with_internal(cause)
}

/// A value breaks a constraint of the model, in the form of services without a code of their own for it.
pub fn validation_exception(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", 400, message)
}

/// The body is not what the protocol says.
pub fn serialization_exception(message: impl Into<String>) -> ApiError {
    ApiError::new("SerializationException", 400, message)
}

/// The caller may not do this.
pub fn access_denied(message: impl Into<String>) -> ApiError {
    ApiError::new("AccessDeniedException", 400, message)
}

/// No service has an operation of this name.
pub fn unknown_operation(name: &str) -> ApiError {
    ApiError::new("UnknownOperationException", 400, format!("Unknown operation: {name}"))
}

/// The body exceeds [`crate::BODY_LIMIT`].
pub fn request_too_large() -> ApiError {
    ApiError::new("RequestEntityTooLargeException", 413, "The request body is too large.")
}
