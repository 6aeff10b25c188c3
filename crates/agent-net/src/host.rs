//! The driver.

use crate::config::HostNetworkConfig;
use crate::error::{HostError, OpenError, Step};
use crate::leases::Leases;
use crate::plan::Plan;
use crate::pool::Pool;
use crate::reaper::{self, Reaper};
use crate::rtnl::Rtnl;
use crate::task::{self, Place};
use crate::turns::Turns;
use crate::{ENDPOINT_ADDRESS, ENDPOINT_BOUND_PORT, docker, firewall, router, wire};
use agent_driver::{Attached, Network, NetworkError, NetworkSpec};
use async_trait::async_trait;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The networks of one host's tasks, in the modes `awsvpc` and `bridge`. One process has it open at a time.
///
/// Its work is done on tokio's blocking threads and goes on when a caller stops waiting, so nothing is left half-made
/// by a dropped future; a kill -9 may leave remains, which the next `attach` or `detach` of the task removes.
#[derive(Clone, Debug)]
pub struct HostNetwork {
    host: Arc<Host>,
}

#[derive(Debug)]
struct Host {
    config: HostNetworkConfig,
    leases: Mutex<Leases>,
    pool: Pool,
    reaper: Reaper,
    turns: Turns,
    _lock: Flock<File>,
}

impl HostNetwork {
    /// Makes the router, forwarding and NAT, and begins to fill the pool. Idempotent: tasks that are attached stay so.
    ///
    /// # Errors
    /// See [`OpenError`]. Missing forwarding or NAT is no error, but warned of.
    pub async fn open(config: HostNetworkConfig) -> Result<Self, OpenError> {
        let opened = tokio::task::spawn_blocking(move || Host::open(config)).await;
        let opened = opened.map_err(io::Error::other).step(|| "open the network".into())?;
        Ok(Self { host: Arc::new(opened?) })
    }

    /// Namespaces that are ready for the next tasks.
    pub fn spares(&self) -> usize {
        self.host.pool.ready()
    }

    /// Removes all tasks' networks, the router, NAT and the state directory: everything that any earlier process made
    /// with this configuration. Idempotent.
    ///
    /// # Errors
    /// [`OpenError::InUse`] while a [`HostNetwork`] is open; otherwise what the host refused.
    pub async fn teardown(config: HostNetworkConfig) -> Result<(), OpenError> {
        let done = tokio::task::spawn_blocking(move || teardown(&config)).await;
        done.map_err(io::Error::other).step(|| "tear down the network".into())?
    }

    /// Where the agent listens for tasks that ask for their metadata: they know it as `169.254.170.2:80`, and are seen
    /// with their own addresses. A host's port 80 stays free for others.
    pub fn endpoint_address() -> SocketAddr {
        (ENDPOINT_ADDRESS, ENDPOINT_BOUND_PORT).into()
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Host) -> Result<T, NetworkError> + Send + 'static,
    ) -> Result<T, NetworkError> {
        let host = self.host.clone();
        let done = tokio::task::spawn_blocking(move || work(&host)).await;
        done.map_err(|e| NetworkError::Host(e.to_string()))?
    }
}

#[async_trait]
impl Network for HostNetwork {
    async fn attach(&self, spec: &NetworkSpec) -> Result<Attached, NetworkError> {
        let spec = spec.clone();
        self.blocking(move |host| host.attach(&spec)).await
    }

    async fn detach(&self, task: &str) -> Result<(), NetworkError> {
        let task = task.to_owned();
        self.blocking(move |host| Ok(host.detach(&task)?)).await
    }

    async fn list(&self) -> Result<Vec<String>, NetworkError> {
        self.blocking(|host| Ok(list(&host.config)?)).await
    }
}

impl Host {
    fn open(config: HostNetworkConfig) -> Result<Self, OpenError> {
        let lock = lock(&config)?;
        for dir in [config.pool_dir(), config.doomed_dir(), config.tasks_dir()] {
            fs::create_dir_all(&dir).step(|| format!("create {}", dir.display()))?;
        }
        let mut host = Rtnl::open().step(|| "open a netlink socket".into())?;
        router::ensure(&config, &mut host)?;
        remove_unowned(&config)?;
        let mut leases = Leases::new(&config);
        let mut published = Vec::new();
        for task in list(&config)? {
            let place = Place::of(&config, &task)?;
            let Some(plan) = place.plan() else { continue };
            leases.keep(&plan);
            if place.was_complete() {
                published.extend(plan.publications());
            }
        }
        firewall::ensure(&config, &published);
        docker::ensure();
        let pool = Pool::start(&config).step(|| "start the pool".into())?;
        let reaper = Reaper::start(&config.doomed_dir()).step(|| "start the reaper".into())?;
        Ok(Self { config, leases: Mutex::new(leases), pool, reaper, turns: Turns::default(), _lock: lock })
    }

    fn attach(&self, spec: &NetworkSpec) -> Result<Attached, NetworkError> {
        let place = Place::of(&self.config, spec.task())?;
        let _turn = self.turns.take(spec.task());
        if let Some(attached) = place.observe(spec)? {
            return Ok(attached);
        }
        self.remove(&place, place.plan().as_ref())?;
        let plan = self.plan(spec)?;
        place.build(&plan, &self.pool, &self.reaper).map_err(|error| {
            if let Err(error) = self.remove(&place, Some(&plan)) {
                tracing::warn!(task = spec.task(), %error, "remains of a task's network stay");
            }
            error.into()
        })
    }

    fn detach(&self, task: &str) -> Result<(), HostError> {
        let place = Place::of(&self.config, task)?;
        let _turn = self.turns.take(task);
        self.remove(&place, place.plan().as_ref())
    }

    fn plan(&self, spec: &NetworkSpec) -> Result<Plan, NetworkError> {
        match spec {
            NetworkSpec::Awsvpc(spec) => {
                let plan = Plan::of_awsvpc(spec);
                Ok(plan.step(|| format!("use {:?} as a MAC address", spec.mac))?)
            }
            NetworkSpec::Bridge(spec) => self.leases().plan(spec),
        }
    }

    /// Addresses and ports are given back once nothing on disk or in the kernel names them.
    fn remove(&self, place: &Place<'_>, plan: Option<&Plan>) -> Result<(), HostError> {
        place.remove(plan, &self.reaper)?;
        if let Some(plan) = plan {
            self.leases().free(plan);
        }
        Ok(())
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by whoever works in the state directory.
fn lock(config: &HostNetworkConfig) -> Result<Flock<File>, OpenError> {
    let path = config.state_dir.join("lock");
    let file = fs::create_dir_all(&config.state_dir).and_then(|()| File::create(&path));
    let file = file.step(|| format!("create {}", path.display()))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| OpenError::InUse(config.state_dir.clone()))
}

fn list(config: &HostNetworkConfig) -> Result<Vec<String>, HostError> {
    task::list(&config.tasks_dir()).step(|| "list the tasks' networks".into())
}

/// Removes what an earlier process left, made and not yet wanted, or wanted no more.
fn remove_unowned(config: &HostNetworkConfig) -> Result<(), HostError> {
    for dir in [config.pool_dir(), config.doomed_dir()] {
        reaper::reap(&dir).step(|| format!("remove namespaces under {}", dir.display()))?;
    }
    Ok(())
}

fn teardown(config: &HostNetworkConfig) -> Result<(), OpenError> {
    if !config.state_dir.exists() {
        // Nobody can have it open, and nothing is bound.
        return Ok(remove_from_host(config)?);
    }
    let _lock = lock(config)?;
    let mut wires = Vec::new();
    for task in list(config)? {
        let dir = config.tasks_dir().join(task);
        wires.extend(wire::all_in(&dir).step(|| format!("list {}", dir.display()))?);
    }
    wire::discard(&wires).step(|| "remove the tasks' networks".into())?;
    remove_unowned(config)?;
    remove_from_host(config)?;
    fs::remove_dir_all(&config.state_dir).step(|| format!("remove {}", config.state_dir.display()))?;
    Ok(())
}

/// What is not in the state directory, and links whose directories were deleted by somebody else.
fn remove_from_host(config: &HostNetworkConfig) -> Result<(), HostError> {
    let mut host = Rtnl::open().step(|| "open a netlink socket".into())?;
    if router::is_of_another(config, &mut host)? {
        return Ok(());
    }
    router::remove(config, &mut host)?;
    let ours = config.alias_prefix();
    for link in host.links().step(|| "list the interfaces".into())? {
        if link.alias.starts_with(&ours) {
            host.delete_link(link.index).step(|| format!("delete the interface {}", link.name))?;
        }
    }
    docker::remove();
    firewall::remove(config)
}
