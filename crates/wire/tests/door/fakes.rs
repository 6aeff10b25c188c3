//! Services that answer with what they were given, a clock that stands still, and a client without a socket.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use model::time::Clock;
use model::{AccountId, Timestamp};
use serde_json::Value;
use wire::logs::*;
use wire::service::Service;
use wire::sigv4::{self, Credentials};
use wire::sts::{GetCallerIdentityRequest, GetCallerIdentityResponse};
use wire::{ApiError, Cx, Door, EventStream, Key, Keys};

/// 2026-11-21T08:00:00Z.
pub const NOW: Timestamp = Timestamp(1_795_248_000_000);
pub const ACCESS_KEY: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

pub struct StoppedClock(pub Timestamp);

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

pub struct OneKey;

impl Keys for OneKey {
    fn find(&self, id: &str) -> Option<Key> {
        (id == ACCESS_KEY)
            .then(|| Key { secret: SECRET.to_owned(), account: AccountId::from("000000000000") })
    }
}

/// Answers whoever asks.
pub struct Sts;

#[async_trait]
impl wire::sts::Api for Sts {
    async fn get_caller_identity(
        &self,
        cx: &Cx,
        _: GetCallerIdentityRequest,
    ) -> Result<GetCallerIdentityResponse, ApiError> {
        Ok(GetCallerIdentityResponse {
            account: Some(cx.scope.account.to_string()),
            arn: Some(format!("{}<&>\u{1}", cx.caller_arn)),
            user_id: Some(cx.scope.region.to_string()),
        })
    }
}

/// Keeps nothing: each answer repeats a part of the question.
pub struct Logs;

/// The operations below as written, and the rest, which nobody asks for here, as failures.
macro_rules! fake {
    ({ $($written:tt)* } $($name:ident: $input:ident => $output:ident,)*) => {
        #[async_trait]
        impl Api for Logs {
            $($written)*

            $(async fn $name(&self, _: &Cx, _: $input) -> Result<$output, ApiError> {
                Err(wire::error::internal_failure(concat!("not faked: ", stringify!($name))))
            })*
        }
    };
}

fake! {
    {
        async fn create_log_group(
            &self,
            _: &Cx,
            input: CreateLogGroupRequest,
        ) -> Result<CreateLogGroupResponse, ApiError> {
            match input.log_group_name.as_str() {
                "taken" => {
                    Err(error::resource_already_exists_exception("The specified log group already exists"))
                }
                "broken" => Err(wire::error::internal_failure("the disk is on fire")),
                _ => Ok(CreateLogGroupResponse {}),
            }
        }
        async fn describe_log_groups(
            &self,
            cx: &Cx,
            input: DescribeLogGroupsRequest,
        ) -> Result<DescribeLogGroupsResponse, ApiError> {
            let group = LogGroup {
                log_group_name: input.log_group_name_prefix,
                creation_time: Some(NOW.0),
                arn: Some(cx.caller_arn.clone()),
                ..LogGroup::default()
            };
            Ok(DescribeLogGroupsResponse { log_groups: Some(vec![group]), next_token: input.next_token })
        }
        async fn put_log_events(
            &self,
            _: &Cx,
            input: PutLogEventsRequest,
        ) -> Result<PutLogEventsResponse, ApiError> {
            Ok(PutLogEventsResponse {
                next_sequence_token: Some(input.log_events.len().to_string()),
                ..PutLogEventsResponse::default()
            })
        }
        async fn start_live_tail(
            &self,
            _: &Cx,
            input: StartLiveTailRequest,
        ) -> Result<EventStream<StartLiveTailResponseStream>, ApiError> {
            let start = LiveTailSessionStart {
                log_group_identifiers: Some(input.log_group_identifiers),
                ..LiveTailSessionStart::default()
            };
            let events = [
                Ok(StartLiveTailResponseStream::SessionStart(start)),
                Err(error::session_timeout_exception("three hours are over")),
            ];
            Ok(EventStream::new(futures_util::stream::iter(events)))
        }
    }
    create_log_stream: CreateLogStreamRequest => CreateLogStreamResponse,
    delete_log_group: DeleteLogGroupRequest => DeleteLogGroupResponse,
    delete_log_stream: DeleteLogStreamRequest => DeleteLogStreamResponse,
    delete_metric_filter: DeleteMetricFilterRequest => DeleteMetricFilterResponse,
    delete_retention_policy: DeleteRetentionPolicyRequest => DeleteRetentionPolicyResponse,
    delete_subscription_filter: DeleteSubscriptionFilterRequest => DeleteSubscriptionFilterResponse,
    describe_log_streams: DescribeLogStreamsRequest => DescribeLogStreamsResponse,
    describe_metric_filters: DescribeMetricFiltersRequest => DescribeMetricFiltersResponse,
    describe_subscription_filters: DescribeSubscriptionFiltersRequest => DescribeSubscriptionFiltersResponse,
    filter_log_events: FilterLogEventsRequest => FilterLogEventsResponse,
    get_log_events: GetLogEventsRequest => GetLogEventsResponse,
    list_tags_for_resource: ListTagsForResourceRequest => ListTagsForResourceResponse,
    list_tags_log_group: ListTagsLogGroupRequest => ListTagsLogGroupResponse,
    put_metric_filter: PutMetricFilterRequest => PutMetricFilterResponse,
    put_retention_policy: PutRetentionPolicyRequest => PutRetentionPolicyResponse,
    tag_log_group: TagLogGroupRequest => TagLogGroupResponse,
    tag_resource: TagResourceRequest => TagResourceResponse,
    test_metric_filter: TestMetricFilterRequest => TestMetricFilterResponse,
    untag_log_group: UntagLogGroupRequest => UntagLogGroupResponse,
    untag_resource: UntagResourceRequest => UntagResourceResponse,
}

/// A door with these services whose clock shows `now`.
pub fn door_at(now: Timestamp) -> Door {
    Door::builder()
        .metrics(Arc::new(crate::metrics::Metrics))
        .sts(Arc::new(Sts))
        .logs(Arc::new(Logs))
        .keys(Arc::new(OneKey))
        .clock(Arc::new(StoppedClock(now)))
        .build()
}

pub fn credentials() -> Credentials {
    Credentials { access_key: ACCESS_KEY.to_owned(), secret_key: SECRET.to_owned(), session_token: None }
}

/// A signed call of a JSON operation.
pub fn json_call(service: &Service, operation: &str, body: &str) -> Request<Bytes> {
    let target = format!("{}.{operation}", service.target_prefix().unwrap());
    let request = Request::post("/")
        .header("host", "127.0.0.1:4566")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap();
    signed(request, service.signing_name)
}

/// A signed call of a query operation.
pub fn query_call(service: &Service, form: &str) -> Request<Bytes> {
    let request = Request::post("/")
        .header("host", "127.0.0.1:4566")
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .body(Bytes::copy_from_slice(form.as_bytes()))
        .unwrap();
    signed(request, service.signing_name)
}

/// The request with a signature of [`NOW`].
pub fn signed(mut request: Request<Bytes>, service: &str) -> Request<Bytes> {
    let body_sha256 = sigv4::sha256_hex(request.body());
    let view = sigv4::Request {
        method: request.method().as_str(),
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
        headers: request.headers(),
        authority: None,
        body_sha256: &body_sha256,
    };
    let added = sigv4::sign(&view, &credentials(), "eu-west-1", service, NOW);
    request.headers_mut().extend(added);
    request
}

/// An unsigned GET.
pub fn get(uri: &str) -> Request<Bytes> {
    Request::builder()
        .method(Method::GET)
        .uri(uri)
        .header("host", "127.0.0.1:4566")
        .body(Bytes::new())
        .unwrap()
}

/// Sends a request to a door whose clock shows [`NOW`].
pub async fn send(request: Request<Bytes>) -> Response<Bytes> {
    send_at(NOW, request).await
}

/// Sends a request to a door whose clock shows `now`.
pub async fn send_at(now: Timestamp, request: Request<Bytes>) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    let (parts, body) = door_at(now).handle(parts, body).await.into_parts();
    Response::from_parts(parts, http_body_util::BodyExt::collect(body).await.unwrap().to_bytes())
}

/// Status, code and message of a JSON failure.
pub fn failure(response: &Response<Bytes>) -> (StatusCode, String, String) {
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    let field = |name: &str| body[name].as_str().unwrap().to_owned();
    (response.status(), field("__type"), field("message"))
}

/// The body as text.
pub fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}
