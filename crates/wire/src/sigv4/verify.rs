//! Verifying a signature.

use std::collections::BTreeMap;

use hmac::Mac;
use model::{AccountId, Timestamp};

use super::{ALGORITHM, Keys, Request, UNSIGNED_PAYLOAD, canonical, signature, string_to_sign};
use crate::timestamp;

/// How far the client's clock may be off, in milliseconds.
const SKEW_MS: i64 = 5 * 60 * 1000;
/// The longest life of a presigned request, in seconds.
const EXPIRES_MAX_S: i64 = 7 * 24 * 3600;
/// These decide what a request does, so a signature that leaves them out does not cover the request.
const ALWAYS_SIGNED: [&str; 3] = ["x-amz-date", "x-amz-target", "x-amz-security-token"];

/// What a valid signature proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The access key id that signed.
    pub access_key: String,
    /// Its account.
    pub account: AccountId,
    /// The region in the signature's scope.
    pub region: String,
    /// The service in the signature's scope.
    pub service: String,
}

/// Why a request is not accepted. The text is AWS's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Nothing is signed.
    #[error("Missing Authentication Token")]
    Missing,
    /// Parts of the signature are missing or malformed.
    #[error("{0}")]
    Incomplete(String),
    /// Nobody has this access key.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The signature is too old, too new, or for something else.
    #[error("{0}")]
    Invalid(String),
    /// The signature is not that of this request.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details."
    )]
    Mismatch {
        /// What the signature should have covered; for the log.
        canonical_request: String,
    },
}

/// A signature as the request carries it.
struct Claim<'a> {
    credential: String,
    signed_headers: String,
    signature: String,
    timestamp: String,
    query: String,
    /// Seconds that a presigned request lives.
    expires_s: Option<i64>,
    source: &'a str,
}

/// Checks the signature of `request` for `service` at `now`.
pub fn verify(
    request: &Request<'_>,
    service: &str,
    now: Timestamp,
    keys: &dyn Keys,
) -> Result<Verified, Rejection> {
    let claim = Claim::find(request)?;
    let mut scope = claim.credential.rsplitn(5, '/');
    let mut part = || scope.next().unwrap_or_default();
    let (terminator, scope_service, region, date, access_key) = (part(), part(), part(), part(), part());
    if access_key.is_empty() || region.is_empty() {
        return Err(Rejection::Incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{}'",
            claim.credential
        )));
    }
    if scope_service != service || terminator != "aws4_request" {
        return Err(Rejection::Invalid(format!(
            "Credential should be scoped to correct service: '{service}'. "
        )));
    }
    let signed = claim.signed_headers(request)?;
    claim.check_time(date, now)?;
    let key = keys.find(access_key).ok_or(Rejection::UnknownKey)?;
    let canonical_request = canonical::request(request, &claim.query, &signed, claim.payload(request))
        .ok_or_else(|| Rejection::Incomplete("A signed header is missing in the request.".to_owned()))?;
    let scope = format!("{date}/{region}/{service}/aws4_request");
    let to_sign = string_to_sign(&claim.timestamp, &scope, &canonical_request);
    let given = hex::decode(&claim.signature).unwrap_or_default();
    match signature(&key.secret, date, region, service, &to_sign).verify_slice(&given) {
        Ok(()) => Ok(Verified {
            access_key: access_key.to_owned(),
            account: key.account,
            region: region.to_owned(),
            service: service.to_owned(),
        }),
        Err(_) => Err(Rejection::Mismatch { canonical_request }),
    }
}

impl<'a> Claim<'a> {
    fn find(request: &Request<'a>) -> Result<Self, Rejection> {
        let header = |name| request.headers.get(name).map(|value| value.to_str().unwrap_or_default());
        if let Some(authorization) = header("authorization") {
            return Self::from_header(
                authorization,
                header("x-amz-date").or_else(|| header("date")),
                request,
            );
        }
        let query: BTreeMap<_, _> = canonical::pairs(request.query).collect();
        if query.contains_key("X-Amz-Signature") || query.contains_key("X-Amz-Algorithm") {
            return Self::from_query(|name| query.get(name).map(|value| value.to_string()), request);
        }
        Err(Rejection::Missing)
    }

    fn from_header(
        authorization: &'a str,
        date: Option<&str>,
        request: &Request<'_>,
    ) -> Result<Self, Rejection> {
        let Some(rest) = authorization.strip_prefix(ALGORITHM).filter(|rest| rest.starts_with([' ', ',']))
        else {
            return Err(Rejection::Incomplete(format!(
                "Authorization header must start with '{ALGORITHM}'. Authorization={}",
                first_word(authorization)
            )));
        };
        let fields: BTreeMap<&str, &str> = rest
            .split(',')
            .filter_map(|field| field.trim().split_once('='))
            .map(|(name, value)| (name.trim(), value.trim()))
            .collect();
        let mut missing: Vec<String> = ["Credential", "Signature", "SignedHeaders"]
            .into_iter()
            .filter(|name| !fields.contains_key(name))
            .map(|name| format!("Authorization header requires '{name}' parameter. "))
            .collect();
        if date.is_none() {
            missing.push(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
                    .to_owned(),
            );
        }
        if !missing.is_empty() {
            return Err(Rejection::Incomplete(format!("{}Authorization={ALGORITHM}", missing.concat())));
        }
        let field = |name| fields.get(name).copied().unwrap_or_default().to_owned();
        Ok(Self {
            credential: field("Credential"),
            signed_headers: field("SignedHeaders"),
            signature: field("Signature"),
            timestamp: date.unwrap_or_default().to_owned(),
            query: canonical::query(request.query, ""),
            expires_s: None,
            source: "Authorization header",
        })
    }

    fn from_query(get: impl Fn(&str) -> Option<String>, request: &Request<'_>) -> Result<Self, Rejection> {
        let field = |name: &str| {
            get(name).ok_or_else(|| {
                Rejection::Incomplete(format!("AWS query-string parameters must include '{name}'. "))
            })
        };
        if field("X-Amz-Algorithm")? != ALGORITHM {
            return Err(Rejection::Incomplete(format!("X-Amz-Algorithm must be '{ALGORITHM}'.")));
        }
        let expires = field("X-Amz-Expires")?;
        let expires_s = expires.parse().ok().filter(|seconds| (1..=EXPIRES_MAX_S).contains(seconds));
        let Some(expires_s) = expires_s else {
            return Err(Rejection::Incomplete(format!(
                "X-Amz-Expires must be between 1 and {EXPIRES_MAX_S} seconds, got '{expires}'."
            )));
        };
        Ok(Self {
            credential: field("X-Amz-Credential")?,
            signed_headers: field("X-Amz-SignedHeaders")?,
            signature: field("X-Amz-Signature")?,
            timestamp: field("X-Amz-Date")?,
            query: canonical::query(request.query, "X-Amz-Signature"),
            expires_s: Some(expires_s),
            source: "query string",
        })
    }

    /// The names of the signed headers, which must include those that say what the request does.
    fn signed_headers(&self, request: &Request<'_>) -> Result<Vec<&str>, Rejection> {
        let names: Vec<&str> = self.signed_headers.split(';').collect();
        let must = ALWAYS_SIGNED.into_iter().filter(|name| request.headers.contains_key(*name));
        match std::iter::once("host").chain(must).find(|name| !names.contains(name)) {
            Some("host") => Err(Rejection::Invalid(format!(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS {}.",
                self.source
            ))),
            Some(name) => Err(Rejection::Invalid(format!(
                "'{name}' must be a 'SignedHeader' in the AWS {}.",
                self.source
            ))),
            None => Ok(names),
        }
    }

    fn check_time(&self, date: &str, now: Timestamp) -> Result<(), Rejection> {
        let Some(signed_at) = timestamp::from_basic(&self.timestamp) else {
            return Err(Rejection::Incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
                self.timestamp
            )));
        };
        if !self.timestamp.starts_with(date) || date.len() != 8 {
            return Err(Rejection::Invalid(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{date}' != \
                 '{}', from '{}'.",
                &self.timestamp[..8],
                self.timestamp
            )));
        }
        let (signed, now_text) = (&self.timestamp, timestamp::to_basic(now));
        let life_ms = self.expires_s.map_or(SKEW_MS, |seconds| seconds * 1000);
        if now.millis_since(signed_at) > life_ms {
            let oldest = timestamp::to_basic(now.plus_millis(-life_ms));
            let life = self.expires_s.map_or("5 min".to_owned(), |seconds| format!("{seconds} s"));
            return Err(Rejection::Invalid(format!(
                "Signature expired: {signed} is now earlier than {oldest} ({now_text} - {life}.)"
            )));
        }
        if signed_at.millis_since(now) > SKEW_MS {
            let newest = timestamp::to_basic(now.plus_millis(SKEW_MS));
            return Err(Rejection::Invalid(format!(
                "Signature not yet current: {signed} is still later than {newest} ({now_text} + 5 min.)"
            )));
        }
        Ok(())
    }

    /// The payload hash to sign. What a header claims is not believed: a replaced body shows as a mismatch. Only S3
    /// takes unsigned bodies, so that claim is worth nothing either, except in a presigned request without a body.
    fn payload<'r>(&self, request: &Request<'r>) -> &'r str {
        let claimed =
            request.headers.get("x-amz-content-sha256").is_some_and(|value| value == UNSIGNED_PAYLOAD);
        let empty = request.body_sha256 == EMPTY_SHA256;
        if claimed && empty { UNSIGNED_PAYLOAD } else { request.body_sha256 }
    }
}

/// SHA-256 of nothing.
pub(super) const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}
