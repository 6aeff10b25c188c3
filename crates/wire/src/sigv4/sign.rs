//! Signing a request with headers.

use hmac::Mac;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use model::Timestamp;

use super::{ALGORITHM, Request, canonical, signature, string_to_sign};
use crate::timestamp;

/// What a client signs with.
#[derive(Clone)]
pub struct Credentials {
    /// The access key id.
    pub access_key: String,
    /// The secret access key.
    pub secret_key: String,
    /// The session token of temporary credentials.
    pub session_token: Option<String>,
}

/// The headers to add to `request` so that it is signed: `x-amz-date`, `x-amz-security-token` if there is one, and
/// `authorization`. All headers of the request are covered, and its authority as `host`.
pub fn sign(
    request: &Request<'_>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
) -> HeaderMap {
    let timestamp = timestamp::to_basic(now);
    let date = &timestamp[..8];
    let mut headers = request.headers.clone();
    let mut added = HeaderMap::new();
    let mut add = |name: &'static str, value: &str| {
        // A token with control characters cannot be sent; the server then answers that it is missing.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value.clone());
            added.insert(HeaderName::from_static(name), value);
        }
    };
    add("x-amz-date", &timestamp);
    if let Some(token) = &credentials.session_token {
        add("x-amz-security-token", token);
    }
    let mut signed: Vec<&str> = headers.keys().map(HeaderName::as_str).chain(["host"]).collect();
    signed.sort_unstable();
    signed.dedup();
    let request = Request { headers: &headers, ..*request };
    let query = canonical::query(request.query, "");
    let canonical = canonical::request(&request, &query, &signed, request.body_sha256).unwrap_or_default();
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let to_sign = string_to_sign(&timestamp, &scope, &canonical);
    let mac = signature(&credentials.secret_key, date, region, service, &to_sign);
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={}",
        credentials.access_key,
        signed.join(";"),
        hex::encode(mac.finalize().into_bytes())
    );
    if let Ok(value) = HeaderValue::from_str(&authorization) {
        added.insert(AUTHORIZATION, value);
    }
    added
}
