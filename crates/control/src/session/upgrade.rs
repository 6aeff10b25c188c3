//! The HTTP side of a session: who may open one, and the switch to a websocket.

use crate::context::Context;
use crate::plan::instance_key;
use crate::session::{Peer, Socket, acs as acs_session, tcs as tcs_session};
use acs::link::{AcsQuery, PATH, TcsQuery};
use acs::{Refusal, RefusalKind};
use http::{HeaderMap, Request, Response, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use model::arn::{self, Arn};
use model::instance::{ContainerInstance, InstanceStatus};
use model::{InstanceId, Scope};
use std::sync::Arc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wire::Cx;

/// What DiscoverPollEndpoint puts after the origin for `endpoint`.
pub const ACS_ENDPOINT_PATH: &str = "/acs";
/// What DiscoverPollEndpoint puts after the origin for `telemetryEndpoint`.
pub const TCS_ENDPOINT_PATH: &str = "/tcs";

/// Whether a request with this path is for [`Control::upgrade`](crate::Control::upgrade).
pub fn is_agent_path(path: &str) -> bool {
    Endpoint::of(path).is_some()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    Acs,
    Tcs,
}

impl Endpoint {
    fn of(path: &str) -> Option<Self> {
        match path.strip_suffix(PATH)? {
            ACS_ENDPOINT_PATH => Some(Self::Acs),
            TCS_ENDPOINT_PATH => Some(Self::Tcs),
            _ => None,
        }
    }
}

/// Answers an upgrade. The session runs as a task of its own once the answer is out.
pub(crate) fn upgrade<B>(context: &Arc<Context>, request: &mut Request<B>, caller: &Cx) -> Response<String> {
    match accept(context, request, caller) {
        Ok(response) => response,
        Err(refusal) => {
            tracing::info!(kind = ?refusal.kind, reason = refusal.message, "an agent's link was refused");
            refuse(&refusal)
        }
    }
}

fn accept<B>(
    context: &Arc<Context>,
    request: &mut Request<B>,
    caller: &Cx,
) -> Result<Response<String>, Refusal> {
    let bad = |text: &str| refusal(RefusalKind::BadRequestException, text);
    let endpoint = Endpoint::of(request.uri().path()).ok_or_else(|| bad("There is no such endpoint."))?;
    let accept_key = websocket_key(request.headers()).ok_or_else(|| bad("This is no websocket upgrade."))?;
    let query = request.uri().query().unwrap_or_default().to_owned();
    let upgraded = hyper::upgrade::on(&mut *request);
    let context = context.clone();
    match endpoint {
        Endpoint::Acs => {
            let query = AcsQuery::decode(&query);
            let instance = find(&context, &caller.scope, &query.container_instance_arn, &query.cluster)?;
            let peer = peer(&instance, caller);
            let origin = caller.origin.clone();
            tokio::spawn(async move {
                let Some(frames) = switched(upgraded).await else { return };
                acs_session::serve(context, frames, peer, query, origin).await;
            });
        }
        Endpoint::Tcs => {
            let asked = TcsQuery::decode(&query);
            let instance = find(&context, &caller.scope, &asked.container_instance, &asked.cluster)?;
            let peer = peer(&instance, caller);
            let path = request.uri().path().to_owned();
            tokio::spawn(async move {
                let Some(frames) = switched(upgraded).await else { return };
                tcs_session::serve(context, frames, peer, path, query).await;
            });
        }
    }
    Ok(switching(&accept_key))
}

pub(crate) fn peer(instance: &ContainerInstance, caller: &Cx) -> Peer {
    let (instance, access_key) = (instance_key(instance), caller.access_key.clone());
    Peer { instance, access_key }
}

/// The websocket, once the answer is out.
async fn switched(upgraded: OnUpgrade) -> Option<Socket<TokioIo<Upgraded>>> {
    match upgraded.await {
        Ok(stream) => Some(Socket::server(TokioIo::new(stream)).await),
        Err(error) => {
            tracing::info!(%error, "an agent left during the upgrade");
            None
        }
    }
}

/// The instance that the caller speaks for.
pub(crate) fn find(
    context: &Context,
    caller: &Scope,
    instance_arn: &str,
    cluster: &str,
) -> Result<Arc<ContainerInstance>, Refusal> {
    let unknown = || refusal(RefusalKind::InvalidInstanceException, "Container instance not found.");
    let parsed = Arn::parse(instance_arn).ok_or_else(unknown)?;
    let id = parsed.resource_after("container-instance").and_then(|r| r.rsplit('/').next());
    if parsed.scope != *caller {
        let text = "The container instance is not the caller's.";
        return Err(refusal(RefusalKind::AccessDeniedException, text));
    }
    let id = InstanceId::from(id.ok_or_else(unknown)?.to_owned());
    let snapshot = context.store.snapshot();
    let instance = snapshot.instance(caller, &id).ok_or_else(unknown)?;
    if instance.status == InstanceStatus::Inactive {
        let text = "The container instance was deregistered.";
        return Err(refusal(RefusalKind::InactiveInstanceException, text));
    }
    let cluster_arn = arn::cluster(&instance.scope, &instance.cluster);
    if !cluster.is_empty() && cluster != cluster_arn && cluster != instance.cluster.as_str() {
        let text = "The container instance is registered in another cluster.";
        return Err(refusal(RefusalKind::InvalidClusterException, text));
    }
    Ok(instance.clone())
}

fn refusal(kind: RefusalKind, message: &str) -> Refusal {
    Refusal { kind, message: message.to_owned() }
}

/// The answer to the client's key, when the headers ask for a websocket (RFC 6455, 4.2.1).
fn websocket_key(headers: &HeaderMap) -> Option<String> {
    let has_token = |name: header::HeaderName, token: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
    };
    let asks = has_token(header::UPGRADE, "websocket")
        && has_token(header::CONNECTION, "upgrade")
        && has_token(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    asks.then(|| derive_accept_key(key.as_bytes()))
}

fn switching(accept_key: &str) -> Response<String> {
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept_key)
        .body(String::new())
        .expect("the headers are constant or base64")
}

fn refuse(refusal: &Refusal) -> Response<String> {
    Response::builder()
        .status(refusal.http_status())
        .header(header::CONTENT_TYPE, "application/json")
        .body(refusal.body())
        .expect("the headers are constant")
}
