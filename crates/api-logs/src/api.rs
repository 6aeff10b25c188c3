//! The operations, each handed to its module, and the groups and streams that they name.

use crate::registry::Registry;
use crate::{describe, put, read};
use async_trait::async_trait;
use model::arn::Arn;
use model::logs::{LogGroup, LogStream};
use model::time::Clock;
use model::{LogGroupName, LogStreamName, Scope};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use store::{State, Store, StoreError, Tx};
use wire::error::internal_failure;
use wire::logs::{self, error};
use wire::{ApiError, Cx};

/// The implementation of [`wire::logs::Api`]. A clone is the same.
#[derive(Clone)]
pub struct Logs {
    pub(crate) store: Store,
    pub(crate) streams: Arc<Registry>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Why the segments could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the log segments in {}: {source}", .dir.display())]
pub struct OpenError {
    dir: PathBuf,
    source: std::io::Error,
}

impl Logs {
    /// Opens the segments under `dir`, which is created when it is missing, and finishes deletions that a crash
    /// interrupted. Segments themselves are read when their stream is first used.
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(store: Store, dir: PathBuf, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let known: BTreeSet<u64> = store.snapshot().all_log_streams().map(|stream| stream.id).collect();
        let streams = Registry::open(dir.clone(), &known).map_err(|source| OpenError { dir, source })?;
        Ok(Self { store, streams: Arc::new(streams), clock })
    }

    /// Runs work on files away from the threads that serve requests.
    pub(crate) async fn blocking<T, F>(&self, work: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&Logs) -> Result<T, ApiError> + Send + 'static,
    {
        let logs = self.clone();
        tokio::task::spawn_blocking(move || work(&logs)).await.map_err(internal_failure)?
    }
}

impl std::fmt::Debug for Logs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logs").field("streams", &self.streams).finish_non_exhaustive()
    }
}

pub(crate) fn no_such_group() -> ApiError {
    error::resource_not_found_exception("The specified log group does not exist.")
}

pub(crate) fn no_such_stream() -> ApiError {
    error::resource_not_found_exception("The specified log stream does not exist.")
}

pub(crate) fn invalid_token() -> ApiError {
    error::invalid_parameter_exception("The specified nextToken is invalid.")
}

pub(crate) fn find_stream(
    state: &State,
    scope: &Scope,
    group: &LogGroupName,
    stream: &str,
) -> Result<Arc<LogStream>, ApiError> {
    state.log_group(scope, group).ok_or_else(no_such_group)?;
    state.log_stream(scope, group, &stream.into()).cloned().ok_or_else(no_such_stream)
}

/// The group that a request names, by its name or by an identifier: a name or an ARN, with or without `:*`.
pub(crate) fn group_name(
    scope: &Scope,
    name: Option<String>,
    identifier: Option<String>,
) -> Result<LogGroupName, ApiError> {
    match (name, identifier) {
        (Some(name), None) => Ok(name.into()),
        (None, Some(identifier)) if identifier.starts_with("arn:") => {
            let arn = Arn::parse(&identifier).filter(|arn| arn.service == "logs" && arn.scope == *scope);
            let resource = arn.map(|arn| arn.resource).unwrap_or_default();
            let name = resource.strip_prefix("log-group:").ok_or_else(no_such_group)?;
            Ok(name.strip_suffix(":*").unwrap_or(name).into())
        }
        (None, Some(identifier)) => Ok(identifier.into()),
        _ => Err(error::invalid_parameter_exception(
            "Exactly one of logGroupName and logGroupIdentifier must be specified.",
        )),
    }
}

/// The two halves of what a commit may fail with.
pub(crate) enum Refusal {
    Api(ApiError),
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Api(error) => error,
            Refusal::Store(error) => internal_failure(error),
        }
    }
}

#[async_trait]
impl logs::Api for Logs {
    async fn create_log_group(
        &self,
        cx: &Cx,
        input: logs::CreateLogGroupRequest,
    ) -> Result<logs::CreateLogGroupResponse, ApiError> {
        if input.log_group_name.to_ascii_lowercase().starts_with("aws/") {
            let message = "Log groups starting with AWS/ are reserved for AWS.";
            return Err(error::invalid_parameter_exception(message));
        }
        let group = LogGroup {
            scope: cx.scope.clone(),
            name: input.log_group_name.into(),
            created_at: self.clock.now(),
            tags: input.tags.unwrap_or_default(),
        };
        let change = move |tx: &mut Tx| {
            if tx.log_group(&group.scope, &group.name).is_some() {
                let message = "The specified log group already exists";
                return Err(Refusal::Api(error::resource_already_exists_exception(message)));
            }
            tx.put(group);
            Ok(())
        };
        self.store.commit(change).await?;
        Ok(logs::CreateLogGroupResponse {})
    }

    /// The rows go first: from then on nobody reads the events. Files that a crash leaves are removed by
    /// [`Logs::open`] (INV-LOGS-3).
    async fn delete_log_group(
        &self,
        cx: &Cx,
        input: logs::DeleteLogGroupRequest,
    ) -> Result<logs::DeleteLogGroupResponse, ApiError> {
        let key = (cx.scope.clone(), LogGroupName(input.log_group_name));
        let change = move |tx: &mut Tx| {
            let (scope, group) = &key;
            tx.log_group(scope, group).ok_or_else(|| Refusal::Api(no_such_group()))?;
            let streams: Vec<_> = tx.log_streams(scope, group, "").cloned().collect();
            for stream in &streams {
                tx.remove::<LogStream>(&(scope.clone(), group.clone(), stream.name.clone()));
            }
            tx.remove::<LogGroup>(&key);
            Ok::<_, Refusal>(streams)
        };
        let streams = self.store.commit(change).await?;
        let remove = move |logs: &Logs| {
            for stream in &streams {
                if let Err(error) = logs.streams.remove(stream.id) {
                    tracing::warn!(id = stream.id, %error, "the segments of a deleted log stream remain until the next start");
                }
            }
            Ok(())
        };
        self.blocking(remove).await?;
        Ok(logs::DeleteLogGroupResponse {})
    }

    async fn create_log_stream(
        &self,
        cx: &Cx,
        input: logs::CreateLogStreamRequest,
    ) -> Result<logs::CreateLogStreamResponse, ApiError> {
        let (scope, created_at) = (cx.scope.clone(), self.clock.now());
        let (group, name) = (LogGroupName(input.log_group_name), LogStreamName(input.log_stream_name));
        let change = move |tx: &mut Tx| {
            tx.log_group(&scope, &group).ok_or_else(|| Refusal::Api(no_such_group()))?;
            if tx.log_stream(&scope, &group, &name).is_some() {
                let message = "The specified log stream already exists";
                return Err(Refusal::Api(error::resource_already_exists_exception(message)));
            }
            // Each commit has another revision, also after a restart, and this one creates one stream.
            let id = tx.revision();
            tx.put(LogStream { id, scope, group, name, created_at });
            Ok(())
        };
        self.store.commit(change).await?;
        Ok(logs::CreateLogStreamResponse {})
    }

    async fn describe_log_groups(
        &self,
        cx: &Cx,
        input: logs::DescribeLogGroupsRequest,
    ) -> Result<logs::DescribeLogGroupsResponse, ApiError> {
        let scope = cx.scope.clone();
        self.blocking(move |logs| describe::groups(logs, &scope, input)).await
    }

    async fn describe_log_streams(
        &self,
        cx: &Cx,
        input: logs::DescribeLogStreamsRequest,
    ) -> Result<logs::DescribeLogStreamsResponse, ApiError> {
        let scope = cx.scope.clone();
        self.blocking(move |logs| describe::streams(logs, &scope, input)).await
    }

    async fn put_log_events(
        &self,
        cx: &Cx,
        input: logs::PutLogEventsRequest,
    ) -> Result<logs::PutLogEventsResponse, ApiError> {
        let scope = cx.scope.clone();
        self.blocking(move |logs| put::put(logs, &scope, input)).await
    }

    async fn get_log_events(
        &self,
        cx: &Cx,
        input: logs::GetLogEventsRequest,
    ) -> Result<logs::GetLogEventsResponse, ApiError> {
        let scope = cx.scope.clone();
        self.blocking(move |logs| read::get(logs, &scope, input)).await
    }

    async fn filter_log_events(
        &self,
        cx: &Cx,
        input: logs::FilterLogEventsRequest,
    ) -> Result<logs::FilterLogEventsResponse, ApiError> {
        let scope = cx.scope.clone();
        self.blocking(move |logs| read::filter(logs, &scope, input)).await
    }
}
