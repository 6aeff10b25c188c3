//! A Docker Engine of this host as the runtime, the image store and the keeper of volumes. Networks of awsvpc tasks are
//! Wharf's own all the same.

use super::{HostDrivers, network_config};
use crate::data_dir::DataDir;
use agent_docker::{DockerConfig, DockerHost};
use agent_driver::RuntimeState;
use agent_net::HostNetwork;
use anyhow::{Context, Result};
use std::sync::Arc;

/// Connects, and makes the network of awsvpc tasks when it is missing.
pub async fn open(data: &DataDir, address: &str) -> Result<HostDrivers> {
    let host = connect(data, address).await?;
    let network = HostNetwork::open(network_config(data)).await.context("making the network of tasks")?;
    Ok(HostDrivers {
        runtime: host.runtime(),
        images: host.images(),
        network: host.network(Arc::new(network))?,
        volumes: host.volumes(),
    })
}

/// Removes what this Wharf has in the Engine, and says how many containers were still running.
pub async fn sweep(data: &DataDir, address: &str) -> Result<usize> {
    let host = connect(data, address).await?;
    let seen = host.runtime().list().await?;
    host.teardown().await?;
    Ok(seen.iter().filter(|container| container.state == RuntimeState::Running).count())
}

async fn connect(data: &DataDir, address: &str) -> Result<DockerHost> {
    let config = DockerConfig {
        address: address.to_owned(),
        data_dir: data.docker(),
        cgroup_parent: data.cgroup_parent(),
        dynamic_ports: None,
    };
    let connected = DockerHost::connect(config).await;
    connected.with_context(|| format!("talking to the Docker Engine at {address}; is it running?"))
}
