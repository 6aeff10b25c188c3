//! A host's drivers as one process of its agent calls them. Each call is a point at which the process may die: before the
//! call has its effect, or after it and before its answer. On a bad host calls take long, or fail, with their effect or
//! without.

use crate::dice::Dice;
use crate::knobs::Plant;
use crate::life::Life;
use crate::world::World;
use agent::Drivers;
use agent::fake::FakeHost;
use agent_driver::{
    Attached, ContainerSpec, ExecEnd, ExecSpec, Exit, Image, Images, MountSource, Network, NetworkError,
    NetworkSpec, PullError, PullPolicy, Runtime, RuntimeError, RuntimeId, Sandbox, Seen, Stats, StopSignal,
    TaskSpec, VolumeError, VolumeSpec, Volumes,
};
use async_trait::async_trait;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// How late a call comes that a planted bug lets outlive its agent.
const LATE: Duration = Duration::from_secs(5);

/// What is wrong with the drivers of one host, whichever process calls them.
pub struct Strain {
    dice: Dice,
    /// Longest time of a call, before its effect and again after it.
    slow_max_ms: AtomicU64,
    /// Of so many calls, one fails; 0 is none.
    fails_one_in: AtomicU64,
    /// At which call from now on the agent dies; 0 is none.
    doom: AtomicU64,
}

impl Strain {
    /// Nothing is wrong.
    pub fn new(dice: Dice) -> Arc<Self> {
        let (slow_max_ms, fails_one_in, doom) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { dice, slow_max_ms, fails_one_in, doom })
    }

    /// Calls take up to so long before and after their effect, and one of so many fails; 0 is none.
    pub fn set(&self, slow_max_ms: u64, fails_one_in: u64) {
        self.slow_max_ms.store(slow_max_ms, Ordering::Relaxed);
        self.fails_one_in.store(fails_one_in, Ordering::Relaxed);
    }

    /// The agent dies over the call after so many others, less one; 0 is never.
    pub fn doom(&self, calls: u64) {
        self.doom.store(calls, Ordering::Relaxed);
    }

    fn is_doomed(&self) -> bool {
        let left = self.doom.load(Ordering::Relaxed);
        self.doom.store(left.saturating_sub(1), Ordering::Relaxed);
        left == 1
    }

    async fn pause(&self) {
        let most = self.slow_max_ms.load(Ordering::Relaxed);
        if most > 0 {
            sleep(self.dice.millis(0..most)).await;
        }
    }
}

/// The drivers in the hands of one process.
pub struct Hands {
    /// Where it is.
    pub world: Arc<World>,
    /// What is on the host.
    pub host: Arc<FakeHost>,
    /// What is wrong with it.
    pub strain: Arc<Strain>,
    /// The process.
    pub life: Life,
}

/// An error that says that the host failed.
trait HostFailure {
    fn of(text: &str) -> Self;
}

impl HostFailure for RuntimeError {
    fn of(text: &str) -> Self {
        Self::Host(text.to_owned())
    }
}

impl HostFailure for NetworkError {
    fn of(text: &str) -> Self {
        Self::Host(text.to_owned())
    }
}

impl HostFailure for VolumeError {
    fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl HostFailure for PullError {
    fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Hands {
    /// As the agent takes them.
    pub fn drivers(self) -> Drivers {
        let logs = self.host.clone();
        let me = Arc::new(self);
        Drivers { runtime: me.clone(), images: me.clone(), network: me.clone(), volumes: me, logs }
    }

    /// One call.
    async fn call<T, E: HostFailure>(
        &self,
        effect: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E> {
        let strain = &*self.strain;
        self.life.edge().await;
        strain.pause().await;
        if strain.is_doomed() {
            return self.die(effect).await;
        }
        let fails = strain.dice.one_in(strain.fails_one_in.load(Ordering::Relaxed));
        let answer = if fails && strain.dice.one_in(2) { None } else { Some(effect.await) };
        strain.pause().await;
        self.life.edge().await;
        answer.filter(|_| !fails).unwrap_or_else(|| Err(E::of("the host did not answer")))
    }

    /// The process dies over a call, which has its effect or has not; never a late one.
    async fn die<T, E>(&self, effect: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E> {
        self.world.trace.note(format_args!("fault: an agent dies over a call to a driver"));
        if self.world.knobs.plant == Some(Plant::LateEffect) {
            tokio::spawn(async move {
                sleep(LATE).await;
                drop(effect.await);
            });
        } else if self.strain.dice.one_in(2) {
            drop(effect.await);
        }
        self.life.kill();
        std::future::pending().await
    }
}

#[async_trait]
impl Runtime for Hands {
    fn makes_network_namespaces(&self) -> bool {
        self.host.makes_network_namespaces()
    }

    async fn security_modules(&self) -> Vec<&'static str> {
        self.host.security_modules().await
    }

    async fn ensure_task(&self, task: &TaskSpec) -> Result<Sandbox, RuntimeError> {
        let (host, task) = (self.host.clone(), task.clone());
        self.call(async move { host.ensure_task(&task).await }).await
    }

    async fn start(&self, spec: ContainerSpec) -> Result<(), RuntimeError> {
        let host = self.host.clone();
        self.call(async move { host.start(spec).await }).await
    }

    async fn restart(&self, id: &RuntimeId, attempt: u32) -> Result<(), RuntimeError> {
        let (host, id) = (self.host.clone(), id.clone());
        self.call(async move { host.restart(&id, attempt).await }).await
    }

    async fn exec(&self, id: &RuntimeId, spec: &ExecSpec) -> Result<ExecEnd, RuntimeError> {
        let (host, id, spec) = (self.host.clone(), id.clone(), spec.clone());
        self.call(async move { host.exec(&id, &spec).await }).await
    }

    async fn stats(&self, id: &RuntimeId) -> Result<Stats, RuntimeError> {
        self.host.stats(id).await
    }

    async fn written_bytes(&self, id: &RuntimeId) -> Result<u64, RuntimeError> {
        self.host.written_bytes(id).await
    }

    async fn stop(&self, id: &RuntimeId, signal: StopSignal) -> Result<(), RuntimeError> {
        let (host, id) = (self.host.clone(), id.clone());
        self.call(async move { host.stop(&id, signal).await }).await
    }

    /// Never fails for the host: that would mean that the exit code is lost.
    async fn wait(&self, id: &RuntimeId) -> Result<Exit, RuntimeError> {
        self.life.edge().await;
        let exit = self.host.wait(id).await;
        self.life.edge().await;
        exit
    }

    async fn remove(&self, id: &RuntimeId) -> Result<(), RuntimeError> {
        let (host, id) = (self.host.clone(), id.clone());
        self.call(async move { host.remove(&id).await }).await
    }

    async fn remove_task(&self, task: &str) -> Result<(), RuntimeError> {
        let (host, task) = (self.host.clone(), task.to_owned());
        self.call(async move { host.remove_task(&task).await }).await
    }

    async fn list(&self) -> Result<Vec<Seen>, RuntimeError> {
        let host = self.host.clone();
        self.call(async move { Runtime::list(&*host).await }).await
    }
}

#[async_trait]
impl Images for Hands {
    async fn ensure(&self, reference: &str, policy: PullPolicy) -> Result<Image, PullError> {
        let (host, reference) = (self.host.clone(), reference.to_owned());
        self.call(async move { Images::ensure(&*host, &reference, policy).await }).await
    }
}

#[async_trait]
impl Network for Hands {
    async fn attach(&self, spec: &NetworkSpec) -> Result<Attached, NetworkError> {
        let (host, spec) = (self.host.clone(), spec.clone());
        self.call(async move { host.attach(&spec).await }).await
    }

    async fn detach(&self, task: &str) -> Result<(), NetworkError> {
        let (host, task) = (self.host.clone(), task.to_owned());
        self.call(async move { host.detach(&task).await }).await
    }

    async fn list(&self) -> Result<Vec<String>, NetworkError> {
        let host = self.host.clone();
        self.call(async move { Network::list(&*host).await }).await
    }
}

#[async_trait]
impl Volumes for Hands {
    async fn ensure(&self, spec: &VolumeSpec) -> Result<MountSource, VolumeError> {
        let (host, spec) = (self.host.clone(), spec.clone());
        self.call(async move { Volumes::ensure(&*host, &spec).await }).await
    }

    async fn release(&self, task: &str) -> Result<(), VolumeError> {
        let (host, task) = (self.host.clone(), task.to_owned());
        self.call(async move { host.release(&task).await }).await
    }

    async fn list(&self) -> Result<Vec<String>, VolumeError> {
        let host = self.host.clone();
        self.call(async move { Volumes::list(&*host).await }).await
    }

    async fn used_bytes(&self, task: &str) -> Result<u64, VolumeError> {
        self.host.used_bytes(task).await
    }

    async fn free_bytes(&self) -> Result<u64, VolumeError> {
        self.host.free_bytes().await
    }
}
