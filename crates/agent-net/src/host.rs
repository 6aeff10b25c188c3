//! The driver.

use crate::config::HostNetworkConfig;
use crate::error::{HostError, OpenError, Step};
use crate::pool::{self, Pool};
use crate::rtnl::Rtnl;
use crate::task::Place;
use crate::turns::Turns;
use crate::{bridge, nat};
use agent_driver::{Attached, AwsvpcSpec, Namespace, Network, NetworkError, NetworkSpec};
use async_trait::async_trait;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::io;
use std::sync::Arc;

/// The `awsvpc` network of one host. One process has it open at a time.
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
    bridge: u32,
    pool: Pool,
    turns: Turns,
    _lock: Flock<File>,
}

impl HostNetwork {
    /// Makes the bridge, forwarding and NAT, and begins to fill the pool. Idempotent: tasks that are attached stay so.
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

    /// Removes all tasks' networks, the bridge, NAT and the state directory: everything that any earlier process made
    /// with this configuration. Idempotent.
    ///
    /// # Errors
    /// [`OpenError::InUse`] while a [`HostNetwork`] is open; otherwise what the host refused.
    pub async fn teardown(config: HostNetworkConfig) -> Result<(), OpenError> {
        let done = tokio::task::spawn_blocking(move || teardown(&config)).await;
        done.map_err(io::Error::other).step(|| "tear down the network".into())?
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Host) -> Result<T, HostError> + Send + 'static,
    ) -> Result<T, NetworkError> {
        let host = self.host.clone();
        let done = tokio::task::spawn_blocking(move || work(&host)).await;
        Ok(done.map_err(|e| NetworkError::Host(e.to_string()))??)
    }
}

#[async_trait]
impl Network for HostNetwork {
    async fn attach(&self, spec: &NetworkSpec) -> Result<Attached, NetworkError> {
        let NetworkSpec::Awsvpc(spec) = spec.clone() else {
            return Err(NetworkError::Host("the network mode bridge is not available on this host".into()));
        };
        self.blocking(move |host| host.attach(&spec)).await
    }

    async fn detach(&self, task: &str) -> Result<(), NetworkError> {
        let task = task.to_owned();
        self.blocking(move |host| host.detach(&task)).await
    }

    async fn list(&self) -> Result<Vec<String>, NetworkError> {
        self.blocking(|host| list(&host.config)).await
    }
}

impl Host {
    fn open(config: HostNetworkConfig) -> Result<Self, OpenError> {
        let lock = lock(&config)?;
        for dir in [config.pool_dir(), config.tasks_dir()] {
            fs::create_dir_all(&dir).step(|| format!("create {}", dir.display()))?;
        }
        let mut host = Rtnl::open().step(|| "open a netlink socket".into())?;
        let bridge = bridge::ensure(&config, &mut host)?;
        nat::ensure(&config);
        pool::discard_all(&config).step(|| "remove old spare namespaces".into())?;
        let pool = Pool::start(&config).step(|| "start the pool".into())?;
        Ok(Self { config, bridge, pool, turns: Turns::default(), _lock: lock })
    }

    fn attach(&self, spec: &AwsvpcSpec) -> Result<Attached, HostError> {
        let place = Place::of(&self.config, &spec.task)?;
        let _turn = self.turns.take(&spec.task);
        if !place.observe_complete(spec)? {
            place.remove()?;
            if let Err(error) = place.build(spec, self.bridge, &self.pool) {
                if let Err(error) = place.remove() {
                    tracing::warn!(task = spec.task, %error, "remains of a task's network stay");
                }
                return Err(error);
            }
        }
        Ok(Attached::Task(Namespace::Path(place.netns())))
    }

    fn detach(&self, task: &str) -> Result<(), HostError> {
        let place = Place::of(&self.config, task)?;
        let _turn = self.turns.take(task);
        place.remove()
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
    let names = || -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(config.tasks_dir()) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut names = entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    };
    names().step(|| "list the tasks' networks".into())
}

fn teardown(config: &HostNetworkConfig) -> Result<(), OpenError> {
    if !config.state_dir.exists() {
        // Nobody can have it open, and nothing is bound.
        return Ok(remove_from_host(config)?);
    }
    let _lock = lock(config)?;
    for task in list(config)? {
        Place::of(config, &task)?.remove()?;
    }
    if config.pool_dir().exists() {
        pool::discard_all(config).step(|| "remove spare namespaces".into())?;
    }
    remove_from_host(config)?;
    fs::remove_dir_all(&config.state_dir).step(|| format!("remove {}", config.state_dir.display()))?;
    Ok(())
}

/// What is not in the state directory, and links whose directories were deleted by somebody else.
fn remove_from_host(config: &HostNetworkConfig) -> Result<(), HostError> {
    let mut host = Rtnl::open().step(|| "open a netlink socket".into())?;
    bridge::remove(config, &mut host)?;
    let ours = config.alias_prefix();
    for link in host.links().step(|| "list the interfaces".into())? {
        if link.alias.starts_with(&ours) {
            host.delete_link(link.index).step(|| format!("delete the interface {}", link.name))?;
        }
    }
    nat::remove(config)
}
