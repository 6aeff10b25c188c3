//! What the agent serves on its host: the task metadata endpoint and introspection.

use crate::server::until;
use agent_metadata::{RateLimit, Source, serve_introspection, serve_tasks};
use agent_net::HostNetwork;
use anyhow::{Context, Result};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// As with the Amazon ECS agent, but on loopback only.
const INTROSPECTION: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 51678);

/// Binds both listeners; what comes back serves them until `stopping` is true. Introspection is done without when another
/// agent of this host has its port.
pub async fn open(
    source: Arc<dyn Source>,
    stopping: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()>> {
    let address = HostNetwork::endpoint_address();
    let tasks = TcpListener::bind(address).await;
    let tasks =
        tasks.with_context(|| format!("listening for the metadata requests of tasks on {address}"))?;
    let introspection = match TcpListener::bind(INTROSPECTION).await {
        Ok(listener) => Some(listener),
        Err(error) => {
            tracing::warn!(%error, address = %INTROSPECTION, "the agent's introspection is not served");
            None
        }
    };
    Ok(async move {
        let introspected = async {
            if let Some(listener) = introspection {
                serve_introspection(listener, source.clone(), until(stopping.clone())).await;
            }
        };
        let served = serve_tasks(tasks, source.clone(), RateLimit::default(), until(stopping.clone()));
        tokio::join!(served, introspected);
    })
}
