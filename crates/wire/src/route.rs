//! Which operation of which service a request means.

use http::header::CONTENT_TYPE;
use http::request::Parts;

use crate::error::unknown_operation;
use crate::query::Form;
use crate::service::{Operation, Protocol, Service};
use crate::{ApiError, SERVICES, stranger};

/// A request's target. Whether it is implemented is decided after the signature is verified.
#[derive(Debug)]
pub struct Route {
    /// The service.
    pub service: &'static Service,
    /// The operation as the request names it.
    pub operation: String,
    /// The form of a query request.
    pub form: Option<Form>,
}

impl Route {
    /// Reads the target from `X-Amz-Target`, or from a form's `Action` and `Version`.
    pub fn find(parts: &Parts, body: &[u8]) -> Result<Self, ApiError> {
        if let Some(target) = parts.headers.get("x-amz-target") {
            let target = target.to_str().unwrap_or_default();
            let (prefix, operation) = target.rsplit_once('.').unwrap_or(("", target));
            let service = SERVICES.iter().find(|service| service.target_prefix() == Some(prefix));
            let service = service.ok_or_else(|| unknown(parts, target))?;
            return Ok(Self { service, operation: operation.to_owned(), form: None });
        }
        let form = Self::form(parts, body)?;
        let (action, version) =
            (form.get("Action").unwrap_or_default(), form.get("Version").unwrap_or_default());
        let named = stranger::signing_name(parts);
        let queries = SERVICES.iter().filter(|service| matches!(service.protocol, Protocol::Query { .. }));
        let mut services = queries.filter(|service| named.is_none_or(|name| name == service.signing_name));
        let service = services.find(|service| service.api_version == version);
        let service = service.filter(|_| !action.is_empty()).ok_or_else(|| unknown(parts, action))?;
        Ok(Self { service, operation: action.to_owned(), form: Some(form) })
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
        Err(match service.protocol {
            Protocol::Json { .. } => unknown_operation(name),
            Protocol::Query { .. } => ApiError::new(
                "InvalidAction",
                400,
                format!("Could not find operation {name} for version {}", service.api_version),
            ),
        })
    }
}

/// A service that is not served, or an operation that none has.
fn unknown(parts: &Parts, operation: &str) -> ApiError {
    stranger::refusal(parts).unwrap_or_else(|| unknown_operation(operation))
}
