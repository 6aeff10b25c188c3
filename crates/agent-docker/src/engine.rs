//! The connection to the Engine: what went wrong in its words, and patience while it is away.

use bollard::Docker;
use bollard::errors::Error;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long an Engine that is being restarted is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long after a failure it is asked again.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// What the Engine answered instead of doing what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// There is no such container, image or volume.
    #[error("{0}")]
    NotFound(String),
    /// It contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// Any other refusal, in Docker's words.
    #[error("{0}")]
    Refused(String),
    /// Nobody answered.
    #[error("Cannot connect to the Docker daemon. Is the docker daemon running? ({0})")]
    Away(String),
    /// This side of the connection failed.
    #[error("{0}")]
    Here(String),
}

impl From<Error> for EngineError {
    fn from(error: Error) -> Self {
        match error {
            Error::DockerResponseServerError { status_code: 404, message } => Self::NotFound(message),
            Error::DockerResponseServerError { status_code: 409, message } => Self::Conflict(message),
            Error::DockerResponseServerError { message, .. } => Self::Refused(message),
            Error::DockerStreamError { error } | Error::DockerContainerWaitError { error, .. } => {
                Self::Refused(error)
            }
            Error::JsonDataError { message, .. } => Self::Here(message),
            Error::HyperLegacyError { err } => Self::Away(root_cause(&err)),
            Error::HyperResponseError { err } => Self::Away(root_cause(&err)),
            Error::IOError { .. } | Error::RequestTimeoutError | Error::SocketNotFoundError(_) => {
                Self::Away(error.to_string())
            }
            error => Self::Here(error.to_string()),
        }
    }
}

impl EngineError {
    /// Something on this host that is not the Engine.
    pub(crate) fn here(step: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |error| Self::Here(format!("{step}: {error}"))
    }
}

/// A missing one is nothing.
pub(crate) fn present<T>(result: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(EngineError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An Engine, and whose containers in it are ours.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(crate) docker: Docker,
    /// The label that tells this installation's containers and volumes from others'.
    pub(crate) instance: String,
}

impl Engine {
    /// Asks, and asks again while nobody answers. What is asked for must be safe to do twice.
    pub(crate) async fn ask<T, F>(&self, request: impl Fn() -> F) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let begun = Instant::now();
        loop {
            match request().await.map_err(EngineError::from) {
                Err(EngineError::Away(error)) if begun.elapsed() < PATIENCE => {
                    tracing::debug!(error, "the Docker Engine does not answer");
                    sleep(PAUSE).await;
                }
                answer => return answer,
            }
        }
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
