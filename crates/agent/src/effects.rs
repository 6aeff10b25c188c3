//! Commands into effects, effects into facts.

use crate::backoff::Backoff;
use crate::blueprint::{Blueprint, Networking};
use crate::host::Host;
use crate::spec::container_spec;
use agent_driver::{Attached, Image, PullPolicy, RuntimeError, RuntimeId, StopSignal};
use core_task::report::Report;
use core_task::run::{Command, Exit, Fact, Signal, StartError};
use model::Timestamp;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What one task's effects share: nothing here is needed to recover.
pub(crate) struct Effects {
    pub(crate) host: Arc<Host>,
    pub(crate) blueprint: Arc<Blueprint>,
    found: Mutex<Found>,
}

/// What earlier effects found out and later ones need; found out again after a restart.
#[derive(Default)]
struct Found {
    images: BTreeMap<usize, Image>,
    has_cgroup: bool,
    attached: Option<Attached>,
}

impl Effects {
    pub(crate) fn new(host: Arc<Host>, blueprint: Arc<Blueprint>) -> Self {
        Self { host, blueprint, found: Mutex::default() }
    }

    /// Carries out one command. `None` when it leads to no fact. `report` is what [`Command::Report`] sends.
    pub(crate) async fn carry_out(&self, command: Command, report: Option<Report>) -> Option<Fact> {
        let drivers = &self.host.drivers;
        let task = &self.blueprint.id;
        match command {
            Command::EnsureTask => Some(self.ensure_task().await),
            Command::AttachNetwork => Some(self.attach().await),
            Command::PullImage(n) => Some(self.pull(n).await),
            Command::PrepareLog(n) => Some(self.prepare_log(n).await),
            Command::Start(n) => Some(self.start(n).await),
            Command::Watch(n) => Some(self.watch(n).await),
            Command::FollowLog(n) => {
                self.follow_log(n).await;
                None
            }
            Command::Signal(n, signal) => {
                self.signal(n, signal).await;
                None
            }
            Command::SetTimer(timer, at) => {
                let wait_ms = at.millis_since(self.host.now()).max(0);
                tokio::time::sleep(Duration::from_millis(wait_ms as u64)).await;
                Some(Fact::TimerFired(timer))
            }
            Command::FinishLog(n) => Some(self.finish_log(n).await),
            Command::Remove(n) => {
                self.until_done("remove a container", || drivers.runtime.remove(self.id(n))).await;
                Some(Fact::Removed(n))
            }
            Command::DetachNetwork => {
                self.until_done("detach a network", || drivers.network.detach(task)).await;
                Some(Fact::NetworkDetached)
            }
            Command::RemoveTask => {
                self.until_done("remove a task's cgroup", || drivers.runtime.remove_task(task)).await;
                Some(Fact::TaskRemoved)
            }
            Command::Report(_) => {
                let report = report?;
                self.host.submit(&self.blueprint.arn, &report).await;
                Some(Fact::Reported(report))
            }
        }
    }

    async fn ensure_task(&self) -> Fact {
        match self.ensure_cgroup().await {
            Ok(()) => Fact::TaskReady,
            Err(error) => Fact::TaskFailed(error),
        }
    }

    async fn attach(&self) -> Fact {
        match self.ensure_attached().await {
            Ok(_) => Fact::NetworkAttached,
            Err(error) => Fact::NetworkFailed(error),
        }
    }

    async fn pull(&self, n: usize) -> Fact {
        let reference = &self.blueprint.containers[n].image;
        match self.host.drivers.images.ensure(reference, PullPolicy::Default).await {
            Ok(image) => {
                let digest = image.digest.clone();
                self.found().images.insert(n, image);
                Fact::Pulled(n, digest)
            }
            Err(error) => Fact::PullFailed(n, error.to_string()),
        }
    }

    async fn prepare_log(&self, n: usize) -> Fact {
        let Some(log) = &self.blueprint.containers[n].log else { return Fact::LogReady(n) };
        match self.host.drivers.logs.prepare(log).await {
            Ok(()) => Fact::LogReady(n),
            Err(error) => Fact::LogFailed(n, error.to_string()),
        }
    }

    async fn start(&self, n: usize) -> Fact {
        let cannot = |text: String| Fact::StartFailed(n, StartError::Create(text));
        let image = match self.image(n).await {
            Ok(image) => image,
            Err(error) => return cannot(error),
        };
        if let Err(error) = self.ensure_cgroup().await {
            return cannot(error);
        }
        let attached = match &self.blueprint.networking {
            Networking::Awsvpc { .. } => match self.ensure_attached().await {
                Ok(attached) => Some(attached),
                Err(error) => return cannot(error),
            },
            Networking::Host | Networking::Isolated => None,
        };
        let hostname = &self.host.config.hostname;
        let spec = match container_spec(&self.blueprint, n, &image, attached.as_ref(), hostname) {
            Ok(spec) => spec,
            Err(error) => return cannot(error.to_string()),
        };
        match self.host.drivers.runtime.start(spec).await {
            Ok(()) => Fact::Started(n),
            Err(RuntimeError::Start(text)) => Fact::StartFailed(n, StartError::Start(text)),
            Err(error) => cannot(error.to_string()),
        }
    }

    async fn watch(&self, n: usize) -> Fact {
        match self.host.drivers.runtime.wait(self.id(n)).await {
            Ok(exit) => Fact::Exited(n, exit_of(exit)),
            Err(error) => {
                tracing::warn!(container = %self.id(n), %error, "a container was lost");
                Fact::Lost(n)
            }
        }
    }

    async fn signal(&self, n: usize, signal: Signal) {
        let signal = match signal {
            Signal::Terminate => StopSignal::Terminate,
            Signal::Kill => StopSignal::Kill,
        };
        let runtime = &self.host.drivers.runtime;
        let send = || async {
            match runtime.stop(self.id(n), signal).await {
                Err(RuntimeError::NotFound(_)) => Ok(()),
                result => result,
            }
        };
        self.until_done("signal a container", send).await;
    }

    async fn follow_log(&self, n: usize) {
        let Some(log) = &self.blueprint.containers[n].log else { return };
        if let Err(error) = self.host.drivers.logs.follow(log).await {
            tracing::warn!(container = %self.id(n), %error, "a container's output cannot be followed");
        }
    }

    /// Lines that the driver has given up on are not waited for.
    async fn finish_log(&self, n: usize) -> Fact {
        self.follow_log(n).await;
        if let Err(error) = self.host.drivers.logs.finish(self.id(n)).await {
            tracing::warn!(container = %self.id(n), %error, "lines of a container were lost");
        }
        Fact::LogFinished(n)
    }

    /// The image that was pulled; after a restart, the one that is on the host.
    async fn image(&self, n: usize) -> Result<Image, String> {
        if let Some(image) = self.found().images.get(&n) {
            return Ok(image.clone());
        }
        let reference = &self.blueprint.containers[n].image;
        let found = self.host.drivers.images.ensure(reference, PullPolicy::PreferCached).await;
        found.map_err(|error| error.to_string())
    }

    async fn ensure_cgroup(&self) -> Result<(), String> {
        if self.found().has_cgroup {
            return Ok(());
        }
        let ensured = self.host.drivers.runtime.ensure_task(&self.blueprint.id, &self.blueprint.limits).await;
        ensured.map_err(|error| error.to_string())?;
        self.found().has_cgroup = true;
        Ok(())
    }

    async fn ensure_attached(&self) -> Result<Attached, String> {
        if let Some(attached) = &self.found().attached {
            return Ok(attached.clone());
        }
        let Networking::Awsvpc { spec, .. } = &self.blueprint.networking else {
            return Err("the task has no network of its own".to_owned());
        };
        let attached = self.host.drivers.network.attach(spec).await.map_err(|error| error.to_string())?;
        self.found().attached = Some(attached.clone());
        Ok(attached)
    }

    /// For what has to succeed at last: tries again, ever more slowly.
    async fn until_done<F, E>(&self, what: &'static str, attempt: impl Fn() -> F)
    where
        F: Future<Output = Result<(), E>>,
        E: std::fmt::Display,
    {
        let mut backoff = Backoff::standard();
        while let Err(error) = attempt().await {
            tracing::warn!(task = self.blueprint.id, what, %error, "an effect is tried again");
            backoff.wait(&*self.host.ids).await;
        }
    }

    fn id(&self, n: usize) -> &RuntimeId {
        &self.blueprint.containers[n].id
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The driver's exit in the machine's words.
pub(crate) fn exit_of(exit: agent_driver::Exit) -> Exit {
    Exit { code: exit.code, at: Timestamp(exit.at_unix_ms), oom_killed: exit.oom_killed }
}
