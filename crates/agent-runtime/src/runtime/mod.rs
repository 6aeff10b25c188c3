//! The agent's side: starts shims, and reads what they left.

mod exec;
mod host;

use crate::dir::{ContainerDir, PATIENCE, Pids, RECHECK};
use crate::{lsm, signal, sys};
use agent_driver::{
    ContainerSpec, ExecEnd, ExecSpec, Exit, Runtime, RuntimeError, RuntimeId, RuntimeState, Sandbox, Seen,
    Stats, StopSignal, TaskSpec,
};
use async_trait::async_trait;
use host::Host;
use nix::libc;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep, timeout};

/// Longer names do not fit where they are used as a directory's name with a suffix.
const ID_BYTES_MAX: usize = 200;

/// To wake a shim takes some milliseconds, too much for one whose container says something every few seconds.
pub const SILENCE_MS: u16 = 30_000;

/// The program that calls [`shim_main`](crate::shim_main) with the arguments that are added to these.
#[derive(Clone, Debug)]
pub struct ShimCommand {
    /// The program; `/proc/self/exe` survives that its file is replaced.
    pub program: PathBuf,
    /// Its first arguments.
    pub args: Vec<OsString>,
}

/// Where an [`OciRuntime`] works.
#[derive(Clone, Debug)]
pub struct OciRuntimeConfig {
    /// For what does not outlive a reboot: `/run/wharf/containers`. Made when missing.
    pub state_dir: PathBuf,
    /// For the containers' writes; on a file system that can carry an overlay. Made when missing.
    pub data_dir: PathBuf,
    /// How to start a shim.
    pub shim: ShimCommand,
    /// The control group that the tasks' groups are made in, relative to the hierarchies' roots: `wharf`.
    pub cgroup_parent: PathBuf,
    /// How long a container says nothing before its shim rests: [`SILENCE_MS`].
    pub silence_ms: u16,
}

/// Runs containers under Docker's defaults. Cheap to clone; has no state but what is in its directories, so one that
/// was dropped, even by kill -9, is replaced by another on the same directories.
#[derive(Clone, Debug)]
pub struct OciRuntime(Arc<Host>);

impl OciRuntime {
    /// Makes the directories and looks at the host's control groups; warns of controllers that are missing.
    ///
    /// # Errors
    /// A directory cannot be made, or `/proc` not be read.
    pub fn new(config: OciRuntimeConfig) -> io::Result<Self> {
        Ok(Self(Arc::new(Host::new(config)?)))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Host) -> Result<T, RuntimeError> + Send + 'static,
    ) -> Result<T, RuntimeError> {
        let this = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&this))
            .await
            .map_err(|e| RuntimeError::Host(e.to_string()))?
    }

    /// The processes of a container that runs; a moment after its start they may not be known yet. `None` when it came
    /// to its end meanwhile.
    async fn pids(&self, dir: &ContainerDir) -> Result<Option<Pids>, RuntimeError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(pids) = dir.read_pids().map_err(host("state.json"))? {
                return Ok(Some(pids));
            }
            if !dir.is_held().map_err(host("lock"))? {
                return Ok(None);
            }
            if Instant::now() > deadline {
                return Err(RuntimeError::Host("the shim does not come up".to_owned()));
            }
            sleep(RECHECK).await;
        }
    }

    /// Ends a container that may run.
    async fn end(&self, dir: &ContainerDir) -> Result<(), RuntimeError> {
        let Some(RuntimeState::Running) = dir.observe().map_err(host("observe"))? else { return Ok(()) };
        let Some(pids) = self.pids(dir).await? else { return Ok(()) };
        send(dir, pids.init, libc::SIGKILL)?;
        let Some(shim) = dir.open_process(pids.shim).map_err(host("pidfd_open"))? else { return Ok(()) };
        let shim = watch(shim)?;
        if let Ok(ended) = timeout(PATIENCE, await_end(&shim)).await {
            return ended;
        }
        tracing::warn!(dir = %dir.state.display(), "shim does not end, killing it");
        sys::pidfd_send_signal(shim.as_fd(), libc::SIGKILL).map_err(host("kill the shim"))?;
        await_end(&shim).await
    }

    /// Removes the parent group and the directories, for a host that Wharf leaves. Every container was removed before.
    ///
    /// # Errors
    /// [`RuntimeError::Host`] when there are containers, or the host does not let us.
    pub async fn teardown(&self) -> Result<(), RuntimeError> {
        let left = self.list().await?.len();
        if left > 0 {
            return Err(RuntimeError::Host(format!("{left} containers were not removed")));
        }
        self.blocking(Host::remove_parent).await?;
        for dir in [&self.0.config.state_dir, &self.0.config.data_dir] {
            match std::fs::remove_dir_all(dir) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(host("remove directory")(e)),
                _ => {}
            }
        }
        Ok(())
    }

    /// The container, when it runs.
    async fn running(&self, id: &RuntimeId) -> Result<(ContainerDir, Pids), RuntimeError> {
        let dir = self.0.dir(id)?;
        let not_found = || RuntimeError::NotFound(id.clone());
        match dir.observe().map_err(host("observe"))? {
            Some(RuntimeState::Running) => {}
            _ => return Err(not_found()),
        }
        let pids = self.pids(&dir).await?.ok_or_else(not_found)?;
        Ok((dir, pids))
    }
}

#[async_trait]
impl Runtime for OciRuntime {
    async fn security_modules(&self) -> Vec<&'static str> {
        lsm::has_apparmor().then_some("apparmor").into_iter().collect()
    }

    async fn ensure_task(&self, task: &TaskSpec) -> Result<Sandbox, RuntimeError> {
        check_name(&task.id)?;
        let task = task.clone();
        self.blocking(move |at| at.ensure_task(&task)).await?;
        Ok(Sandbox::default())
    }

    async fn start(&self, spec: ContainerSpec) -> Result<(), RuntimeError> {
        check_name(&spec.task)?;
        check_name(&spec.id.0)?;
        let id = spec.id.clone();
        let started = self.blocking(move |at| at.start(spec)).await;
        if let Err(RuntimeError::Create(_) | RuntimeError::Start(_)) = &started {
            self.remove(&id).await?;
        }
        started
    }

    async fn restart(&self, id: &RuntimeId, attempt: u32) -> Result<(), RuntimeError> {
        let id = id.clone();
        self.blocking(move |at| at.restart(&id, attempt)).await
    }

    async fn exec(&self, id: &RuntimeId, spec: &ExecSpec) -> Result<ExecEnd, RuntimeError> {
        let (dir, _) = self.running(id).await?;
        exec::run(&self.0, &dir, id, spec).await
    }

    async fn stats(&self, id: &RuntimeId) -> Result<Stats, RuntimeError> {
        let (dir, pids) = self.running(id).await?;
        let id = id.clone();
        self.blocking(move |at| at.stats(&id, &dir, pids)).await
    }

    async fn written_bytes(&self, id: &RuntimeId) -> Result<u64, RuntimeError> {
        let dir = self.0.dir(id)?;
        self.blocking(move |_| agent_host::tree_bytes(&dir.data).map_err(host("count files"))).await
    }

    async fn stop(&self, id: &RuntimeId, stop_signal: StopSignal) -> Result<(), RuntimeError> {
        let dir = self.0.dir(id)?;
        match dir.observe().map_err(host("observe"))? {
            None => Err(RuntimeError::NotFound(id.clone())),
            Some(RuntimeState::Exited(_) | RuntimeState::Unstarted) => Ok(()),
            Some(RuntimeState::Lost) => Err(lost(id)),
            Some(RuntimeState::Running) => {
                let number = match stop_signal {
                    StopSignal::Terminate => {
                        let launch = dir.read_launch().map_err(host("launch.json"))?;
                        let name = launch.map(|launch| launch.spec.stop_signal).unwrap_or_default();
                        signal::parse(&name).map_err(RuntimeError::Host)?
                    }
                    StopSignal::Kill => libc::SIGKILL,
                };
                match self.pids(&dir).await? {
                    Some(pids) => send(&dir, pids.init, number),
                    None => Ok(()),
                }
            }
        }
    }

    async fn wait(&self, id: &RuntimeId) -> Result<Exit, RuntimeError> {
        let dir = self.0.dir(id)?;
        loop {
            match dir.observe().map_err(host("observe"))? {
                None => return Err(RuntimeError::NotFound(id.clone())),
                Some(RuntimeState::Exited(exit)) => return Ok(exit),
                Some(RuntimeState::Unstarted | RuntimeState::Lost) => return Err(lost(id)),
                Some(RuntimeState::Running) => {}
            }
            if let Some(pids) = self.pids(&dir).await?
                && let Some(shim) = dir.open_process(pids.shim).map_err(host("pidfd_open"))?
            {
                await_end(&watch(shim)?).await?;
            }
            // A process that was being spawned may hold a copy of the lock for a moment longer.
            tokio::task::yield_now().await;
        }
    }

    async fn remove(&self, id: &RuntimeId) -> Result<(), RuntimeError> {
        let dir = self.0.dir(id)?;
        let launch = dir.read_launch().map_err(host("launch.json"))?;
        self.end(&dir).await?;
        let id = id.clone();
        self.blocking(move |at| at.remove(&id, &dir, launch)).await
    }

    async fn remove_task(&self, task: &str) -> Result<(), RuntimeError> {
        check_name(task)?;
        let task = task.to_owned();
        self.blocking(move |at| at.remove_task(&task)).await
    }

    async fn list(&self) -> Result<Vec<Seen>, RuntimeError> {
        self.blocking(|at| at.list().map_err(host("list"))).await
    }
}

/// A process that has ended is no error.
fn send(dir: &ContainerDir, pid: i32, number: libc::c_int) -> Result<(), RuntimeError> {
    let Some(pidfd) = dir.open_process(pid).map_err(host("pidfd_open"))? else { return Ok(()) };
    match sys::pidfd_send_signal(pidfd.as_fd(), number) {
        Err(e) if e.raw_os_error() != Some(libc::ESRCH) => Err(host("signal")(e)),
        _ => Ok(()),
    }
}

#[allow(unsafe_code)]
fn watch(pidfd: OwnedFd) -> Result<AsyncFd<OwnedFd>, RuntimeError> {
    // SAFETY: an OwnedFd is open, and the same, until it is dropped, which only the AsyncFd can do.
    let watched = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE) };
    watched.map_err(|e| host("watch the shim")(e.into()))
}

/// A shim is reaped by the agent that started it; one that was adopted is not ours to reap.
async fn await_end(shim: &AsyncFd<OwnedFd>) -> Result<(), RuntimeError> {
    shim.readable().await.map_err(host("wait for the shim"))?.retain_ready();
    let _ = sys::wait_pidfd(shim.as_fd(), libc::WNOHANG);
    Ok(())
}

fn lost(id: &RuntimeId) -> RuntimeError {
    RuntimeError::Host(format!("the shim of {id} was killed, how the container ended is not known"))
}

fn host(what: &'static str) -> impl Fn(io::Error) -> RuntimeError {
    move |e| RuntimeError::Host(format!("{what}: {e}"))
}

fn create(what: &'static str) -> impl Fn(io::Error) -> RuntimeError {
    move |e| RuntimeError::Create(format!("{what}: {e}"))
}

/// Ids become names of directories and control groups.
fn check_name(name: &str) -> Result<(), RuntimeError> {
    let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
    if (1..=ID_BYTES_MAX).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(RuntimeError::Create(format!("{name:?} cannot be an id: lower-case letters, digits and hyphens can")))
}
