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
    let mut body = json!({ "__type": error.code, "message": error.message });
    for (name, value) in &error.members {
        body[*name] = value.clone();
    }
    Bytes::from(body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_the_members_of_its_shape() {
        let refusal = ApiError::new("ConflictException", 400, "taken").with_member("resourceIds", vec!["a"]);
        assert_eq!(
            error(&refusal),
            r#"{"__type":"ConflictException","message":"taken","resourceIds":["a"]}"#
        );
    }
}
