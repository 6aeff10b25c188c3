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

/// The body of a failure, whose shape is called `name`.
pub fn error(name: &str, error: &ApiError) -> Bytes {
    Bytes::from(failure(name, error).to_string())
}

/// What the body of a failure holds.
pub(crate) fn failure(name: &str, error: &ApiError) -> Value {
    let mut body = json!({ "__type": name, "message": error.message });
    for (name, value) in &error.members {
        body[*name] = value.clone();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_the_members_of_its_shape() {
        let refusal = ApiError::new("ConflictException", 400, "taken").with_member("resourceIds", vec!["a"]);
        assert_eq!(
            error(refusal.code, &refusal),
            r#"{"__type":"ConflictException","message":"taken","resourceIds":["a"]}"#
        );
    }
}
