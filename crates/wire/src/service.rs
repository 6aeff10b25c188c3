//! What the door knows of a service: its protocol and its operations by name.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::ApiError;
use crate::error::{internal_failure, serialization_exception};
use crate::event_stream::Messages;
use crate::schema::{EMPTY, Shape};

/// One AWS service.
#[derive(Debug)]
pub struct Service {
    /// The name of the module and of the page under `docs/coverage`.
    pub name: &'static str,
    /// The service's name in the scope of a signature, and in messages.
    pub signing_name: &'static str,
    /// The version of the API: `2014-11-13`.
    pub api_version: &'static str,
    /// How requests and answers are written; the first is the one that the service prefers.
    pub protocols: &'static [Protocol],
    /// The error code for a value that breaks a constraint of the model.
    pub invalid: &'static str,
    /// The error code for required members that are not there.
    pub absent: &'static str,
    /// The error code for a member that is not honoured.
    pub unsupported: &'static str,
    /// The implemented operations.
    pub operations: &'static [Operation],
    /// The operations of the model that are not implemented.
    pub missing: &'static [&'static str],
    /// Why some of them are not.
    pub reasons: &'static [(&'static str, &'static str)],
    /// The most bytes of a request as it is sent, compressed or not, for operations that take fewer than
    /// [`BODY_LIMIT`](crate::BODY_LIMIT).
    pub request_bytes_max: &'static [(&'static str, usize)],
    /// The names of errors' shapes by code, for a service with query codes that also speaks a protocol with names.
    pub error_names: &'static [(&'static str, &'static str)],
}

/// One way to write requests and answers. EC2 query and REST-JSON will be further variants.
#[derive(Debug)]
pub enum Protocol {
    /// CBOR over POST, the operation in the path (Smithy RPC v2): `/service/<name>/operation/<operation>`.
    Cbor {
        /// The service's name in the Smithy model.
        name: &'static str,
        /// The namespace of the Smithy model, for names that must be absolute: `com.amazonaws.cloudwatch`.
        namespace: &'static str,
    },
    /// JSON over POST, the operation in `X-Amz-Target: <prefix>.<operation>`.
    Json {
        /// `1.0` or `1.1`.
        version: &'static str,
        /// What precedes the operation's name.
        target_prefix: &'static str,
    },
    /// A form over POST, the operation in its field `Action`; answers are XML.
    Query {
        /// The XML namespace of the answers.
        namespace: &'static str,
    },
}

/// One implemented operation.
#[derive(Debug)]
pub struct Operation {
    /// AWS's name.
    pub name: &'static str,
    /// The shape of the input.
    pub input: &'static Shape,
    /// The shape of the output; JSON does not need it.
    pub output: &'static Shape,
}

/// An operation's answer, written.
pub enum Reply {
    /// One output.
    Whole(Bytes),
    /// A stream of events.
    Events(Messages),
}

/// What the generated code needs to write an answer.
pub enum Encoding<'a> {
    /// The output by its shape.
    Cbor,
    /// The output as it is.
    Json,
    /// The output inside of the envelope of the query protocol.
    Query {
        /// The XML namespace.
        namespace: &'a str,
        /// The request's id, which the envelope repeats.
        request_id: &'a str,
    },
}

impl Encoding<'_> {
    /// Writes an output.
    pub fn encode<T: Serialize>(&self, operation: &Operation, output: &T) -> Result<Reply, ApiError> {
        let bytes = match self {
            // An operation without an output answers without a body.
            Self::Cbor if std::ptr::eq(operation.output, &EMPTY) => Bytes::new(),
            Self::Cbor => {
                let value = serde_json::to_value(output).map_err(internal_failure)?;
                crate::cbor::encode(operation.output, &value)
            }
            Self::Json => serde_json::to_vec(output).map(Bytes::from).map_err(internal_failure)?,
            Self::Query { namespace, request_id } => {
                let value = serde_json::to_value(output).map_err(internal_failure)?;
                crate::xml::response(operation, namespace, request_id, &value)
            }
        };
        Ok(Reply::Whole(bytes))
    }
}

/// Reads a checked input into its type. What still fails here is a form that no check knows, such as a null in a list.
pub fn decode<T: DeserializeOwned>(input: Value) -> Result<T, ApiError> {
    serde_json::from_value(input).map_err(|error| serialization_exception(error.to_string()))
}

impl Service {
    /// What precedes the operation in `X-Amz-Target`.
    pub fn target_prefix(&self) -> Option<&'static str> {
        self.protocols.iter().find_map(|protocol| match protocol {
            Protocol::Json { target_prefix, .. } => Some(*target_prefix),
            Protocol::Cbor { .. } | Protocol::Query { .. } => None,
        })
    }

    /// The protocol that the service prefers.
    ///
    /// # Panics
    /// Without any: every generated table has one.
    pub fn first_protocol(&self) -> &'static Protocol {
        self.protocols.first().expect("every service has a protocol")
    }

    /// Whether its errors have the codes of the query protocol: it speaks it, or once spoke nothing else.
    pub fn has_query_codes(&self) -> bool {
        self.protocols.iter().any(|protocol| matches!(protocol, Protocol::Query { .. }))
    }

    /// The name of the shape of errors with this code.
    pub fn error_name(&self, code: &'static str) -> &'static str {
        self.error_names.iter().find(|(of, _)| *of == code).map_or(code, |(_, name)| name)
    }

    /// The error for an operation that AWS has and Wharf does not.
    pub fn unsupported_operation(&self, operation: &str) -> ApiError {
        let code =
            if self.has_query_codes() { "UnsupportedOperation" } else { "UnsupportedOperationException" };
        let name = self.name;
        let message = match self.reasons.iter().find(|(of, _)| *of == operation) {
            Some((_, reason)) => format!("Wharf does not implement {name}:{operation}: {reason}."),
            None => format!("Wharf does not implement {name}:{operation} yet. See docs/coverage/{name}.md."),
        };
        ApiError::new(code, 400, message)
    }

    /// Refuses a request of so many bytes when the operation takes fewer.
    ///
    /// # Errors
    /// As CloudWatch has it, the one service with such a limit of its own.
    pub fn check_size(&self, operation: &Operation, bytes: usize) -> Result<(), ApiError> {
        match self.request_bytes_max.iter().find(|(of, _)| *of == operation.name) {
            Some((_, most)) if bytes > *most => {
                let message = format!("Request size {bytes} exceeded {most} bytes");
                Err(ApiError::new("RequestEntityTooLarge", 413, message))
            }
            _ => Ok(()),
        }
    }

    /// The table entry of an implemented operation.
    pub fn operation(&self, name: &str) -> Option<&'static Operation> {
        self.operations.iter().find(|operation| operation.name == name)
    }
}
