//! The operations, each handed to its module, and the groups and streams that they name.

use crate::counting::{Counting, MetricSink};
use crate::registry::Registry;
use crate::tail::{self, Tails};
use async_trait::async_trait;
use core_logs::Pattern;
use model::arn::Arn;
use model::logs::{LogGroup, LogStream};
use model::time::Clock;
use model::{LogGroupName, Scope};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use store::{State, Store, StoreError};
use wire::error::internal_failure;
use wire::logs::{self, error};
use wire::{ApiError, Cx, EventStream};

/// The implementation of [`wire::logs::Api`]. A clone is the same.
#[derive(Clone)]
pub struct Logs {
    pub(crate) store: Store,
    pub(crate) streams: Arc<Registry>,
    pub(crate) tails: Arc<Tails>,
    pub(crate) counting: Arc<Counting>,
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
    /// interrupted. Segments themselves are read when their stream is first used. What metric filters count goes to
    /// `sink`.
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(
        store: Store,
        dir: PathBuf,
        clock: Arc<dyn Clock>,
        sink: Arc<dyn MetricSink>,
    ) -> Result<Self, OpenError> {
        let known: BTreeSet<u64> = store.snapshot().all_log_streams().map(|stream| stream.id).collect();
        let streams = Registry::open(dir.clone(), &known).map_err(|source| OpenError { dir, source })?;
        let counting = Arc::new(Counting::new(sink));
        Ok(Self { store, streams: Arc::new(streams), tails: Arc::default(), counting, clock })
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

pub(crate) fn find_group<'a>(
    state: &'a State,
    scope: &Scope,
    group: &LogGroupName,
) -> Result<&'a Arc<LogGroup>, ApiError> {
    state.log_group(scope, group).ok_or_else(no_such_group)
}

pub(crate) fn find_stream(
    state: &State,
    scope: &Scope,
    group: &LogGroupName,
    stream: &str,
) -> Result<Arc<LogStream>, ApiError> {
    find_group(state, scope, group)?;
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

/// A filter pattern that a request gives.
pub(crate) fn pattern(text: &str) -> Result<Pattern, ApiError> {
    Pattern::parse(text).map_err(|error| error::invalid_parameter_exception(error.to_string()))
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

macro_rules! delegate {
    ($($operation:ident($input:ident) -> $output:ident;)+) => {
        #[async_trait]
        impl logs::Api for Logs {
            $(async fn $operation(&self, cx: &Cx, input: logs::$input) -> Result<logs::$output, ApiError> {
                // The inherent method of the same name.
                Logs::$operation(self, cx, input).await
            })+

            async fn start_live_tail(
                &self,
                cx: &Cx,
                input: logs::StartLiveTailRequest,
            ) -> Result<EventStream<logs::StartLiveTailResponseStream>, ApiError> {
                tail::start(self, cx, input)
            }
        }
    };
}

delegate! {
    create_log_group(CreateLogGroupRequest) -> CreateLogGroupResponse;
    delete_log_group(DeleteLogGroupRequest) -> DeleteLogGroupResponse;
    describe_log_groups(DescribeLogGroupsRequest) -> DescribeLogGroupsResponse;
    put_retention_policy(PutRetentionPolicyRequest) -> PutRetentionPolicyResponse;
    delete_retention_policy(DeleteRetentionPolicyRequest) -> DeleteRetentionPolicyResponse;

    tag_resource(TagResourceRequest) -> TagResourceResponse;
    untag_resource(UntagResourceRequest) -> UntagResourceResponse;
    list_tags_for_resource(ListTagsForResourceRequest) -> ListTagsForResourceResponse;
    tag_log_group(TagLogGroupRequest) -> TagLogGroupResponse;
    untag_log_group(UntagLogGroupRequest) -> UntagLogGroupResponse;
    list_tags_log_group(ListTagsLogGroupRequest) -> ListTagsLogGroupResponse;

    create_log_stream(CreateLogStreamRequest) -> CreateLogStreamResponse;
    delete_log_stream(DeleteLogStreamRequest) -> DeleteLogStreamResponse;
    describe_log_streams(DescribeLogStreamsRequest) -> DescribeLogStreamsResponse;

    put_log_events(PutLogEventsRequest) -> PutLogEventsResponse;
    get_log_events(GetLogEventsRequest) -> GetLogEventsResponse;
    filter_log_events(FilterLogEventsRequest) -> FilterLogEventsResponse;

    test_metric_filter(TestMetricFilterRequest) -> TestMetricFilterResponse;
    put_metric_filter(PutMetricFilterRequest) -> PutMetricFilterResponse;
    describe_metric_filters(DescribeMetricFiltersRequest) -> DescribeMetricFiltersResponse;
    delete_metric_filter(DeleteMetricFilterRequest) -> DeleteMetricFilterResponse;
    describe_subscription_filters(DescribeSubscriptionFiltersRequest) -> DescribeSubscriptionFiltersResponse;
    delete_subscription_filter(DeleteSubscriptionFilterRequest) -> DeleteSubscriptionFilterResponse;
}
