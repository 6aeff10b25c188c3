//! An agent's links to the sessions of a [`World`], over pipes in memory.

use crate::world::{KEY_ID, SECRET, World, arn, peer};
use acs::link::{AcsQuery, TcsQuery};
use acs::{PayloadMessage, ServerMessage, TaskManifestMessage};
use control::{Peer, SessionEnd, Socket};
use std::ops::{Deref, DerefMut};
use testkit::Link;
use testkit::telemetry::Signer;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use wire::sigv4::Credentials;

/// How the agents reach the control plane.
pub const ORIGIN: &str = "http://10.0.0.5:4566";

/// How much a pipe holds.
const PIPE_BYTES: usize = 1 << 16;

/// A link and the session at its other end.
pub struct Agent {
    link: Link<DuplexStream>,
    session: JoinHandle<SessionEnd>,
}

impl Deref for Agent {
    type Target = Link<DuplexStream>;

    fn deref(&self) -> &Self::Target {
        &self.link
    }
}

impl DerefMut for Agent {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.link
    }
}

impl Agent {
    /// Opens an ACS link, without a look at what comes first.
    pub async fn open(world: &World, instance: &str, query: AcsQuery) -> Self {
        Self::open_with(world, peer(instance), query).await
    }

    /// The same with another key.
    pub async fn open_with(world: &World, peer: Peer, query: AcsQuery) -> Self {
        let (here, there) = tokio::io::duplex(PIPE_BYTES);
        let control = world.control.clone();
        let session = tokio::spawn(async move {
            control.serve_acs(Socket::server(there).await, peer, query, ORIGIN.into()).await
        });
        Self { link: Link::upgraded(here).await, session }
    }

    /// Opens an ACS link and takes its manifest.
    pub async fn connect(world: &World, instance: &str) -> (Self, TaskManifestMessage) {
        let mut agent = Self::open(world, instance, AcsQuery::default()).await;
        let manifest = match agent.next().await {
            ServerMessage::TaskManifest(manifest) => manifest,
            other => panic!("a manifest comes first, not {other:?}"),
        };
        (agent, manifest)
    }

    /// Opens a TCS link, and answers what signs its frames.
    pub async fn telemetry(world: &World, instance: &str) -> (Self, Signer) {
        Self::telemetry_with(world, peer(instance)).await
    }

    /// The same with another key; its frames count for nothing.
    pub async fn telemetry_with(world: &World, peer: Peer) -> (Self, Signer) {
        let (here, there) = tokio::io::duplex(PIPE_BYTES);
        let control = world.control.clone();
        let (container_instance, docker_version) =
            (arn(peer.instance.1.as_str()), "20.10.24 +dfsg1".to_owned());
        let query = TcsQuery { container_instance, docker_version, ..TcsQuery::default() };
        let signer = Signer {
            credentials: Credentials {
                access_key: KEY_ID.to_owned(),
                secret_key: SECRET.to_owned(),
                session_token: None,
            },
            region: "us-east-1".to_owned(),
            authority: "127.0.0.1:4566".to_owned(),
            path: "/tcs/ws".to_owned(),
            query: query.encode(),
        };
        let (path, query) = (signer.path.clone(), signer.query.clone());
        let session =
            tokio::spawn(
                async move { control.serve_tcs(Socket::server(there).await, peer, path, query).await },
            );
        (Self { link: Link::upgraded(here).await, session }, signer)
    }

    /// The link breaks.
    pub async fn hang_up(self) -> SessionEnd {
        drop(self.link);
        self.session.await.expect("a session that does not panic")
    }

    /// The session ends by itself.
    pub async fn ended(self) -> SessionEnd {
        self.session.await.expect("a session that does not panic")
    }
}

/// `TASK STATUS` of each entry, with the ids at the ARNs' ends.
pub fn entries(payload: &PayloadMessage) -> Vec<String> {
    let entry =
        |t: &acs::payload::Task| format!("{} {:?}", t.arn.rsplit('/').next().unwrap_or(""), t.desired_status);
    payload.tasks.iter().map(entry).collect()
}
