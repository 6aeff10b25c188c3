//! A host: containers that run for a while, images, networks and logs.

mod network;
mod volumes;

use crate::host::Drivers;
use agent_driver::{
    ContainerSpec, Endpoint, ExecEnd, ExecSpec, Exit, Image, ImageConfig, ImageId, Images, LogDestination,
    LogError, LogSpec, Logs, NetworkSpec, PullError, PullPolicy, Runtime, RuntimeError, RuntimeId,
    RuntimeState, Sandbox, Seen, Stats, StopSignal, TaskSpec,
};
use async_trait::async_trait;
use model::time::Clock;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
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
    /// What its health checks exit with.
    pub check_code: i32,
    /// What its image declares as volumes.
    pub volumes: Vec<String>,
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
        Self {
            pull,
            start_error: None,
            run_for: None,
            exit_code: 0,
            ignores_terminate: false,
            check_code: 0,
            volumes: Vec::new(),
        }
    }
}

/// What happens on a host, as whoever watches it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostEvent {
    /// A container's program was executed; of a restarted one, once more.
    Started {
        /// The container.
        id: RuntimeId,
        /// Its task.
        task: String,
        /// How often it was started again before.
        restarts: u32,
    },
    /// A container's program has ended.
    Ended {
        /// The container.
        id: RuntimeId,
    },
    /// Nothing is left of a container.
    Removed {
        /// The container.
        id: RuntimeId,
    },
    /// A task has its network.
    Attached(NetworkSpec),
    /// A task asked for what another task on this host still has: an address, or a port.
    Conflict {
        /// Who asked.
        task: String,
        /// Who has it.
        with: String,
        /// What it is.
        of: String,
    },
    /// The host was booted anew.
    Rebooted,
}

/// Told of everything that happens on a host, at once.
pub type Observer = dyn Fn(&HostEvent) + Send + Sync;

/// A host. It goes on while no agent looks.
pub struct FakeHost {
    clock: Arc<dyn Clock>,
    observer: OnceLock<Arc<Observer>>,
    /// For the lives of containers, which outlive each call.
    me: Weak<Self>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    behaviours: BTreeMap<String, Behaviour>,
    tasks: BTreeSet<String>,
    containers: BTreeMap<RuntimeId, Container>,
    networks: BTreeMap<String, NetworkSpec>,
    /// Endpoints of bridges, as they were first answered.
    bridges: BTreeMap<String, BTreeMap<RuntimeId, Endpoint>>,
    /// Of each task that has volumes of its own, their names.
    volumes: BTreeMap<String, BTreeSet<String>>,
    next_address: u8,
    taken_ports: BTreeSet<u16>,
    makes_namespaces: bool,
    streams: BTreeSet<String>,
    finished_logs: BTreeSet<RuntimeId>,
    /// No line is delivered.
    logs_stuck: bool,
    /// How often each container was really made.
    made: BTreeMap<RuntimeId, u32>,
    /// Bytes that each container has written.
    written: BTreeMap<RuntimeId, u64>,
    /// Bytes in each task's volumes.
    filled: BTreeMap<String, u64>,
    /// Runs of containers so far.
    lives: u64,
    hides_stats: bool,
}

struct Container {
    spec: ContainerSpec,
    behaviour: Behaviour,
    restarts: u32,
    /// Which run of which container this is, of all on the host.
    life: u64,
    state: watch::Sender<RuntimeState>,
}

impl FakeHost {
    /// An empty host.
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            clock,
            observer: OnceLock::new(),
            me: me.clone(),
            state: Mutex::default(),
        })
    }

    /// Tells `observer` of everything that happens from now on. Only the first observer counts.
    pub fn observe(&self, observer: Arc<Observer>) {
        let _ = self.observer.set(observer);
    }

    fn tell(&self, event: &HostEvent) {
        if let Some(observer) = self.observer.get() {
            observer(event);
        }
    }

    /// The drivers of this host.
    pub fn drivers(self: &Arc<Self>) -> Drivers {
        Drivers {
            runtime: self.clone(),
            images: self.clone(),
            network: self.clone(),
            volumes: self.clone(),
            logs: self.clone(),
        }
    }

    /// What containers of `image` do from now on.
    pub fn behave(&self, image: &str, behaviour: Behaviour) {
        self.lock().behaviours.insert(image.to_owned(), behaviour);
    }

    /// What the health checks of a container exit with from now on.
    pub fn set_check(&self, id: &str, code: i32) {
        if let Some(container) = self.lock().containers.get_mut(&RuntimeId(id.to_owned())) {
            container.behaviour.check_code = code;
        }
    }

    /// The runtime makes namespaces of its own for tasks, as one under a virtual machine does.
    pub fn make_namespaces(&self) {
        self.lock().makes_namespaces = true;
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
        self.tasks().is_empty()
    }

    /// The tasks of which the host holds anything.
    pub fn tasks(&self) -> BTreeSet<String> {
        let state = self.lock();
        let of_containers = state.containers.values().map(|container| &container.spec.task);
        let names = state.tasks.iter().chain(of_containers).chain(state.networks.keys());
        names.chain(state.volumes.keys()).cloned().collect()
    }

    /// The containers whose program runs now, with their tasks.
    pub fn running(&self) -> Vec<(String, String)> {
        let state = self.lock();
        let running = state.containers.iter().filter(|(_, c)| *c.state.borrow() == RuntimeState::Running);
        running.map(|(id, c)| (id.0.clone(), c.spec.task.clone())).collect()
    }

    /// The runtime cannot tell what containers use.
    pub fn hide_stats(&self) {
        self.lock().hides_stats = true;
    }

    /// The log streams that were made.
    pub fn streams(&self) -> Vec<String> {
        self.lock().streams.iter().cloned().collect()
    }

    /// Ends a container.
    pub fn exit(&self, id: &str, code: i32, oom_killed: bool) {
        let exit = Exit { code, at_unix_ms: self.clock.now().0, oom_killed };
        let id = RuntimeId(id.to_owned());
        let state = self.lock().containers.get(&id).map(|container| container.state.clone());
        if let Some(state) = state {
            self.end(&id, &state, exit);
        }
    }

    /// Nothing happens when it has ended before.
    fn end(&self, id: &RuntimeId, state: &watch::Sender<RuntimeState>, exit: Exit) {
        let ended = state.send_if_modified(|state| {
            let ends = *state == RuntimeState::Running;
            if ends {
                *state = RuntimeState::Exited(exit);
            }
            ends
        });
        if ended {
            self.tell(&HostEvent::Ended { id: id.clone() });
        }
    }

    /// Loses a container's exit code together with its shim.
    pub fn lose(&self, id: &str) {
        if let Some(container) = self.lock().containers.get(&RuntimeId(id.to_owned())) {
            container.state.send_replace(RuntimeState::Lost);
        }
    }

    /// From now on no line is delivered.
    pub fn stick_logs(&self) {
        self.lock().logs_stuck = true;
    }

    /// The host is booted anew: nothing runs, and what lived in memory is gone.
    pub fn reboot(&self) {
        let mut state = self.lock();
        state.containers.clear();
        state.networks.clear();
        state.bridges.clear();
        state.tasks.clear();
        drop(state);
        self.tell(&HostEvent::Rebooted);
    }

    fn behaviour(&self, image: &str) -> Behaviour {
        self.lock().behaviours.get(image).cloned().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a container that is not there; its life goes on without an agent.
    fn make(&self, spec: ContainerSpec, behaviour: Behaviour) {
        let (id, task) = (spec.id.clone(), spec.task.clone());
        let (sender, _) = watch::channel(RuntimeState::Running);
        let mut state = self.lock();
        *state.made.entry(id.clone()).or_default() += 1;
        state.lives += 1;
        let life = state.lives;
        let container = Container { spec, behaviour: behaviour.clone(), restarts: 0, life, state: sender };
        state.containers.insert(id.clone(), container);
        drop(state);
        self.tell(&HostEvent::Started { id: id.clone(), task, restarts: 0 });
        self.live(id, life, &behaviour);
    }

    /// Ends the container in its time, unless it was removed or started again by then.
    fn live(&self, id: RuntimeId, life: u64, behaviour: &Behaviour) {
        let Some(run_for) = behaviour.run_for else { return };
        let (me, code) = (self.me.clone(), behaviour.exit_code);
        tokio::spawn(async move {
            tokio::time::sleep(run_for).await;
            let Some(host) = me.upgrade() else { return };
            let container = host.lock().containers.get(&id).map(|c| (c.life, c.state.clone()));
            if let Some((_, state)) = container.filter(|(of, _)| *of == life) {
                let exit = Exit { code, at_unix_ms: host.clock.now().0, oom_killed: false };
                host.end(&id, &state, exit);
            }
        });
    }
}

#[async_trait]
impl Runtime for FakeHost {
    fn makes_network_namespaces(&self) -> bool {
        self.lock().makes_namespaces
    }

    async fn written_bytes(&self, id: &RuntimeId) -> Result<u64, RuntimeError> {
        Ok(self.lock().written.get(id).copied().unwrap_or(0))
    }

    async fn security_modules(&self) -> Vec<&'static str> {
        vec!["apparmor"]
    }

    async fn ensure_task(&self, task: &TaskSpec) -> Result<Sandbox, RuntimeError> {
        let mut state = self.lock();
        state.tasks.insert(task.id.clone());
        let netns = state.makes_namespaces.then(|| PathBuf::from(format!("/sandbox/{}", task.id)));
        Ok(Sandbox { netns })
    }

    async fn restart(&self, id: &RuntimeId, attempt: u32) -> Result<(), RuntimeError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut guard = self.lock();
        let state = &mut *guard;
        let container = state.containers.get_mut(id).ok_or_else(|| RuntimeError::NotFound(id.clone()))?;
        if container.restarts >= attempt {
            return Ok(());
        }
        state.lives += 1;
        (container.restarts, container.life) = (attempt, state.lives);
        container.state.send_replace(RuntimeState::Running);
        *state.made.entry(id.clone()).or_default() += 1;
        let (life, behaviour, task) = (state.lives, container.behaviour.clone(), container.spec.task.clone());
        drop(guard);
        self.tell(&HostEvent::Started { id: id.clone(), task, restarts: attempt });
        self.live(id.clone(), life, &behaviour);
        Ok(())
    }

    async fn exec(&self, id: &RuntimeId, _: &ExecSpec) -> Result<ExecEnd, RuntimeError> {
        let state = self.lock();
        let container = state.containers.get(id).ok_or_else(|| RuntimeError::NotFound(id.clone()))?;
        Ok(ExecEnd { code: Some(container.behaviour.check_code), output: "checked".to_owned() })
    }

    async fn stats(&self, id: &RuntimeId) -> Result<Stats, RuntimeError> {
        let state = self.lock();
        match state.containers.contains_key(id) && !state.hides_stats {
            // Half of a core, all the time.
            true => Ok(Stats {
                at_unix_ms: self.clock.now().0,
                cpu_total_ns: self.clock.now().0.unsigned_abs() * 500_000,
                memory_bytes: 64 << 20,
                memory_limit_bytes: 512 << 20,
                ..Stats::default()
            }),
            false => Err(RuntimeError::NotFound(id.clone())),
        }
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
        let mut state = self.lock();
        let known = state.containers.remove(id).is_some();
        state.written.remove(id);
        drop(state);
        if known {
            self.tell(&HostEvent::Removed { id: id.clone() });
        }
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
            config: ImageConfig { cmd, volumes: self.behaviour(reference).volumes, ..ImageConfig::default() },
            layers: vec![PathBuf::from(reference)],
        })
    }
}

#[async_trait]
impl Logs for FakeHost {
    async fn prepare(&self, spec: &LogSpec) -> Result<(), LogError> {
        let stream = match &spec.destination {
            LogDestination::Awslogs(spec) => format!("{}:{}", spec.group, spec.stream),
            LogDestination::Fluentd(spec) => format!("{}:{}", spec.address, spec.tag),
        };
        self.lock().streams.insert(stream);
        Ok(())
    }

    async fn follow(&self, _: &LogSpec) -> Result<(), LogError> {
        Ok(())
    }

    async fn finish(&self, id: &RuntimeId) -> Result<(), LogError> {
        let is_stuck = self.lock().logs_stuck;
        if is_stuck {
            std::future::pending::<()>().await;
        }
        self.lock().finished_logs.insert(id.clone());
        Ok(())
    }
}
