//! Networks of tasks: the Engine's own bridge, and an inner driver for awsvpc.
//!
//! A bridge's ports are chosen before its containers exist, and remembered in a file for each task. The Engine publishes
//! them when it starts the containers.

use crate::engine::{Engine, EngineError};
use crate::port::{self, Taken};
use crate::{name, record};
use agent_driver::{
    Attached, BridgeSpec, Endpoint, Namespace, Network, NetworkError, NetworkSpec, PortBinding, Protocol,
    RuntimeId,
};
use async_trait::async_trait;
use bollard::models::{PortSummary, PortSummaryTypeEnum};
use bollard::query_parameters::ListContainersOptions;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Publishes ports through the Engine.
pub(crate) struct DockerNetwork {
    engine: Arc<Engine>,
    awsvpc: Arc<dyn Network>,
    range: RangeInclusive<u16>,
    dir: PathBuf,
    plans: Mutex<BTreeMap<String, Plan>>,
}

/// What a task was promised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Plan {
    spec: BridgeSpec,
    bindings: BTreeMap<RuntimeId, Vec<PortBinding>>,
}

#[async_trait]
impl Network for DockerNetwork {
    async fn attach(&self, spec: &NetworkSpec) -> Result<Attached, NetworkError> {
        name::check(spec.task()).map_err(NetworkError::Host)?;
        match spec {
            NetworkSpec::Awsvpc(_) => self.awsvpc.attach(spec).await,
            NetworkSpec::Bridge(spec) => self.promise(spec).await.map(Plan::into_attached),
        }
    }

    async fn detach(&self, task: &str) -> Result<(), NetworkError> {
        name::check(task).map_err(NetworkError::Host)?;
        {
            let mut plans = self.plans.lock().await;
            record::remove(&self.file(task)).map_err(host("forget the ports"))?;
            plans.remove(task);
        }
        self.awsvpc.detach(task).await
    }

    async fn list(&self) -> Result<Vec<String>, NetworkError> {
        let mut tasks: BTreeSet<String> = self.awsvpc.list().await?.into_iter().collect();
        tasks.extend(self.plans.lock().await.keys().cloned());
        Ok(tasks.into_iter().collect())
    }
}

impl DockerNetwork {
    pub(crate) fn open(
        engine: Arc<Engine>,
        awsvpc: Arc<dyn Network>,
        range: RangeInclusive<u16>,
        dir: PathBuf,
    ) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let mut plans = BTreeMap::new();
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "json")
                && let Some(plan) = record::read::<Plan>(&path)?
            {
                plans.insert(plan.spec.task.clone(), plan);
            }
        }
        Ok(Self { engine, awsvpc, range, dir, plans: Mutex::new(plans) })
    }

    fn file(&self, task: &str) -> PathBuf {
        self.dir.join(format!("{task}.json"))
    }

    async fn promise(&self, spec: &BridgeSpec) -> Result<Plan, NetworkError> {
        let mut plans = self.plans.lock().await;
        if let Some(known) = plans.get(&spec.task).filter(|known| known.spec == *spec) {
            return Ok(known.clone());
        }
        let mut taken = self.published().await.map_err(|e| NetworkError::Host(e.to_string()))?;
        let others = plans.iter().filter(|(task, _)| **task != spec.task).map(|(_, plan)| plan);
        taken.extend(
            others.flat_map(|plan| plan.bindings.values().flatten()).flat_map(PortBinding::host_ports),
        );
        let mut bindings = BTreeMap::new();
        for container in &spec.containers {
            let chosen = container.ports.iter().map(|request| port::choose(request, &self.range, &mut taken));
            bindings.insert(container.id.clone(), chosen.collect::<Result<_, _>>()?);
        }
        let plan = Plan { spec: spec.clone(), bindings };
        record::write(&self.file(&spec.task), &plan).map_err(host("remember the ports"))?;
        plans.insert(spec.task.clone(), plan.clone());
        Ok(plan)
    }

    /// What any container of the Engine publishes: without its proxy, nobody listens there.
    async fn published(&self) -> Result<Taken, EngineError> {
        let containers =
            self.engine.ask(|| self.engine.docker.list_containers(None::<ListContainersOptions>)).await?;
        let published = |port: PortSummary| {
            let protocol = match port.typ {
                Some(PortSummaryTypeEnum::UDP) => Protocol::Udp,
                _ => Protocol::Tcp,
            };
            port.public_port.map(|public| (protocol, public))
        };
        Ok(containers.into_iter().flat_map(|c| c.ports.unwrap_or_default()).filter_map(published).collect())
    }
}

impl Plan {
    fn into_attached(self) -> Attached {
        let endpoint = |(id, bindings): (RuntimeId, Vec<PortBinding>)| {
            let namespace = Namespace::RuntimeBridge { ports: bindings.clone(), links: Vec::new() };
            (id, Endpoint { namespace, address: None, bindings })
        };
        Attached::Containers(self.bindings.into_iter().map(endpoint).collect())
    }
}

fn host(step: &'static str) -> impl Fn(io::Error) -> NetworkError {
    move |error| NetworkError::Host(format!("{step}: {error}"))
}
