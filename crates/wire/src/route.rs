//! Which operation of which service a request means.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;

use crate::error::{serialization_exception, unknown_operation};
use crate::query::Form;
use crate::service::{Operation, Protocol, Service};
use crate::{ApiError, SERVICES, cbor, stranger};

/// A request's target. Whether it is implemented is decided after the signature is verified.
#[derive(Debug)]
pub struct Route {
    /// The service.
    pub service: &'static Service,
    /// Which of the service's protocols the request is written in.
    pub protocol: &'static Protocol,
    /// The operation as the request names it.
    pub operation: String,
    /// The form of a query request.
    pub form: Option<Form>,
}

impl Route {
    /// Reads the target from the path, from `X-Amz-Target`, or from a form's `Action` and `Version`.
    pub fn find(parts: &Parts, body: &[u8]) -> Result<Self, ApiError> {
        if let Some(protocol) = parts.headers.get("smithy-protocol") {
            return Self::of_path(parts, protocol);
        }
        if let Some(target) = parts.headers.get("x-amz-target") {
            let target = target.to_str().unwrap_or_default();
            let (prefix, operation) = target.rsplit_once('.').unwrap_or(("", target));
            let is_target = |protocol: &Protocol| match protocol {
                Protocol::Json { target_prefix, .. } => *target_prefix == prefix,
                Protocol::Cbor { .. } | Protocol::Query { .. } => false,
            };
            let (service, protocol) = find(|_| true, is_target).ok_or_else(|| unknown(parts, target))?;
            return Ok(Self { service, protocol, operation: operation.to_owned(), form: None });
        }
        let form = Self::form(parts, body)?;
        let (action, version) =
            (form.get("Action").unwrap_or_default(), form.get("Version").unwrap_or_default());
        let named = stranger::signing_name(parts);
        let is_meant = |service: &Service| {
            named.is_none_or(|name| name == service.signing_name) && service.api_version == version
        };
        let found = find(is_meant, |protocol| matches!(protocol, Protocol::Query { .. }));
        let (service, protocol) =
            found.filter(|_| !action.is_empty()).ok_or_else(|| unknown(parts, action))?;
        Ok(Self { service, protocol, operation: action.to_owned(), form: Some(form) })
    }

    /// The target of Smithy RPC v2.
    fn of_path(parts: &Parts, protocol: &HeaderValue) -> Result<Self, ApiError> {
        if protocol != cbor::PROTOCOL {
            return Err(serialization_exception("The header Smithy-Protocol must be rpc-v2-cbor."));
        }
        // The specification's rule: a request that names two operations could mean another one to whoever filters it.
        if ["x-amz-target", "x-amzn-target"].iter().any(|name| parts.headers.contains_key(*name)) {
            return Err(serialization_exception(
                "A request of Smithy RPC v2 must not have the header X-Amz-Target.",
            ));
        }
        let path = parts.uri.path();
        let mut segments = path.rsplit('/');
        let [operation, "operation", target, "service"] =
            std::array::from_fn(|_| segments.next().unwrap_or_default())
        else {
            return Err(unknown_operation(path));
        };
        let is_target = |protocol: &Protocol| match protocol {
            Protocol::Cbor { name, namespace } => {
                target.strip_prefix(namespace).and_then(|rest| rest.strip_prefix('.')).unwrap_or(target)
                    == *name
            }
            _ => false,
        };
        let (service, protocol) =
            find(|_| true, is_target).ok_or_else(|| unknown(parts, &format!("{target}.{operation}")))?;
        Ok(Self { service, protocol, operation: operation.to_owned(), form: None })
    }

    fn form(parts: &Parts, body: &[u8]) -> Result<Form, ApiError> {
        let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        match content_type {
            Some(kind) if kind.starts_with("application/x-www-form-urlencoded") => Form::parse(body),
            _ => Form::parse(parts.uri.query().unwrap_or_default().as_bytes()),
        }
    }

    /// The operation's table entry, or the error that names what is missing.
    pub fn operation(&self) -> Result<&'static Operation, ApiError> {
        let Self { service, operation: name, .. } = self;
        if let Some(operation) = service.operation(name) {
            return Ok(operation);
        }
        if service.missing.contains(&name.as_str()) {
            return Err(service.unsupported_operation(name));
        }
        if !service.has_query_codes() {
            return Err(unknown_operation(name));
        }
        let message = format!("Could not find operation {name} for version {}", service.api_version);
        Err(ApiError::new("InvalidAction", 400, message))
    }
}

/// The first service, with its protocol, for which both hold.
fn find(
    is_service: impl Fn(&Service) -> bool,
    is_protocol: impl Fn(&Protocol) -> bool,
) -> Option<(&'static Service, &'static Protocol)> {
    SERVICES.iter().filter(|service| is_service(service)).find_map(|service| {
        let protocol = service.protocols.iter().find(|protocol| is_protocol(protocol))?;
        Some((*service, protocol))
    })
}

/// A service that is not served, or an operation that none has.
fn unknown(parts: &Parts, operation: &str) -> ApiError {
    stranger::refusal(parts).unwrap_or_else(|| unknown_operation(operation))
}
