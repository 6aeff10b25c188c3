//! A host: containers that run for a while, images, networks and logs.

use crate::host::Drivers;
use agent_driver::{
    Attached, AwslogsSpec, ContainerSpec, Exit, Image, ImageConfig, ImageId, Images, LogError, Logs, Network,
    NetworkError, NetworkSpec, PullError, PullPolicy, Runtime, RuntimeError, RuntimeId, RuntimeState, Seen,
    StopSignal, TaskLimits,
};
use async_trait::async_trait;
use model::time::Clock;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// What happens to containers of an image.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// What happens when it is pulled.
    pub pull: Pull,
    /// Its program cannot be executed, with this text.
    pub start_error: Option<String>,
    /// How long it runs; for ever when absent.
    pub run_for: Option<Duration>,
    /// What it exits with by itself.
    pub exit_code: i32,
    /// It needs SIGKILL.
    pub ignores_terminate: bool,
}

/// What happens when an image is pulled.
#[derive(Clone, Debug)]
pub enum Pull {
    /// It is there after this time.
    After(Duration),
    /// It cannot be had, with this text.
    Fails(String),
    /// Nothing, ever.
    Hangs,
}

impl Default for Behaviour {
    fn default() -> Self {
        let pull = Pull::After(Duration::from_millis(1));
        Self { pull, start_error: None, run_for: None, exit_code: 0, ignores_terminate: false }
    }
}

/// A host. It goes on while no agent looks.
pub struct FakeHost {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    behaviours: BTreeMap<String, Behaviour>,
    tasks: BTreeSet<String>,
    containers: BTreeMap<RuntimeId, Container>,
    networks: BTreeMap<String, NetworkSpec>,
    streams: BTreeSet<String>,
    finished_logs: BTreeSet<RuntimeId>,
    /// How often each container was really made.
    made: BTreeMap<RuntimeId, u32>,
}

struct Container {
    spec: ContainerSpec,
    behaviour: Behaviour,
    state: watch::Sender<RuntimeState>,
}

impl FakeHost {
    /// An empty host.
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default() })
    }

    /// The drivers of this host.
    pub fn drivers(self: &Arc<Self>) -> Drivers {
        Drivers { runtime: self.clone(), images: self.clone(), network: self.clone(), logs: self.clone() }
    }

    /// What containers of `image` do from now on.
    pub fn behave(&self, image: &str, behaviour: Behaviour) {
        self.lock().behaviours.insert(image.to_owned(), behaviour);
    }

    /// How often each container's program was executed.
    pub fn made(&self) -> BTreeMap<String, u32> {
        self.lock().made.iter().map(|(id, n)| (id.0.clone(), *n)).collect()
    }

    /// What a container was made of.
    pub fn spec(&self, id: &str) -> Option<ContainerSpec> {
        self.lock().containers.get(&RuntimeId(id.to_owned())).map(|c| c.spec.clone())
    }

    /// Whether the host holds nothing of any task.
    pub fn is_empty(&self) -> bool {
        let state = self.lock();
        state.tasks.is_empty() && state.containers.is_empty() && state.networks.is_empty()
    }

    /// The tasks that have a network.
    pub fn networks(&self) -> Vec<String> {
        self.lock().networks.keys().cloned().collect()
    }

    /// The log streams that were made.
    pub fn streams(&self) -> Vec<String> {
        self.lock().streams.iter().cloned().collect()
    }

    /// Ends a container.
    pub fn exit(&self, id: &str, code: i32, oom_killed: bool) {
        let exit = Exit { code, at_unix_ms: self.clock.now().0, oom_killed };
        if let Some(container) = self.lock().containers.get(&RuntimeId(id.to_owned())) {
            container.state.send_if_modified(|state| {
                let ends = *state == RuntimeState::Running;
                if ends {
                    *state = RuntimeState::Exited(exit);
                }
                ends
            });
        }
    }

    /// Loses a container's exit code together with its shim.
    pub fn lose(&self, id: &str) {
        if let Some(container) = self.lock().containers.get(&RuntimeId(id.to_owned())) {
            container.state.send_replace(RuntimeState::Lost);
        }
    }

    /// The host is booted anew: nothing runs, and what lived in memory is gone.
    pub fn reboot(&self) {
        let mut state = self.lock();
        state.containers.clear();
        state.networks.clear();
        state.tasks.clear();
    }

    fn behaviour(&self, image: &str) -> Behaviour {
        self.lock().behaviours.get(image).cloned().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a container that is not there; its life goes on without an agent.
    fn make(&self, spec: ContainerSpec, behaviour: Behaviour) {
        let id = spec.id.clone();
        let (sender, _) = watch::channel(RuntimeState::Running);
        if let Some(run_for) = behaviour.run_for {
            let (state, clock, code) = (sender.clone(), self.clock.clone(), behaviour.exit_code);
            tokio::spawn(async move {
                tokio::time::sleep(run_for).await;
                let exit = Exit { code, at_unix_ms: clock.now().0, oom_killed: false };
                state.send_if_modified(|state| {
                    let ends = *state == RuntimeState::Running;
                    if ends {
                        *state = RuntimeState::Exited(exit);
                    }
                    ends
                });
            });
        }
        let mut state = self.lock();
        *state.made.entry(id.clone()).or_default() += 1;
        state.containers.insert(id, Container { spec, behaviour, state: sender });
    }
}

#[async_trait]
impl Runtime for FakeHost {
    async fn ensure_task(&self, task: &str, _: &TaskLimits) -> Result<(), RuntimeError> {
        self.lock().tasks.insert(task.to_owned());
        Ok(())
    }

    async fn start(&self, spec: ContainerSpec) -> Result<(), RuntimeError> {
        // The fake image's only layer is its reference.
        let image = spec.layers.first().map(|l| l.display().to_string()).unwrap_or_default();
        let behaviour = self.behaviour(&image);
        tokio::time::sleep(Duration::from_millis(1)).await;
        if let Some(text) = behaviour.start_error {
            return Err(RuntimeError::Start(text));
        }
        if !self.lock().containers.contains_key(&spec.id) {
            self.make(spec, behaviour);
        }
        Ok(())
    }

    async fn stop(&self, id: &RuntimeId, signal: StopSignal) -> Result<(), RuntimeError> {
        let ignores = match self.lock().containers.get(id) {
            Some(container) => container.behaviour.ignores_terminate,
            None => return Err(RuntimeError::NotFound(id.clone())),
        };
        match signal {
            StopSignal::Terminate if ignores => {}
            StopSignal::Terminate => self.exit(&id.0, 143, false),
            StopSignal::Kill => self.exit(&id.0, 137, false),
        }
        Ok(())
    }

    async fn wait(&self, id: &RuntimeId) -> Result<Exit, RuntimeError> {
        let not_found = || RuntimeError::NotFound(id.clone());
        let mut state = self.lock().containers.get(id).map(|c| c.state.subscribe()).ok_or_else(not_found)?;
        let ended = state.wait_for(|s| *s != RuntimeState::Running).await.map_err(|_| not_found())?;
        match *ended {
            RuntimeState::Exited(exit) => Ok(exit),
            RuntimeState::Running | RuntimeState::Unstarted | RuntimeState::Lost => Err(not_found()),
        }
    }

    async fn remove(&self, id: &RuntimeId) -> Result<(), RuntimeError> {
        self.lock().containers.remove(id);
        Ok(())
    }

    async fn remove_task(&self, task: &str) -> Result<(), RuntimeError> {
        self.lock().tasks.remove(task);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Seen>, RuntimeError> {
        let state = self.lock();
        let seen = state.containers.iter().map(|(id, c)| Seen {
            id: id.clone(),
            task: c.spec.task.clone(),
            state: *c.state.borrow(),
        });
        Ok(seen.collect())
    }
}

#[async_trait]
impl Images for FakeHost {
    async fn ensure(&self, reference: &str, _: PullPolicy) -> Result<Image, PullError> {
        match self.behaviour(reference).pull {
            Pull::After(time) => tokio::time::sleep(time).await,
            Pull::Fails(text) => return Err(PullError(text)),
            Pull::Hangs => std::future::pending().await,
        }
        let cmd = vec!["/program".to_owned()];
        Ok(Image {
            id: ImageId(format!("sha256:{reference}")),
            digest: Some(format!("sha256:{reference}")),
            config: ImageConfig { cmd, ..ImageConfig::default() },
            layers: vec![PathBuf::from(reference)],
        })
    }
}

#[async_trait]
impl Network for FakeHost {
    async fn attach(&self, spec: &NetworkSpec) -> Result<Attached, NetworkError> {
        let mut state = self.lock();
        let taken = state.networks.values().find(|n| n.address == spec.address && n.task != spec.task);
        if let Some(other) = taken {
            return Err(NetworkError(format!("{} is task {}'s", spec.address, other.task)));
        }
        state.networks.insert(spec.task.clone(), spec.clone());
        Ok(Attached { netns: PathBuf::from(format!("/run/netns/{}", spec.task)) })
    }

    async fn detach(&self, task: &str) -> Result<(), NetworkError> {
        self.lock().networks.remove(task);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<String>, NetworkError> {
        Ok(self.networks())
    }
}

#[async_trait]
impl Logs for FakeHost {
    async fn prepare(&self, spec: &AwslogsSpec) -> Result<(), LogError> {
        self.lock().streams.insert(format!("{}:{}", spec.group, spec.stream));
        Ok(())
    }

    async fn follow(&self, _: &AwslogsSpec) -> Result<(), LogError> {
        Ok(())
    }

    async fn finish(&self, id: &RuntimeId) -> Result<(), LogError> {
        self.lock().finished_logs.insert(id.clone());
        Ok(())
    }
}
