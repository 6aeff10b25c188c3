//! All drivers over one Engine.

use crate::cgroup::TaskGroups;
use crate::engine::{Engine, EngineError};
use crate::images::DockerImages;
use crate::network::DockerNetwork;
use crate::output::Outputs;
use crate::runtime::DockerRuntime;
use crate::volumes::DockerVolumes;
use crate::{name, record};
use agent_driver::{Images, Network, Runtime, Volumes};
use agent_host::dynamic_ports;
use bollard::query_parameters::{ListContainersOptions, ListVolumesOptions, RemoveVolumeOptions};
use bollard::{API_DEFAULT_VERSION, Docker};
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How long an answer may take to begin; a removed container's files may be many.
const ANSWER_SECS: u64 = 120;

/// Which Engine, and how it is used.
#[derive(Clone, Debug)]
pub struct DockerConfig {
    /// `unix:///run/docker.sock`, `tcp://HOST:PORT` or `http://HOST:PORT`; of an Engine on this host.
    pub address: String,
    /// For what this driver has to remember. Made when missing.
    pub data_dir: PathBuf,
    /// The control group that the tasks' groups are made in, relative to the hierarchies' roots: `wharf`. With the
    /// Engine's systemd driver, the first part of the slices' names.
    pub cgroup_parent: String,
    /// Where dynamic host ports are taken from; from the kernel's ephemeral ports when `None`.
    pub dynamic_ports: Option<RangeInclusive<u16>>,
}

/// The drivers over one Engine. Dropping it, and them, stops the copying of output; the next one resumes it.
#[derive(Clone)]
pub struct DockerHost {
    engine: Arc<Engine>,
    config: DockerConfig,
    runtime: DockerRuntime,
}

impl DockerHost {
    /// Finds the Engine (API 1.41 or newer) and goes on with the output of the containers that an earlier agent left.
    /// Must be called inside a tokio runtime, before any log driver looks at the spools.
    ///
    /// # Errors
    /// No Engine answers there, or the data directory cannot be used.
    pub async fn connect(config: DockerConfig) -> Result<Self, EngineError> {
        let at = &config.address;
        let docker = match at.strip_prefix("unix://") {
            Some(path) => Docker::connect_with_unix(path, ANSWER_SECS, API_DEFAULT_VERSION)?,
            None => Docker::connect_with_http(at, ANSWER_SECS, API_DEFAULT_VERSION)?,
        };
        let docker = docker.negotiate_version().await?;
        let info = docker.info().await?;
        let instance = instance(&config.data_dir).map_err(EngineError::here("data directory"))?;
        let engine = Arc::new(Engine { docker, instance });
        let groups = TaskGroups::of(&info, &config.cgroup_parent).map_err(EngineError::here("cgroups"))?;
        let outputs = Outputs::resume(engine.clone()).await?;
        let runtime = DockerRuntime::new(engine.clone(), groups, outputs, config.data_dir.join("containers"));
        Ok(Self { engine, config, runtime })
    }

    /// Runs containers.
    pub fn runtime(&self) -> Arc<dyn Runtime> {
        Arc::new(self.runtime.clone())
    }

    /// Brings images.
    pub fn images(&self) -> Arc<dyn Images> {
        Arc::new(DockerImages::new(self.engine.clone()))
    }

    /// Keeps volumes.
    pub fn volumes(&self) -> Arc<dyn Volumes> {
        Arc::new(DockerVolumes::new(self.engine.clone()))
    }

    /// Publishes ports of bridge mode; `awsvpc` makes the interfaces of the other mode.
    ///
    /// # Errors
    /// What was remembered of earlier tasks cannot be read.
    pub fn network(&self, awsvpc: Arc<dyn Network>) -> Result<Arc<dyn Network>, EngineError> {
        let range = self.config.dynamic_ports.clone().unwrap_or_else(dynamic_ports);
        let network = DockerNetwork::open(self.engine.clone(), awsvpc, range, self.ports_dir());
        Ok(Arc::new(network.map_err(EngineError::here("ports"))?))
    }

    /// For a host that Wharf leaves: removes its containers, tasks' volumes, groups and what it remembers. Idempotent.
    ///
    /// # Errors
    /// Something could not be removed.
    pub async fn teardown(&self) -> Result<(), EngineError> {
        self.runtime.remove_all().await?;
        let options = ListContainersOptions {
            all: true,
            filters: Some(self.engine.filter(name::TASK)),
            ..Default::default()
        };
        let left = self.engine.ask(|| self.engine.docker.list_containers(Some(options.clone())));
        let tasks = left.await?.into_iter().filter_map(|found| found.labels?.remove(name::TASK));
        for task in tasks {
            self.runtime.remove_task(&task).await.map_err(|e| EngineError::Here(e.to_string()))?;
        }
        let options = ListVolumesOptions { filters: Some(self.engine.filter(name::TASK)) };
        let volumes = self.engine.docker.list_volumes(Some(options)).await?.volumes.unwrap_or_default();
        for volume in volumes {
            self.engine.docker.remove_volume(&volume.name, None::<RemoveVolumeOptions>).await?;
        }
        self.runtime.groups().remove_parent().map_err(EngineError::here("cgroups"))?;
        record::remove(&self.config.data_dir).map_err(EngineError::here("data directory"))
    }

    fn ports_dir(&self) -> PathBuf {
        self.config.data_dir.join("ports")
    }
}

/// This installation's name in the Engine, drawn once.
fn instance(data_dir: &Path) -> std::io::Result<String> {
    let path = data_dir.join("instance.json");
    if let Some(known) = record::read(&path)? {
        return Ok(known);
    }
    let drawn = fs::read_to_string("/proc/sys/kernel/random/uuid")?.trim().to_owned();
    record::write(&path, &drawn)?;
    Ok(drawn)
}
