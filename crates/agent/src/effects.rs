//! Commands into effects, effects into facts.

use crate::backoff::Backoff;
use crate::blueprint::{Blueprint, Container, Networking, Surroundings, container_spec};
use crate::host::Host;
use agent_driver::{
    Attached, ExecEnd, Image, LogOutput, Mount, MountSource, NetworkError, PortBinding, PullPolicy,
    RuntimeError, RuntimeId, Sandbox, StopSignal, VolumeSource, VolumeSpec,
};
use core_task::report::Report;
use core_task::run::{Command, Exit, Fact, Outcome, Signal, StartError};
use model::Timestamp;
use model::reason::ContainerError;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

/// What one task's effects share: nothing here is needed to recover.
pub(crate) struct Effects {
    pub(crate) host: Arc<Host>,
    pub(crate) blueprint: Arc<Blueprint>,
    found: Found,
}

/// What earlier effects found out and later ones need; found out again after a restart.
#[derive(Default)]
struct Found {
    images: Mutex<BTreeMap<usize, Image>>,
    probes: Mutex<BTreeMap<usize, ExecEnd>>,
    sandbox: OnceCell<Sandbox>,
    attached: OnceCell<Attached>,
    volumes: OnceCell<Vec<MountSource>>,
}

impl Effects {
    pub(crate) fn new(host: Arc<Host>, blueprint: Arc<Blueprint>) -> Self {
        Self { host, blueprint, found: Found::default() }
    }

    /// Carries out one command. `None` when it leads to no fact. `report` is what [`Command::Report`] sends.
    pub(crate) async fn carry_out(&self, command: Command, report: Option<Report>) -> Option<Fact> {
        match command {
            Command::EnsureTask => Some(self.ensure_task().await),
            Command::AttachNetwork => Some(self.attach().await),
            Command::EnsureVolumes => Some(self.make_volumes().await),
            Command::PullImage(n) => Some(self.pull(n).await),
            Command::PrepareLog(n) => Some(self.prepare_log(n).await),
            Command::Start(n) => Some(self.start(n).await),
            Command::Restart(n, attempt) => Some(self.restart(n, attempt).await),
            Command::Watch(n, restarts) => Some(self.watch(n, restarts).await),
            Command::Probe(n, probe) => Some(self.probe(n, probe).await),
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
            Command::Remove(_) | Command::DetachNetwork | Command::ReleaseVolumes | Command::RemoveTask => {
                self.take_away(command).await
            }
            Command::Report(_) => {
                let report = report?;
                self.host.submit(&self.blueprint.arn, &report).await;
                Some(Fact::Reported(report))
            }
        }
    }

    /// For what has to be gone in the end.
    async fn take_away(&self, command: Command) -> Option<Fact> {
        let drivers = &self.host.drivers;
        let task = &self.blueprint.id;
        match command {
            Command::Remove(n) => {
                self.until_done("remove a container", || drivers.runtime.remove(self.id(n))).await;
                Some(Fact::Removed(n))
            }
            Command::DetachNetwork => {
                self.until_done("detach a network", || drivers.network.detach(task)).await;
                Some(Fact::NetworkDetached)
            }
            Command::ReleaseVolumes => {
                self.until_done("release volumes", || drivers.volumes.release(task)).await;
                Some(Fact::VolumesReleased)
            }
            Command::RemoveTask => {
                self.until_done("remove a task's cgroup", || drivers.runtime.remove_task(task)).await;
                Some(Fact::TaskRemoved)
            }
            _ => None,
        }
    }

    async fn ensure_task(&self) -> Fact {
        let ensured = async {
            self.host.disk.promise(&self.host.drivers, &self.blueprint).await?;
            self.sandbox().await
        };
        match ensured.await {
            Ok(_) => Fact::TaskReady,
            Err(error) => Fact::TaskFailed(error),
        }
    }

    /// Docker makes a bridge's endpoints when it starts a container, and ECS has its words for that.
    async fn attach(&self) -> Fact {
        let error = match self.attached().await {
            Ok(_) => return Fact::NetworkAttached,
            Err(error) => error,
        };
        let name = match (&self.blueprint.networking, &error) {
            (Networking::Bridge(_), _) | (_, NetworkError::PortTaken { .. }) => {
                ContainerError::CannotStartContainer
            }
            _ => ContainerError::ResourceInitialization,
        };
        Fact::NetworkFailed(name, error.to_string())
    }

    async fn make_volumes(&self) -> Fact {
        match self.volumes().await {
            Ok(_) => Fact::VolumesReady,
            Err(error) => Fact::VolumesFailed(error),
        }
    }

    async fn pull(&self, n: usize) -> Fact {
        let reference = &self.blueprint.containers[n].image;
        match self.host.drivers.images.ensure(reference, PullPolicy::Default).await {
            Ok(image) => {
                let digest = image.digest.clone();
                self.images().insert(n, image);
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
        match self.try_start(n).await {
            Ok(()) => Fact::Started(n),
            Err(error) => Fact::StartFailed(n, error),
        }
    }

    async fn try_start(&self, n: usize) -> Result<(), StartError> {
        let container = &self.blueprint.containers[n];
        let image = self.image(n).await.map_err(StartError::Create)?;
        self.sandbox().await.map_err(StartError::Create)?;
        let has_network = self.blueprint.spec.has_network;
        let attached = match has_network {
            true => Some(self.attached().await.map_err(|error| StartError::Create(error.to_string()))?),
            false => None,
        };
        let found = Surroundings {
            image: &image,
            attached,
            volumes: self.volumes().await.map_err(StartError::Create)?,
            image_volumes: self.image_volumes(n).await.map_err(StartError::Create)?,
            gpu_devices: self.host.gpus.devices(&container.gpus).map_err(StartError::Create)?,
            host_name: &self.host.config.hostname,
        };
        let spec = container_spec(&self.blueprint, n, found);
        let spec = spec.map_err(|error| StartError::Create(error.to_string()))?;
        make_log_dir(&spec.log).map_err(|error| StartError::Create(error.to_string()))?;
        self.host.drivers.runtime.start(spec).await.map_err(start_error)
    }

    /// A container that is not there any more cannot have an exit code either.
    async fn restart(&self, n: usize, attempt: u32) -> Fact {
        match self.host.drivers.runtime.restart(self.id(n), attempt).await {
            Ok(()) => Fact::Started(n),
            Err(RuntimeError::NotFound(_)) => Fact::Lost(n),
            Err(error) => Fact::StartFailed(n, start_error(error)),
        }
    }

    async fn watch(&self, n: usize, restarts: u32) -> Fact {
        match self.host.drivers.runtime.wait(self.id(n)).await {
            Ok(exit) => Fact::Exited(n, restarts, exit_of(exit)),
            Err(error) => {
                tracing::warn!(container = %self.id(n), %error, "a container was lost");
                Fact::Lost(n)
            }
        }
    }

    /// A check that cannot be executed has failed, as in Docker.
    async fn probe(&self, n: usize, probe: u64) -> Fact {
        let began_at = self.host.now();
        let Some(health) = &self.blueprint.containers[n].health else {
            return Fact::Probed(n, probe, Outcome { passed: true, began_at });
        };
        let end = self.host.drivers.runtime.exec(self.id(n), &health.exec).await;
        let end = end.unwrap_or_else(|error| ExecEnd { code: Some(-1), output: error.to_string() });
        let passed = end.code == Some(0);
        if !passed {
            tracing::debug!(container = %self.id(n), code = end.code, "a health check failed");
        }
        self.probes().insert(n, end);
        Fact::Probed(n, probe, Outcome { passed, began_at })
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
        if let Some(image) = self.images().get(&n) {
            return Ok(image.clone());
        }
        let reference = &self.blueprint.containers[n].image;
        let found = self.host.drivers.images.ensure(reference, PullPolicy::PreferCached).await;
        let image = found.map_err(|error| error.to_string())?;
        self.images().insert(n, image.clone());
        Ok(image)
    }

    async fn sandbox(&self) -> Result<&Sandbox, String> {
        let ensure = || async {
            let ensured = self.host.drivers.runtime.ensure_task(&self.blueprint.task).await;
            ensured.map_err(|error| error.to_string())
        };
        self.found.sandbox.get_or_try_init(ensure).await
    }

    /// Asked for after a restart too, when it answers as before; never once the network was detached.
    async fn attached(&self) -> Result<&Attached, NetworkError> {
        let ensure = || async {
            let drivers = &self.host.drivers;
            let sandbox = match drivers.runtime.makes_network_namespaces() {
                true => self.sandbox().await.map_err(NetworkError::Host)?.netns.clone(),
                false => None,
            };
            let spec = self.blueprint.networking.to_attach(sandbox);
            let none = || NetworkError::Host("the task has no network of its own".to_owned());
            drivers.network.attach(&spec.ok_or_else(none)?).await
        };
        self.found.attached.get_or_try_init(ensure).await
    }

    /// Learns after a restart which ports the network has, as long as nothing can take it away.
    pub(crate) async fn recall_network(&self) {
        if let Err(error) = self.attached().await {
            tracing::warn!(task = self.blueprint.id, %error, "a task's network cannot be told");
        }
    }

    async fn volumes(&self) -> Result<&Vec<MountSource>, String> {
        let ensure = || async {
            let mut sources = Vec::new();
            for volume in &self.blueprint.volumes {
                let source = self.host.drivers.volumes.ensure(volume).await;
                sources.push(source.map_err(|error| format!("volume {}: {error}", volume.name))?);
            }
            Ok(sources)
        };
        self.found.volumes.get_or_try_init(ensure).await
    }

    /// What images declare as volumes, the container's own and those of containers whose mounts it repeats.
    async fn image_volumes(&self, n: usize) -> Result<Vec<Mount>, String> {
        let container = &self.blueprint.containers[n];
        let own = container.needs_image_volumes.then_some((n, false));
        let mut mounts = Vec::new();
        for (of, read_only) in own.into_iter().chain(container.volume_sources.iter().copied()) {
            for target in self.image(of).await?.config.volumes {
                let volume = VolumeSpec {
                    task: self.blueprint.id.clone(),
                    name: format!("{target} of container {of}"),
                    source: VolumeSource::Task,
                };
                let source = self.host.drivers.volumes.ensure(&volume).await;
                let source = source.map_err(|error| format!("volume {target}: {error}"))?;
                mounts.push(Mount { source, target, read_only, copy_up: true });
            }
        }
        Ok(mounts)
    }

    /// Ports of the host that lead to a container, as far as they are known.
    pub(crate) fn bindings(&self, container: &Container) -> &[PortBinding] {
        match self.found.attached.get() {
            Some(Attached::Containers(endpoints)) => {
                endpoints.get(&container.draft.id).map_or(&[], |endpoint| &endpoint.bindings)
            }
            _ => &[],
        }
    }

    /// What the network driver answered.
    pub(crate) fn known_network(&self) -> Option<&Attached> {
        self.found.attached.get()
    }

    /// Where a volume of the task is, as far as that is known.
    pub(crate) fn known_volume(&self, volume: usize) -> Option<&MountSource> {
        self.found.volumes.get()?.get(volume)
    }

    /// The id of a container's image, as far as it is known.
    pub(crate) fn known_image(&self, n: usize) -> Option<String> {
        self.images().get(&n).map(|image| image.id.0.clone())
    }

    /// How a container's last health check ended.
    pub(crate) fn last_probe(&self, n: usize) -> Option<ExecEnd> {
        self.probes().get(&n).cloned()
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
        &self.blueprint.containers[n].draft.id
    }

    fn images(&self) -> MutexGuard<'_, BTreeMap<usize, Image>> {
        self.found.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn probes(&self) -> MutexGuard<'_, BTreeMap<usize, ExecEnd>> {
        self.found.probes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file is not made together with its directory, as a spool is.
fn make_log_dir(log: &LogOutput) -> std::io::Result<()> {
    match log {
        LogOutput::JsonFile(file) => file.path.parent().map_or(Ok(()), std::fs::create_dir_all),
        LogOutput::Spool(_) | LogOutput::Discard => Ok(()),
    }
}

fn start_error(error: RuntimeError) -> StartError {
    match error {
        RuntimeError::Start(text) => StartError::Start(text),
        error => StartError::Create(error.to_string()),
    }
}

/// The driver's exit in the machine's words.
pub(crate) fn exit_of(exit: agent_driver::Exit) -> Exit {
    Exit { code: exit.code, at: Timestamp(exit.at_unix_ms), oom_killed: exit.oom_killed }
}
