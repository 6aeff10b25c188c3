//! Answers to agents of other machines that join: a token for an access key.

use super::keys;
use crate::join::{self, Answer, JoinTokens, Refused, Request};
use anyhow::Result;
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use model::time::{Clock, IdSource};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreError};

/// The largest request in bytes.
const REQUEST_BYTES_MAX: usize = 4096;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What is needed to take agents in.
pub struct Joining {
    /// Where their keys are.
    pub store: Store,
    /// When they joined.
    pub clock: Arc<dyn Clock>,
    /// What their keys are made of.
    pub ids: Arc<dyn IdSource>,
    /// Whom to let in.
    pub tokens: JoinTokens,
    /// The authority's certificate, as PEM.
    pub authority: String,
    /// Where their instances are registered.
    pub region: String,
}

/// Why nobody was let in.
enum Failure {
    Refused(StatusCode, String),
    Internal(anyhow::Error),
}

impl Joining {
    /// Answers one request.
    pub async fn answer(&self, body: Incoming) -> Response<Bytes> {
        let body =
            tokio::time::timeout(REQUEST_TIMEOUT, Limited::new(body, REQUEST_BYTES_MAX).collect()).await;
        let joined = match body {
            Ok(Ok(body)) => self.join(&body.to_bytes()).await,
            _ => Err(Failure::refused(
                StatusCode::BAD_REQUEST,
                "the request is too large, or did not come in time",
            )),
        };
        match joined {
            Ok(answer) => json(StatusCode::OK, &answer),
            Err(Failure::Refused(status, message)) => json(status, &Refused { message }),
            Err(Failure::Internal(error)) => {
                tracing::error!(%error, "an agent could not be let in");
                let message = "the server could not look; its log says why".to_owned();
                json(StatusCode::INTERNAL_SERVER_ERROR, &Refused { message })
            }
        }
    }

    async fn join(&self, body: &[u8]) -> Result<Answer, Failure> {
        let unreadable = |_| Failure::refused(StatusCode::BAD_REQUEST, "the request is unreadable");
        let request: Request = serde_json::from_slice(body).map_err(unreadable)?;
        if !join::is_name(&request.name) {
            return Err(Failure::refused(StatusCode::BAD_REQUEST, "an agent cannot be called so"));
        }
        let now = self.clock.now();
        if let Err(wrong) =
            self.tokens.check(&request.token, &request.secret, now).map_err(Failure::Internal)?
        {
            tracing::warn!(name = request.name, reason = %wrong, "an agent was not let in");
            return Err(Failure::refused(StatusCode::FORBIDDEN, &wrong.to_string()));
        }
        let key = keys::fresh(&*self.ids, now, Some(request.name.clone()));
        let made = key.clone();
        let commit = self.store.commit(move |tx| {
            tx.put(made);
            Ok::<_, StoreError>(())
        });
        commit.await.map_err(|error| Failure::Internal(error.into()))?;
        tracing::info!(name = request.name, key = %key.id, token = request.token, "an agent has joined");
        Ok(Answer {
            access_key_id: key.id.to_string(),
            secret_access_key: key.secret,
            region: self.region.clone(),
            authority: self.authority.clone(),
        })
    }
}

impl Failure {
    fn refused(status: StatusCode, message: &str) -> Self {
        Self::Refused(status, message.to_owned())
    }
}

fn json(status: StatusCode, content: &impl Serialize) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(serde_json::to_vec(content).unwrap_or_default()));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}
