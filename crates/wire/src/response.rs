//! Responses: the status and the headers that each protocol wants around a body.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};

use crate::service::{Protocol, Service};
use crate::{ApiError, cbor, json, stranger, xml};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
/// The code that the query protocol has for an error, for clients that matched on it when it was all there was.
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// An operation's output.
pub fn success(protocol: &Protocol, output: Bytes, request_id: &str) -> Response<Bytes> {
    respond(content_type(protocol), StatusCode::OK, output, request_id)
}

/// An error of a service.
pub fn failure(
    service: &Service,
    protocol: &Protocol,
    error: &ApiError,
    request_id: &str,
) -> Response<Bytes> {
    let name = service.error_name(error.code);
    let body = match protocol {
        Protocol::Cbor { namespace, .. } => cbor::error(&format!("{namespace}#{name}"), error),
        Protocol::Json { .. } => json::error(name, error),
        Protocol::Query { namespace } => xml::error(error, namespace, request_id),
    };
    let mut response = respond(content_type(protocol), status(error), body, request_id);
    if service.has_query_codes() && !matches!(protocol, Protocol::Query { .. }) {
        let header = HeaderValue::from_str(&format!("{};{}", error.code, error.side()));
        response.headers_mut().extend(header.ok().map(|value| (QUERY_ERROR, value)));
    }
    response
}

/// The error for a request that means no service of ours.
pub fn stranger(parts: &Parts, error: &ApiError, request_id: &str) -> Response<Bytes> {
    let (content_type, body) = stranger::body(parts, error, request_id);
    respond(content_type, status(error), body, request_id)
}

fn status(error: &ApiError) -> StatusCode {
    StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn content_type(protocol: &Protocol) -> &'static str {
    match protocol {
        Protocol::Cbor { .. } => cbor::CONTENT_TYPE,
        Protocol::Json { version: "1.0", .. } => "application/x-amz-json-1.0",
        Protocol::Json { .. } => "application/x-amz-json-1.1",
        Protocol::Query { .. } => "text/xml",
    }
}

fn respond(content_type: &'static str, status: StatusCode, body: Bytes, request_id: &str) -> Response<Bytes> {
    let is_cbor = content_type == cbor::CONTENT_TYPE;
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if is_cbor {
        response.headers_mut().insert(SMITHY_PROTOCOL, HeaderValue::from_static(cbor::PROTOCOL));
    }
    if !(is_cbor && response.body().is_empty()) {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
