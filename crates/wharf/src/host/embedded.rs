//! Wharf's own runtime, image store and volumes.

use super::{HostDrivers, network_config};
use crate::data_dir::DataDir;
use agent_driver::{Runtime, RuntimeState, StopSignal};
use agent_image::ImageStore;
use agent_net::HostNetwork;
use agent_runtime::{OciRuntime, OciRuntimeConfig, SILENCE_MS, ShimCommand};
use agent_volume::HostVolumes;
use anyhow::{Context, Result};
use std::sync::Arc;

/// Makes the network and the built-in image when they are missing.
pub async fn open(data: &DataDir) -> Result<HostDrivers> {
    let images = ImageStore::open(data.images()).context("opening the image store")?;
    images.ensure_builtin().context("publishing the built-in image")?;
    let network = HostNetwork::open(network_config(data)).await.context("making the network of tasks")?;
    Ok(HostDrivers {
        runtime: Arc::new(open_runtime(data)?),
        images: Arc::new(images),
        network: Arc::new(network),
        volumes: Arc::new(HostVolumes::open(&data.volumes())?),
    })
}

/// Removes every container, its task's volumes and what else was left, and says how many were still running.
pub async fn sweep(data: &DataDir) -> Result<usize> {
    let runtime = open_runtime(data)?;
    let seen = runtime.list().await?;
    let mut running = 0;
    for container in &seen {
        if container.state == RuntimeState::Running {
            running += 1;
            runtime.stop(&container.id, StopSignal::Kill).await?;
        }
        runtime.remove(&container.id).await?;
    }
    runtime.teardown().await?;
    HostVolumes::open(&data.volumes())?.teardown().await?;
    Ok(running)
}

fn open_runtime(data: &DataDir) -> Result<OciRuntime> {
    let config = OciRuntimeConfig {
        state_dir: data.run_dir().join("containers"),
        data_dir: data.containers(),
        shim: shim_command(),
        cgroup_parent: data.cgroup_parent().into(),
        silence_ms: SILENCE_MS,
    };
    OciRuntime::new(config).context("opening the container runtime")
}

/// This very program as a shim; `/proc/self/exe` stays the same file when a new version is installed over it.
pub fn shim_command() -> ShimCommand {
    ShimCommand { program: "/proc/self/exe".into(), args: vec![crate::SHIM.into()] }
}
