//! How to reach a Wharf, and as whom.

use crate::clock::SystemClock;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::Arc;
use wire::client::{Client, Connector, Credentials, Trust};

/// What clients need to find and sign for a Wharf. `endpoint.json` in the data directory of one that was started there, or
/// that was joined from there; readable by its owner alone.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// `http://HOST:PORT` or `https://HOST:PORT`
    pub url: String,
    /// The first administrator's key; a joined agent's own.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// The region that `wharf env` exports.
    pub region: String,
    /// Whose certificate the server shows when the URL says `https`.
    #[serde(default)]
    pub authority: Option<Authority>,
    /// The server's own: the address it listens on.
    #[serde(default)]
    pub listens_on: Option<SocketAddr>,
    /// A joined agent's: the id of the token that it joined with.
    #[serde(default)]
    pub joined_with: Option<String>,
}

/// The authority of a server's certificate, as PEM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authority {
    /// A Wharf's own, whatever the address at which it is reached.
    Wharf(String),
    /// Those that a user trusts; the certificate has to be for the URL's host.
    Bundle(String),
}

impl Endpoint {
    /// Opens connections to it.
    ///
    /// # Errors
    /// The authority's certificate is unreadable.
    pub fn connector(&self) -> Result<Connector> {
        let trust = match &self.authority {
            None => Trust::Nobody,
            Some(Authority::Wharf(pem)) => Trust::Wharf(pem),
            Some(Authority::Bundle(pem)) => Trust::Authorities(pem),
        };
        Connector::new(trust, Arc::new(SystemClock))
            .context("reading the certificate of the server's authority")
    }

    /// Its key.
    pub fn credentials(&self) -> Credentials {
        Credentials {
            access_key: self.access_key_id.clone(),
            secret_key: self.secret_access_key.clone(),
            session_token: None,
        }
    }

    /// Signs with its key.
    ///
    /// # Errors
    /// The URL is none, or `https` without an authority.
    pub fn client(&self) -> Result<Client> {
        self.client_as(self.credentials())
    }

    /// Signs with another key.
    pub fn client_as(&self, credentials: Credentials) -> Result<Client> {
        let client =
            Client::new(&self.url, &self.connector()?, credentials, &self.region, Arc::new(SystemClock));
        client.with_context(|| format!("{} is no endpoint", self.url))
    }
}
