//! Introspection: what a program on the host asks the agent at port 51678.

use crate::answer::{AgentAnswer, TaskAnswer, TasksAnswer};
use crate::server::{Answers, json, serve, text};
use crate::{Source, TaskView};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::json as object;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// An id of at most this length is the beginning of one.
const SHORT_ID: usize = 12;
/// Agent and project have one licence.
const LICENSE: &str = include_str!("../../../LICENSE");

/// Serves the agent's introspection on a bound listener until `shutdown`.
pub async fn serve_introspection(
    listener: TcpListener,
    source: Arc<dyn Source>,
    shutdown: impl Future<Output = ()>,
) {
    serve(listener, Arc::new(Introspection(source)), shutdown).await;
}

struct Introspection(Arc<dyn Source>);

impl Answers for Introspection {
    async fn answer(&self, _peer: SocketAddr, request: Request<Bytes>) -> Response<Bytes> {
        match request.uri().path() {
            "/v1/metadata" => json(StatusCode::OK, &AgentAnswer::from(&self.0.instance().await)),
            "/v1/tasks" => self.tasks(request.uri().query().unwrap_or_default()).await,
            "/license" => text(StatusCode::OK, LICENSE),
            _ => {
                let commands = object!({ "AvailableCommands": ["/v1/metadata", "/v1/tasks", "/license"] });
                json(StatusCode::OK, &commands)
            }
        }
    }
}

impl Introspection {
    async fn tasks(&self, query: &str) -> Response<Bytes> {
        let tasks = self.0.tasks().await;
        match (value(query, "taskarn"), value(query, "dockerid")) {
            (Some(_), Some(_)) => json(StatusCode::BAD_REQUEST, &TaskAnswer::default()),
            (Some(arn), None) => one(tasks.iter().filter(|task| task.task_arn == arn)),
            (None, Some(id)) => one(tasks.iter().filter(|task| has_container(task, &id))),
            (None, None) => {
                json(StatusCode::OK, &TasksAnswer { tasks: tasks.iter().map(TaskAnswer::from).collect() })
            }
        }
    }
}

/// The only one; the beginning of an id may fit several tasks, and then it names none.
fn one<'a>(mut tasks: impl Iterator<Item = &'a TaskView>) -> Response<Bytes> {
    match (tasks.next(), tasks.next()) {
        (Some(task), None) => json(StatusCode::OK, &TaskAnswer::from(task)),
        _ => json(StatusCode::NOT_FOUND, &TaskAnswer::default()),
    }
}

fn has_container(task: &TaskView, id: &str) -> bool {
    let fits = |docker_id: &str| match id.len() {
        0 => false,
        1..=SHORT_ID => docker_id.starts_with(id),
        _ => docker_id == id,
    };
    task.containers.iter().any(|container| fits(&container.docker_id))
}

/// The first value of a query's field.
fn value(query: &str, field: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name == field).then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
    })
}
