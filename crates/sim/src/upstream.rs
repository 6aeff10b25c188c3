//! The control plane as a simulated agent reaches it: the same requests and frames, over a path of the network.
//!
//! Each call may go over a connection of its own. So calls overtake each other, one whose connection broke is sent again
//! by whoever is in between, and one arrives after the agent that made it has died.

use crate::life::Life;
use crate::link;
use crate::net::Way;
use crate::world::{CallError, World};
use acs::link::{AcsQuery, PATH, TcsQuery};
use acs::tcs::SignedFrame;
use agent::{
    Endpoints, Link, LinkEnd, ProtectionChange, Registered, Registration, Upstream, UpstreamError, requests,
};
use agent_metadata::ProtectionAnswer;
use api_ecs::Ecs;
use async_trait::async_trait;
use core_task::report::Report;
use http::{HeaderMap, HeaderName, HeaderValue};
use model::time::Clock;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use tokio::time::sleep;
use wire::ecs::{Api, DiscoverPollEndpointRequest};
use wire::sigv4::{Credentials, Request, sha256_hex, sign};
use wire::{ApiError, Cx};

/// One agent's way to the control plane.
pub struct Uplink {
    /// Where it is.
    pub world: Arc<World>,
    /// Which node it is, and with it which path.
    pub node: usize,
    /// The agent's process.
    pub life: Life,
}

impl From<CallError> for UpstreamError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Lost => Self::Transport("the connection broke".to_owned()),
            CallError::Api(error) => {
                Self::Service { code: error.code.to_owned(), message: error.message, status: error.status }
            }
        }
    }
}

impl Uplink {
    /// Opens a link to the process that listens now.
    async fn open(
        &self,
        instance_arn: &str,
        cluster: &str,
        serve: Serve,
    ) -> Result<link::End, UpstreamError> {
        let broke = |_| UpstreamError::Transport("the connection broke".to_owned());
        self.life.edge().await;
        self.world.net.carry(self.node, Way::Up).await.map_err(broke)?;
        let refused = || UpstreamError::Transport("nobody listens".to_owned());
        let plane = self.world.plane().ok_or_else(refused)?;
        if !plane.life.step() {
            return Err(refused());
        }
        let peer = plane.control.admit(&self.world.cx(), instance_arn, cluster);
        let peer =
            peer.map_err(|refusal| UpstreamError::Refused { kind: refusal.kind, message: refusal.message })?;
        let instance = matches!(serve, Serve::Acs(_)).then(|| instance_arn.to_owned());
        let (mine, theirs) = link::open(&self.world, self.node, &self.life, &plane.life, instance);
        let control = plane.control.clone();
        plane.life.spawn(async move {
            match serve {
                Serve::Acs(query) => control.serve_acs(theirs, peer, query, World::ORIGIN.to_owned()).await,
                Serve::Tcs(path, query) => control.serve_tcs(theirs, peer, path, query).await,
            };
        });
        self.world.net.carry(self.node, Way::Down).await.map_err(broke)?;
        self.life.edge().await;
        Ok(mine)
    }
}

impl Uplink {
    /// Calls the API. The call may be delivered again, later, also when its agent is dead by then.
    async fn call<T, F, Fut>(&self, operation: &'static str, request: F) -> Result<T, CallError>
    where
        F: Fn(Arc<Ecs>, Cx) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<T, ApiError>> + Send + 'static,
        T: Send + 'static,
    {
        if let Some(later) = self.world.net.doubles(self.node) {
            let (world, node, request) = (self.world.clone(), self.node, request.clone());
            tokio::spawn(async move {
                sleep(later).await;
                drop(world.call(node, None, operation, request).await);
            });
        }
        self.world.call(self.node, Some(&self.life), operation, request).await
    }
}

enum Serve {
    Acs(AcsQuery),
    Tcs(String, String),
}

#[async_trait]
impl Upstream for Uplink {
    async fn register(&self, registration: &Registration) -> Result<Registered, UpstreamError> {
        let request = requests::registration(registration);
        let call = self.call("RegisterContainerInstance", move |ecs, cx| {
            let request = request.clone();
            async move { ecs.register_container_instance(&cx, request).await }
        });
        let registered = requests::registered(call.await?)?;
        self.world.check.registered(&registered.arn, self.node);
        Ok(registered)
    }

    async fn discover(&self, cluster: &str, instance_arn: &str) -> Result<Endpoints, UpstreamError> {
        let (cluster, container_instance) = (Some(cluster.to_owned()), Some(instance_arn.to_owned()));
        let request = DiscoverPollEndpointRequest { cluster, container_instance };
        let call = self.call("DiscoverPollEndpoint", move |ecs, cx| {
            let request = request.clone();
            async move { ecs.discover_poll_endpoint(&cx, request).await }
        });
        let answer = call.await?;
        let endpoint = |of: Option<String>| of.unwrap_or_default();
        Ok(Endpoints { acs: endpoint(answer.endpoint), tcs: endpoint(answer.telemetry_endpoint) })
    }

    async fn submit(&self, cluster: &str, task_arn: &str, report: &Report) -> Result<(), UpstreamError> {
        let request = requests::state_change(cluster, task_arn, report);
        let call = self.call("SubmitTaskStateChange", move |ecs, cx| {
            let request = request.clone();
            async move { ecs.submit_task_state_change(&cx, request).await }
        });
        call.await?;
        Ok(())
    }

    async fn tags(&self, _: &str) -> Result<BTreeMap<String, String>, UpstreamError> {
        Err(UpstreamError::Transport("no simulated container asks for tags".to_owned()))
    }

    async fn protection(
        &self,
        _: &str,
        _: &str,
        _: Option<ProtectionChange>,
    ) -> Result<ProtectionAnswer, UpstreamError> {
        Err(UpstreamError::Transport("no simulated container asks for protection".to_owned()))
    }

    async fn open_acs(&self, _: &str, query: &AcsQuery) -> Result<Box<dyn Link>, UpstreamError> {
        let serve = Serve::Acs(query.clone());
        let end = self.open(&query.container_instance_arn, &query.cluster, serve).await?;
        Ok(Box::new(end))
    }

    async fn open_tcs(&self, _: &str, query: &TcsQuery) -> Result<Box<dyn Link>, UpstreamError> {
        if !self.world.knobs.telemetry {
            // Telemetry waits for ever then; nothing else waits for it.
            std::future::pending::<()>().await;
        }
        let (path, text) = (format!("{}{PATH}", control::TCS_ENDPOINT_PATH), query.encode());
        let serve = Serve::Tcs(path.clone(), text.clone());
        let end = self.open(&query.container_instance, &query.cluster, serve).await?;
        let clock = self.world.nodes()[self.node].clock.clone();
        Ok(Box::new(SignedLink { end, path, query: text, clock }))
    }
}

/// A TCS link: each frame starts with the headers that sign it.
struct SignedLink {
    end: link::End,
    path: String,
    query: String,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Link for SignedLink {
    async fn send(&mut self, body: String) -> Result<(), LinkEnd> {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::HOST, HeaderValue::from_static(World::HOST));
        let request = Request {
            method: "GET",
            path: &self.path,
            query: &self.query,
            headers: &headers,
            authority: Some(World::HOST),
            body_sha256: &sha256_hex(body.as_bytes()),
        };
        let credentials = Credentials {
            access_key: World::KEY_ID.to_owned(),
            secret_key: World::SECRET.to_owned(),
            session_token: None,
        };
        let service = wire::ecs::SERVICE.signing_name;
        let added = sign(&request, &credentials, World::REGION, service, self.clock.now());
        headers.extend(added);
        let named = |(name, value): (&HeaderName, &HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let headers: Vec<(String, String)> = headers.iter().filter_map(named).collect();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let text = SignedFrame { headers, body: &body }.to_text();
        Link::send(&mut self.end, text).await
    }

    async fn next(&mut self) -> Result<String, LinkEnd> {
        Link::next(&mut self.end).await
    }

    async fn close(&mut self, reason: &str) {
        Link::close(&mut self.end, reason).await;
    }
}
