//! The connection of client commands: from the environment as any AWS SDK reads it, else from the data directory.

use super::Common;
use crate::clock::SystemClock;
use crate::data_dir::Endpoint;
use anyhow::{Context, Result};
use std::sync::Arc;
use wire::client::{Client, Credentials};

/// Where to send requests, and as whom.
pub fn endpoint(common: &Common) -> Result<Endpoint> {
    if common.data_dir.is_none()
        && let Some(endpoint) = from_environment()
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
    let credentials = Credentials {
        access_key: endpoint.access_key_id,
        secret_key: endpoint.secret_access_key,
        session_token: std::env::var("AWS_SESSION_TOKEN").ok().filter(|_| common.data_dir.is_none()),
    };
    Client::new(&endpoint.url, credentials, &endpoint.region, Arc::new(SystemClock))
        .with_context(|| format!("{} is no endpoint", endpoint.url))
}

fn from_environment() -> Option<Endpoint> {
    Some(Endpoint {
        url: std::env::var("AWS_ENDPOINT_URL").ok()?,
        access_key_id: std::env::var("AWS_ACCESS_KEY_ID").ok()?,
        secret_access_key: std::env::var("AWS_SECRET_ACCESS_KEY").ok()?,
        region: region_from_environment().unwrap_or_else(|| "us-east-1".to_owned()),
    })
}

fn region_from_environment() -> Option<String> {
    std::env::var("AWS_REGION")
        .or_else(|_| std::env::var("AWS_DEFAULT_REGION"))
        .ok()
        .filter(|r| !r.is_empty())
}
