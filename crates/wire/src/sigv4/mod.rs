//! AWS Signature Version 4: verifying on the door's side, signing on the client's.
//!
//! Pure: the time and the keys come in as arguments. The AWS page is "AWS Signature Version 4 for API requests".

mod canonical;
mod sign;
mod verify;

use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::{Digest, Sha256};

pub(crate) use canonical::encode;
pub use sign::{Credentials, sign};
pub use verify::{Rejection, Verified, verify};

pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The payload hash of a request whose body is not signed.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

type HmacSha256 = Hmac<Sha256>;

/// The part of a request that a signature covers.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The HTTP method in capitals.
    pub method: &'a str,
    /// The path as it is on the wire.
    pub path: &'a str,
    /// The query as it is on the wire, without the question mark.
    pub query: &'a str,
    /// The headers. HTTP/2 has no `host`; then `authority` stands for it.
    pub headers: &'a HeaderMap,
    /// The authority of the request's target, if it has one.
    pub authority: Option<&'a str>,
    /// SHA-256 of the body in lower-case hexadecimal digits: of what arrived, not of what a header claims.
    pub body_sha256: &'a str,
}

/// A secret and whose it is.
#[derive(Clone)]
pub struct Key {
    /// The secret access key.
    pub secret: String,
    /// The account of the key.
    pub account: model::AccountId,
}

/// The access keys that the door accepts.
pub trait Keys: Send + Sync {
    /// The key of an access key id.
    fn find(&self, id: &str) -> Option<Key>;
}

/// SHA-256 in lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn hmac(key: &[u8], message: &str) -> HmacSha256 {
    let mut mac = HmacSha256::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    mac
}

/// The signature before it is finished, so that a verifier can compare in constant time.
fn signature(secret: &str, date: &str, region: &str, service: &str, string_to_sign: &str) -> HmacSha256 {
    let bytes = |mac: HmacSha256| mac.finalize().into_bytes();
    let key = bytes(hmac(format!("AWS4{secret}").as_bytes(), date));
    let key = bytes(hmac(&key, region));
    let key = bytes(hmac(&key, service));
    let key = bytes(hmac(&key, "aws4_request"));
    hmac(&key, string_to_sign)
}

fn string_to_sign(timestamp: &str, scope: &str, canonical_request: &str) -> String {
    format!("{ALGORITHM}\n{timestamp}\n{scope}\n{}", sha256_hex(canonical_request.as_bytes()))
}
