//! The task metadata endpoint: what a container asks at `ECS_CONTAINER_METADATA_URI_V4` and its like.
//!
//! Refusals are the official agent's, with its texts and statuses, which differ between versions 3 and 4.

use crate::answer::{
    ProtectionJson, ProtectionRequest, Tags, container_v3, container_v4, stats_v3, stats_v4, task_v3, task_v4,
};
use crate::limit::Buckets;
use crate::route::{Asked, Of, Route, Version};
use crate::server::{Answers, json, serve, text};
use crate::{CallError, Found, ProtectionAnswer, RateLimit, Source, TaskView};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// How long the control plane may take to answer: the agent's.
const CALL_TIMEOUT: Duration = Duration::from_secs(4);
/// How long an answer waits for files to be counted.
const COUNT_TIMEOUT: Duration = Duration::from_secs(1);
/// A longer one is none of ours; it is not remembered in full.
const ID_BYTES_MAX: usize = 64;

/// Serves the task metadata endpoint on a bound listener until `shutdown`.
pub async fn serve_tasks(
    listener: TcpListener,
    source: Arc<dyn Source>,
    limit: RateLimit,
    shutdown: impl Future<Output = ()>,
) {
    let endpoint = Endpoint { source, buckets: Mutex::new(Buckets::new(limit)) };
    serve(listener, Arc::new(endpoint), shutdown).await;
}

struct Endpoint {
    source: Arc<dyn Source>,
    buckets: Mutex<Buckets>,
}

impl Answers for Endpoint {
    async fn answer(&self, peer: SocketAddr, request: Request<Bytes>) -> Response<Bytes> {
        let route = Route::parse(request.uri().path());
        if !self.may_pass(peer, route) {
            return text(StatusCode::TOO_MANY_REQUESTS, "You have reached maximum request limit.");
        }
        match route {
            None => not_served(request.uri().path()),
            Some(Route { id, asked: Asked::Protection }) => match *request.method() {
                Method::GET => self.protection(id).await,
                Method::PUT => self.protect(id, request.body()).await,
                _ => text(StatusCode::METHOD_NOT_ALLOWED, ""),
            },
            Some(Route { id, asked: Asked::Metadata(version, of) }) => self.metadata(id, version, of).await,
        }
    }
}

/// Version 2 tells containers by their address, which does not tell the containers of a task from each other.
fn not_served(path: &str) -> Response<Bytes> {
    if path.starts_with("/v2/") {
        let reason =
            "Version 2 of the task metadata endpoint is not served; use ECS_CONTAINER_METADATA_URI_V4.";
        return json(StatusCode::NOT_FOUND, &reason);
    }
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

impl Endpoint {
    /// Each container has its own share, also where several come from one address.
    fn may_pass(&self, peer: SocketAddr, route: Option<Route<'_>>) -> bool {
        let id = route.map(|route| route.id).filter(|id| id.len() <= ID_BYTES_MAX).unwrap_or_default();
        let asker = format!("{} {id}", peer.ip());
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner).take(&asker, Instant::now())
    }

    async fn metadata(&self, id: &str, version: Version, of: Of) -> Response<Bytes> {
        let Some(Found { task, index }) = self.source.container(id).await else {
            return unknown_id(id, version, of);
        };
        let Some(container) = task.containers.get(index) else { return unknown_id(id, version, of) };
        match (of, version) {
            (Of::Container, Version::V3) => json(StatusCode::OK, &container_v3(container)),
            (Of::Container, Version::V4) => json(StatusCode::OK, &container_v4(container)),
            (Of::Task, _) => self.task(id, &task, version, &Tags::default()).await,
            (Of::TaskWithTags, _) => self.task(id, &task, version, &self.tags(&task).await).await,
            (Of::ContainerStats, _) => match self.source.stats(&container.docker_id).await {
                Some(stats) if version == Version::V3 => json(StatusCode::OK, &stats_v3(container, &stats)),
                Some(stats) => json(StatusCode::OK, &stats_v4(container, &stats)),
                None => no_stats(&container.docker_id, version),
            },
            (Of::TaskStats, _) => self.task_stats(&task, version).await,
        }
    }

    /// What takes too long to be counted is left out.
    async fn task(&self, id: &str, task: &TaskView, version: Version, tags: &Tags) -> Response<Bytes> {
        match version {
            Version::V3 => json(StatusCode::OK, &task_v3(task, tags)),
            Version::V4 => {
                let storage = tokio::time::timeout(COUNT_TIMEOUT, self.source.ephemeral_storage(id)).await;
                json(StatusCode::OK, &task_v4(task, tags, storage.unwrap_or(None)))
            }
        }
    }

    /// By container; `null` for one that has none.
    async fn task_stats(&self, task: &TaskView, version: Version) -> Response<Bytes> {
        let mut read = Vec::new();
        for container in task.containers.iter().filter(|container| !container.docker_id.is_empty()) {
            read.push((container, self.source.stats(&container.docker_id).await));
        }
        let read = read.iter().map(|(container, stats)| (*container, stats.as_ref()));
        match version {
            Version::V3 => {
                let by_id = read.map(|(c, stats)| (&c.docker_id, stats.map(|stats| stats_v3(c, stats))));
                json(StatusCode::OK, &by_id.collect::<BTreeMap<_, _>>())
            }
            Version::V4 => {
                let by_id = read.map(|(c, stats)| (&c.docker_id, stats.map(|stats| stats_v4(c, stats))));
                json(StatusCode::OK, &by_id.collect::<BTreeMap<_, _>>())
            }
        }
    }

    async fn tags(&self, task: &TaskView) -> Tags {
        let instance = self.source.instance().await.container_instance_arn.unwrap_or_default();
        let ask = async |arn| {
            let answer = tokio::time::timeout(CALL_TIMEOUT, self.source.tags(arn)).await;
            answer.unwrap_or_else(|_| Err(timed_out("Timed out calling ECS ListTagsForResource API")))
        };
        let (of_instance, of_task) = tokio::join!(ask(&instance), ask(&task.task_arn));
        Tags::new((&instance, of_instance), (&task.task_arn, of_task))
    }

    async fn protection(&self, id: &str) -> Response<Bytes> {
        let Some(task) = self.source.container(id).await.map(|found| found.task) else { return no_task() };
        let call = self.source.protection(&task.task_arn);
        protection_answer(&task.task_arn, tokio::time::timeout(CALL_TIMEOUT, call).await.ok())
    }

    async fn protect(&self, id: &str, body: &Bytes) -> Response<Bytes> {
        let Ok(request) = serde_json::from_slice::<ProtectionRequest>(body) else {
            return invalid("", "UpdateTaskProtection: failed to decode request");
        };
        let Some(task) = self.source.container(id).await.map(|found| found.task) else { return no_task() };
        let Some(enabled) = request.protection_enabled else {
            return invalid(&task.task_arn, "Invalid request: does not contain 'ProtectionEnabled' field");
        };
        let call = self.source.protect(&task.task_arn, enabled, request.expires_in_minutes);
        protection_answer(&task.task_arn, tokio::time::timeout(CALL_TIMEOUT, call).await.ok())
    }
}

fn unknown_id(id: &str, version: Version, of: Of) -> Response<Bytes> {
    let (handler, is_container) = match of {
        Of::Container => ("container metadata", true),
        Of::Task | Of::TaskWithTags => ("task metadata", false),
        Of::ContainerStats => ("container stats", false),
        Of::TaskStats => ("task stats", false),
    };
    let reason = if is_container {
        format!("unable to get container ID from request: unable to get docker ID from v3 endpoint ID: {id}")
    } else {
        format!("unable to get task arn from request: unable to get task Arn from v3 endpoint ID: {id}")
    };
    let status = match (version, of) {
        (Version::V4, _) => StatusCode::NOT_FOUND,
        (Version::V3, Of::Task | Of::TaskWithTags) => StatusCode::INTERNAL_SERVER_ERROR,
        (Version::V3, _) => StatusCode::BAD_REQUEST,
    };
    json(status, &format!("{version} {handler} handler: {reason}"))
}

fn no_stats(docker_id: &str, version: Version) -> Response<Bytes> {
    let status = match version {
        Version::V3 => StatusCode::BAD_REQUEST,
        Version::V4 => StatusCode::INTERNAL_SERVER_ERROR,
    };
    json(status, &format!("Unable to get container stats for: {docker_id}"))
}

/// `None` when no answer came in time.
fn protection_answer(task_arn: &str, answer: Option<Result<ProtectionAnswer, CallError>>) -> Response<Bytes> {
    match answer {
        Some(Ok(answer)) => json(StatusCode::OK, &ProtectionJson::from(answer)),
        Some(Err(error)) => {
            let status = error.status.and_then(|status| StatusCode::from_u16(status).ok());
            let status = status.filter(|status| status.is_client_error() || status.is_server_error());
            let json_body = ProtectionJson::refused(task_arn, error);
            json(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &json_body)
        }
        None => {
            let error = timed_out("Timed out calling ECS Task Protection API");
            json(StatusCode::GATEWAY_TIMEOUT, &ProtectionJson::refused(task_arn, error))
        }
    }
}

fn invalid(task_arn: &str, message: &str) -> Response<Bytes> {
    json(StatusCode::BAD_REQUEST, &ProtectionJson::error(task_arn, "InvalidParameterException", message))
}

fn no_task() -> Response<Bytes> {
    let message = "Failed to find a task for the request";
    json(StatusCode::NOT_FOUND, &ProtectionJson::error("", "ResourceNotFoundException", message))
}

fn timed_out(message: &str) -> CallError {
    CallError {
        code: "RequestCanceled".to_owned(),
        message: message.to_owned(),
        status: None,
        request_id: None,
    }
}
