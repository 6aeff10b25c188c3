//! The connection of client commands: from the environment as any AWS SDK reads it, else from the data directory.

use super::Common;
use crate::data_dir::Endpoint;
use crate::endpoint::Authority;
use anyhow::{Context, Result};
use wire::client::{Client, Credentials};

/// Where to send requests, and as whom.
pub fn endpoint(common: &Common) -> Result<Endpoint> {
    if common.data_dir.is_none()
        && let Some(endpoint) = from_environment()?
    {
        return Ok(endpoint);
    }
    local_endpoint(common)
}

/// The Wharf of the data directory, in the environment's region.
pub fn local_endpoint(common: &Common) -> Result<Endpoint> {
    let mut endpoint = common.data_dir()?.endpoint()?;
    if let Some(region) = region_from_environment() {
        endpoint.region = region;
    }
    Ok(endpoint)
}

/// A client for the endpoint.
pub fn connect(common: &Common) -> Result<Client> {
    let endpoint = endpoint(common)?;
    let session_token = std::env::var("AWS_SESSION_TOKEN").ok().filter(|_| common.data_dir.is_none());
    endpoint.client_as(Credentials { session_token, ..endpoint.credentials() })
}

fn from_environment() -> Result<Option<Endpoint>> {
    let variables = ["AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let [Ok(url), Ok(access_key_id), Ok(secret_access_key)] = variables.map(std::env::var) else {
        return Ok(None);
    };
    Ok(Some(Endpoint {
        url,
        access_key_id,
        secret_access_key,
        region: region_from_environment().unwrap_or_else(|| "us-east-1".to_owned()),
        authority: bundle_from_environment()?,
        listens_on: None,
        joined_with: None,
    }))
}

/// As the AWS SDKs read it.
fn bundle_from_environment() -> Result<Option<Authority>> {
    let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let pem = std::fs::read_to_string(&path);
    let pem = pem.with_context(|| format!("reading AWS_CA_BUNDLE, {}", path.to_string_lossy()))?;
    Ok(Some(Authority::Bundle(pem)))
}

fn region_from_environment() -> Option<String> {
    std::env::var("AWS_REGION")
        .or_else(|_| std::env::var("AWS_DEFAULT_REGION"))
        .ok()
        .filter(|r| !r.is_empty())
}
