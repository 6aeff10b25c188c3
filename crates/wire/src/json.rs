//! The bodies of JSON 1.0 and 1.1.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::ApiError;
use crate::error::serialization_exception;

/// Reads a request's body. An empty one is `{}`. serde_json bounds the depth at 128.
pub fn parse(body: &[u8]) -> Result<Value, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(body).map_err(|error| serialization_exception(error.to_string()))
}

/// The body of a failure.
pub fn error(error: &ApiError) -> Bytes {
    Bytes::from(json!({ "__type": error.code, "message": error.message }).to_string())
}
