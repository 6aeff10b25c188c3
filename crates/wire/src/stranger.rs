//! Requests for AWS services that Wharf does not serve: refused by name, in the form that the clients of that service read.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use crate::{ApiError, SERVICES, cbor, json, xml};

/// The service's name in the credential scope of a request that may or may not be validly signed.
pub fn signing_name(parts: &Parts) -> Option<&str> {
    let authorization = parts.headers.get("authorization")?.to_str().ok()?;
    let credential = authorization.split_once("Credential=")?.1.split(',').next()?;
    credential.split('/').rev().nth(1)
}

/// The error for a service that is signed for but not served; `None` when the request names none, or one that is.
pub fn refusal(parts: &Parts) -> Option<ApiError> {
    let name = signing_name(parts).filter(|name| is_plain(name))?;
    let is_served = SERVICES.iter().any(|service| service.signing_name == name);
    let text = || format!("Wharf does not serve the {name} API yet. See docs/coverage.");
    (!is_served).then(|| ApiError::new("UnsupportedOperation", 400, text()))
}

/// The error as the clients of the service expect it, with its content type.
pub fn body(parts: &Parts, error: &ApiError, request_id: &str) -> (&'static str, Bytes) {
    if parts.headers.get("smithy-protocol").is_some_and(|protocol| protocol == cbor::PROTOCOL) {
        return (cbor::CONTENT_TYPE, cbor::error(error.code, error));
    }
    let is_form = parts.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(FORM));
    match signing_name(parts) {
        Some("ec2") => ("text/xml", xml::ec2_error(error, request_id)),
        Some("s3") => ("application/xml", xml::rest_error(error, request_id)),
        _ if is_form => ("text/xml", xml::error(error, "", request_id)),
        _ => ("application/x-amz-json-1.1", json::error(error.code, error)),
    }
}

const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// AWS's signing names are short and plain; anything else is not repeated in an answer.
fn is_plain(name: &str) -> bool {
    name.len() <= 40 && !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
