//! How an agent on another machine joins: what its token says, what it asks for with it, and what it gets.
//!
//! A token is made by `wharf join-token` on the server's machine. It carries the fingerprint of the server's authority, so
//! that the agent knows whom it talks to, and a secret, so that the server knows who asks. With it the agent gets an access
//! key of its own and the authority's certificate; it needs the token no more. docs/adr/0005-join.md says why it is so.

mod token;
mod tokens;

pub use token::JoinToken;
pub use tokens::{JoinTokens, KnownToken};

use anyhow::{Context, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Where a server answers to [`Request`], over TLS alone.
pub const PATH: &str = "/wharf/join";
/// The longest name of an agent: that of an IAM user, and of a host on Linux.
pub const NAME_CHARS_MAX: usize = 64;

/// Whether an agent may be called so: as an IAM user may (IAM API Reference: CreateUser).
pub fn is_name(text: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    (1..=NAME_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_allowed)
}

/// What an agent sends.
#[derive(Serialize, Deserialize)]
pub struct Request {
    /// The token's id.
    pub token: String,
    /// The token's secret.
    pub secret: String,
    /// What the agent's key is to be called.
    pub name: String,
}

/// What it gets.
#[derive(Serialize, Deserialize)]
pub struct Answer {
    /// Its key.
    pub access_key_id: String,
    /// The key's secret, which is never shown again.
    pub secret_access_key: String,
    /// Where its instance is registered.
    pub region: String,
    /// The authority's certificate, as PEM.
    pub authority: String,
}

/// Why it gets nothing, in plain English.
#[derive(Serialize, Deserialize)]
pub struct Refused {
    /// The sentence.
    pub message: String,
}

/// The SHA-256 of an authority's certificate in PEM.
///
/// # Errors
/// There is no certificate in it.
pub fn fingerprint(pem: &str) -> Result<[u8; 32]> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes());
    Ok(Sha256::digest(certificate.context("reading the certificate of the server's authority")?).into())
}
