//! From a signature to the caller, and from a rejected one to the error of the service's protocol.

use http::request::Parts;
use model::{Scope, Timestamp};

use crate::service::Service;
use crate::sigv4::{self, Keys, Rejection, Request};
use crate::{ApiError, Cx};

/// Verifies that `parts` are signed for `service` at `now`.
pub fn authenticate(
    parts: &Parts,
    body_sha256: &str,
    service: &Service,
    now: Timestamp,
    keys: &dyn Keys,
    request_id: &str,
) -> Result<Cx, ApiError> {
    let request = Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        authority: parts.uri.authority().map(|authority| authority.as_str()),
        body_sha256,
    };
    let verified = sigv4::verify(&request, service.signing_name, now, keys)
        .map_err(|rejection| error(&rejection, service))?;
    Ok(Cx {
        caller_arn: format!("arn:aws:iam::{}:root", verified.account),
        scope: Scope { account: verified.account, region: model::Region::from(verified.region) },
        access_key: verified.access_key,
        request_id: request_id.to_owned(),
        origin: origin(parts),
        user_agent: header(parts, "user-agent").unwrap_or_default().to_owned(),
    })
}

/// The signature covers the host, so a proxy that kept it valid kept the name that the caller used.
fn origin(parts: &Parts) -> String {
    let scheme = if header(parts, "x-forwarded-proto") == Some("https") { "https" } else { "http" };
    let authority = parts.uri.authority().map(|authority| authority.as_str());
    format!("{scheme}://{}", header(parts, "host").or(authority).unwrap_or_default())
}

fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

/// The same refusal has another code and another status in each family of protocols.
fn error(rejection: &Rejection, service: &Service) -> ApiError {
    let (json, query) = match rejection {
        Rejection::Missing => ("MissingAuthenticationTokenException", ("MissingAuthenticationToken", 403)),
        Rejection::Incomplete(_) => ("IncompleteSignatureException", ("IncompleteSignature", 400)),
        Rejection::UnknownKey => ("UnrecognizedClientException", ("InvalidClientTokenId", 403)),
        Rejection::Invalid(_) | Rejection::Mismatch { .. } => {
            ("InvalidSignatureException", ("SignatureDoesNotMatch", 403))
        }
    };
    let (code, status) = if service.has_query_codes() { query } else { (json, 400) };
    let error = ApiError::new(code, status, rejection.to_string());
    match rejection {
        Rejection::Mismatch { canonical_request } => error.with_internal(canonical_request),
        _ => error,
    }
}
