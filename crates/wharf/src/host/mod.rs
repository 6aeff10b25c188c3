//! The agent's drivers on this host, put together; and the sweep that removes what they left.

pub mod address;
pub mod choice;
#[cfg(feature = "docker")]
mod docker;
pub mod embedded;
pub mod endpoints;
pub mod join;

use crate::clock::{RandomIds, SystemClock};
use crate::data_dir::{DataDir, Endpoint};
use crate::server::ACCOUNT;
use agent::{Agent, AgentConfig, AwsUpstream, Drivers, FileLedger, Vault, WireSink};
use agent_driver::{Images, Network, Runtime, Volumes};
use agent_log::LogShipper;
use agent_net::{HostNetwork, HostNetworkConfig};
use anyhow::{Context, Result};
use choice::RuntimeChoice;
use model::Scope;
use model::instance::Resources;
use model::network::{DEFAULT_VPC_NETWORK, DEFAULT_VPC_PREFIX_LEN, DefaultVpc};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The drivers that go with a runtime.
pub struct HostDrivers {
    runtime: Arc<dyn Runtime>,
    images: Arc<dyn Images>,
    network: Arc<dyn Network>,
    volumes: Arc<dyn Volumes>,
}

/// What the owner of this host says of it.
pub struct Offer {
    /// What runs the containers.
    pub runtime: Option<RuntimeChoice>,
    /// The cluster to register into.
    pub cluster: String,
    /// `ecs.availability-zone`; when absent it shows the region's first, and tasks of every zone may come.
    pub availability_zone: Option<String>,
    /// Attributes.
    pub attributes: BTreeMap<String, String>,
}

/// An agent with this host's drivers, for the control plane at `endpoint`.
pub async fn open_agent(data: &DataDir, endpoint: &Endpoint, offer: Offer) -> Result<Agent> {
    let (clock, vault) = (Arc::new(SystemClock), Vault::default());
    let connector = endpoint.connector()?;
    let host = match RuntimeChoice::settle(data, offer.runtime.clone())? {
        RuntimeChoice::Embedded => embedded::open(data).await?,
        #[cfg(feature = "docker")]
        RuntimeChoice::Docker(address) => docker::open(data, &address).await?,
        #[cfg(not(feature = "docker"))]
        RuntimeChoice::Docker(_) => return Err(no_docker()),
    };
    let sink = WireSink::new(&endpoint.url, connector.clone(), vault.clone(), clock.clone());
    let drivers = Drivers {
        runtime: host.runtime,
        images: host.images,
        network: host.network,
        volumes: host.volumes,
        logs: Arc::new(LogShipper::new(Arc::new(sink)).context("watching the spools of containers")?),
    };
    let upstream =
        AwsUpstream::new(&endpoint.url, connector, endpoint.credentials(), &endpoint.region, clock.clone())?;
    let ledger = FileLedger::open(&data.ledger())?;
    let config = agent_config(data, &endpoint.region, offer)?;
    Ok(Agent::new(config, drivers, Arc::new(upstream), Arc::new(ledger), vault, clock, Arc::new(RandomIds)))
}

/// What this host offers: all of its cores and memory, to both launch types.
fn agent_config(data: &DataDir, region: &str, offer: Offer) -> Result<AgentConfig> {
    let cores = std::thread::available_parallelism()?.get();
    let memory_mib = memory_total_mib().context("reading the size of the memory from /proc/meminfo")?;
    let hostname = nix::unistd::gethostname()?.to_string_lossy().into_owned();
    Ok(AgentConfig {
        cluster: offer.cluster,
        data_dir: data.ledger(),
        hostname,
        resources: Resources { cpu_units: u32::try_from(cores * 1024)?, memory_mib, ..Resources::default() },
        any_zone: offer.availability_zone.is_none(),
        availability_zone: Some(offer.availability_zone.unwrap_or_else(|| format!("{region}a"))),
        serves_fargate: true,
        attributes: offer.attributes,
    })
}

fn memory_total_mib() -> Option<u32> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find(|l| l.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    u32::try_from(kib / 1024).ok()
}

/// Every account and region shares the block of the default VPC, so the routers are the same for all.
fn network_config(data: &DataDir) -> HostNetworkConfig {
    let vpc = DefaultVpc::of(&Scope::new(ACCOUNT, "us-east-1"));
    let gateways = vpc.subnets.iter().map(|s| (s.gateway(), s.prefix_len)).collect();
    let state_dir = data.run_dir().join("netns");
    HostNetworkConfig {
        state_dir,
        ..HostNetworkConfig::new(DEFAULT_VPC_NETWORK, DEFAULT_VPC_PREFIX_LEN, gateways)
    }
}

/// Removes every container, namespace, mount, link and cgroup that this Wharf left on the host, and says how many
/// containers were still running.
pub async fn sweep(data: &DataDir) -> Result<usize> {
    let running = match RuntimeChoice::known(data)? {
        None | Some(RuntimeChoice::Embedded) => embedded::sweep(data).await?,
        #[cfg(feature = "docker")]
        Some(RuntimeChoice::Docker(address)) => docker::sweep(data, &address).await?,
        #[cfg(not(feature = "docker"))]
        Some(RuntimeChoice::Docker(_)) => return Err(no_docker()),
    };
    HostNetwork::teardown(network_config(data)).await?;
    remove_run_dir(data)?;
    Ok(running)
}

#[cfg(not(feature = "docker"))]
fn no_docker() -> anyhow::Error {
    anyhow::anyhow!("this build of Wharf has no Docker driver: build it with the feature `docker`")
}

fn remove_run_dir(data: &DataDir) -> Result<()> {
    match std::fs::remove_dir_all(data.run_dir()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", data.run_dir().display()))
        }
        _ => Ok(()),
    }
}
