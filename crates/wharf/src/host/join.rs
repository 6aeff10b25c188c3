//! Joining the Wharf of another machine: a token becomes an identity in the data directory, and is needed no more.

use crate::clock::SystemClock;
use crate::data_dir::{DataDir, Endpoint, write_whole};
use crate::endpoint::Authority;
use crate::join::{self, Answer, JoinToken, Refused, Request};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use std::sync::Arc;
use std::time::Duration;
use wire::client::{Connector, Trust};

/// For all of it.
const TIMEOUT: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// What `wharf agent --join` asks for.
pub struct Join {
    /// The token.
    pub token: JoinToken,
    /// `https://HOST:PORT`
    pub server: String,
    /// What the agent's key is to be called.
    pub name: String,
}

impl Join {
    /// Joins, unless this data directory has joined with this very token before.
    ///
    /// # Errors
    /// The data directory is another Wharf's, nobody answers, it is not the Wharf that made the token, or the token lets
    /// nobody in.
    pub async fn ensure(&self, data: &DataDir) -> Result<()> {
        if let Some(known) = self.known(data)? {
            if known.url != self.server {
                data.publish_endpoint(&Endpoint { url: self.server.clone(), ..known })?;
            }
            return Ok(());
        }
        let exchanged = tokio::time::timeout(TIMEOUT, self.exchange());
        let answer = exchanged.await.with_context(|| format!("{} does not answer", self.server))??;
        if join::fingerprint(&answer.authority)? != self.token.fingerprint {
            bail!("{} answered with another authority than its own", self.server);
        }
        write_whole(&data.authority_certificate(), answer.authority.as_bytes(), 0o644)?;
        data.publish_endpoint(&Endpoint {
            url: self.server.clone(),
            access_key_id: answer.access_key_id,
            secret_access_key: answer.secret_access_key,
            region: answer.region,
            authority: Some(Authority::Wharf(answer.authority)),
            listens_on: None,
            joined_with: Some(self.token.id.clone()),
        })?;
        tracing::info!(server = self.server, "joined; the token is needed no more");
        Ok(())
    }

    /// The identity that came of this token.
    fn known(&self, data: &DataDir) -> Result<Option<Endpoint>> {
        if data.store().exists() {
            bail!(
                "{} has a control plane of its own, which cannot join another; use another --data-dir",
                data.root().display()
            );
        }
        let Some(known) = data.find_endpoint()? else { return Ok(None) };
        match &known.authority {
            Some(Authority::Wharf(pem)) if join::fingerprint(pem)? == self.token.fingerprint => {}
            _ => bail!(
                "{} belongs to an agent of another Wharf, at {}; use another --data-dir",
                data.root().display(),
                known.url
            ),
        }
        Ok(Some(known).filter(|known| known.joined_with.as_ref() == Some(&self.token.id)))
    }

    async fn exchange(&self) -> Result<Answer> {
        let uri: Uri = format!("{}{}", self.server, join::PATH).parse().context("--server")?;
        let connector = Connector::new(Trust::Fingerprint(self.token.fingerprint), Arc::new(SystemClock))?;
        let request = Request {
            token: self.token.id.clone(),
            secret: self.token.secret.clone(),
            name: self.name.clone(),
        };
        let request = http::Request::post(uri).body(Full::<Bytes>::from(serde_json::to_vec(&request)?))?;
        let response = Client::builder(TokioExecutor::new()).build(connector).request(request).await;
        let response = response.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(anyhow::Error::from_boxed).context("reading the answer")?.to_bytes();
        if status.is_success() {
            return serde_json::from_slice(&body)
                .with_context(|| format!("{} gave no Wharf's answer", self.server));
        }
        match serde_json::from_slice::<Refused>(&body) {
            Ok(refused) => bail!("{} refused: {}", self.server, refused.message),
            Err(_) => bail!("{} answered HTTP {status}: is it a Wharf, and as new as this one?", self.server),
        }
    }

    fn unreachable(&self, error: &dyn std::error::Error) -> anyhow::Error {
        let causes: Vec<String> =
            std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
        let causes = causes.join(": ");
        if causes.contains("UnknownIssuer") {
            return anyhow::anyhow!(
                "{} is not the Wharf that made this token: it has another certificate authority, or somebody is in between",
                self.server
            );
        }
        anyhow::anyhow!("cannot reach {}: {causes}", self.server)
    }
}
