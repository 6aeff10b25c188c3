//! The error that every operation gives: a public half that AWS's shapes carry and an internal half for the log.

use serde_json::Value;
use std::fmt;

/// Longest message, in bytes. A longer one repeats something long, which is nobody's to read.
const MESSAGE_BYTES_MAX: usize = 3072;
/// So much of the end of a longer one is kept: what is wrong comes before or after what is repeated.
const MESSAGE_END_BYTES: usize = 1024;
/// What stands for the rest.
const LEFT_OUT: &str = " … ";

/// A text that repeats what a caller sent, without the middle when it is too long for an answer.
pub fn shortened(text: &str) -> String {
    if text.len() <= MESSAGE_BYTES_MAX {
        return text.to_owned();
    }
    let head = text.floor_char_boundary(MESSAGE_BYTES_MAX - MESSAGE_END_BYTES - LEFT_OUT.len());
    let end = text.ceil_char_boundary(text.len() - MESSAGE_END_BYTES);
    format!("{}{LEFT_OUT}{}", &text[..head], &text[end..])
}

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
    /// An error without an internal half. A message that is too long for an answer is shortened.
    pub fn new(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > MESSAGE_BYTES_MAX {
            message = shortened(&message);
        }
        Self { code, status, message, members: Vec::new(), internal: None }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_repeats_much_keeps_its_beginning_and_its_end() {
        for filler in ["x", "ä", "😀"] {
            let long = filler.repeat(1 << 20);
            let message = ApiError::new("E", 400, format!("The name '{long}' is invalid.")).message;
            assert!(message.len() <= MESSAGE_BYTES_MAX, "{}", message.len());
            assert!(message.starts_with("The name '") && message.ends_with("' is invalid."), "{message}");
        }
        let fits = "x".repeat(MESSAGE_BYTES_MAX);
        assert_eq!(ApiError::new("E", 400, fits.clone()).message, fits);
        assert_eq!(shortened(&fits), fits);
    }
}
