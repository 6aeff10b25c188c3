//! The agent's side: starts shims, and reads what they left.

use crate::cgroup::Hierarchies;
use crate::dir::{ContainerDir, Launch, PATIENCE, Pids, RECHECK, remove_tree};
use crate::{init, rootfs, shim, sys};
use agent_driver::{
    ContainerSpec, ExecEnd, ExecSpec, Exit, LogOutput, Runtime, RuntimeError, RuntimeId, RuntimeState,
    Sandbox, Seen, Stats, StopSignal, TaskSpec,
};
use async_trait::async_trait;
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::ffi::{CString, OsString};
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep, timeout};

/// In the data directory; no id has a dot.
const SKELETON: &str = ".skeleton";
/// Longer names do not fit where they are used as a directory's name with a suffix.
const ID_BYTES_MAX: usize = 200;

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
}

/// Runs containers under Docker's defaults. Cheap to clone; has no state but what is in its directories, so one that
/// was dropped, even by kill -9, is replaced by another on the same directories.
#[derive(Clone, Debug)]
pub struct OciRuntime(Arc<Host>);

#[derive(Debug)]
struct Host {
    config: OciRuntimeConfig,
    hierarchies: Hierarchies,
    skeleton: PathBuf,
    /// The shim's program on a read-only mount; `None` where there can be none.
    program: Option<OwnedFd>,
}

impl OciRuntime {
    /// Makes the directories and looks at the host's control groups; warns of controllers that are missing.
    ///
    /// # Errors
    /// A directory cannot be made, or `/proc` not be read.
    pub fn new(config: OciRuntimeConfig) -> io::Result<Self> {
        for dir in [&config.state_dir, &config.data_dir] {
            // Programs with the set-user-id bit in an image are nobody else's business.
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let skeleton = config.data_dir.join(SKELETON);
        rootfs::ensure_skeleton(&skeleton)?;
        let program = guard_program(&config.shim.program)
            .inspect_err(
                |error| tracing::warn!(%error, "the shim's program is not guarded against containers"),
            )
            .ok();
        Ok(Self(Arc::new(Host { config, hierarchies: Hierarchies::observe()?, skeleton, program })))
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
        signal(dir, pids.init, libc::SIGKILL)?;
        let Some(shim) = open_held(dir, pids.shim)? else { return Ok(()) };
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
        self.remove_group(&self.0.config.cgroup_parent).await?;
        for dir in [&self.0.config.state_dir, &self.0.config.data_dir] {
            match std::fs::remove_dir_all(dir) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(host("remove directory")(e)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Kills what is left in a group and removes it.
    async fn remove_group(&self, group: &Path) -> Result<(), RuntimeError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.0.hierarchies.remove(group) {
                Err(e) if e.kind() == ErrorKind::ResourceBusy && Instant::now() < deadline => {
                    for pid in self.0.hierarchies.processes(group) {
                        // It may be gone by now.
                        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
                    }
                    sleep(RECHECK).await;
                }
                other => return other.map_err(host("remove cgroup")),
            }
        }
    }
}

#[async_trait]
impl Runtime for OciRuntime {
    async fn ensure_task(&self, task: &TaskSpec) -> Result<Sandbox, RuntimeError> {
        check_name(&task.id)?;
        let task = task.clone();
        self.blocking(move |at| {
            at.hierarchies.ensure_task(&at.config.cgroup_parent, &task).map_err(create("cgroup"))
        })
        .await?;
        Ok(Sandbox::default())
    }

    async fn restart(&self, _id: &RuntimeId, _attempt: u32) -> Result<(), RuntimeError> {
        Err(RuntimeError::Host("restarting is not there yet".to_owned()))
    }

    async fn exec(&self, _id: &RuntimeId, _spec: &ExecSpec) -> Result<ExecEnd, RuntimeError> {
        Err(RuntimeError::Host("exec is not there yet".to_owned()))
    }

    async fn stats(&self, _id: &RuntimeId) -> Result<Stats, RuntimeError> {
        Err(RuntimeError::Host("figures are not there yet".to_owned()))
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

    async fn stop(&self, id: &RuntimeId, stop_signal: StopSignal) -> Result<(), RuntimeError> {
        let dir = self.0.dir(id)?;
        match dir.observe().map_err(host("observe"))? {
            None => Err(RuntimeError::NotFound(id.clone())),
            Some(RuntimeState::Exited(_) | RuntimeState::Unstarted) => Ok(()),
            Some(RuntimeState::Lost) => Err(lost(id)),
            Some(RuntimeState::Running) => {
                let number = match stop_signal {
                    StopSignal::Terminate => libc::SIGTERM,
                    StopSignal::Kill => libc::SIGKILL,
                };
                match self.pids(&dir).await? {
                    Some(pids) => signal(&dir, pids.init, number),
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
                && let Some(shim) = open_held(&dir, pids.shim)?
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
        self.remove_group(&self.0.group(id, launch.as_ref())).await?;
        self.blocking(move |_| {
            let spool = launch.and_then(|launch| match launch.spec.log {
                LogOutput::Spool(spool) => Some(spool.dir),
                _ => None,
            });
            // The launch record goes after the spool that only it knows.
            for tree in spool.iter().chain([&dir.data, &dir.state]) {
                remove_tree(tree)
                    .map_err(|e| RuntimeError::Host(format!("remove {}: {e}", tree.display())))?;
            }
            Ok(())
        })
        .await
    }

    async fn remove_task(&self, task: &str) -> Result<(), RuntimeError> {
        check_name(task)?;
        self.remove_group(&self.0.config.cgroup_parent.join(task)).await
    }

    async fn list(&self) -> Result<Vec<Seen>, RuntimeError> {
        self.blocking(|at| at.list().map_err(host("list"))).await
    }
}

impl Host {
    fn dir(&self, id: &RuntimeId) -> Result<ContainerDir, RuntimeError> {
        check_name(&id.0)?;
        Ok(ContainerDir { state: self.config.state_dir.join(&id.0), data: self.config.data_dir.join(&id.0) })
    }

    fn group(&self, id: &RuntimeId, launch: Option<&Launch>) -> PathBuf {
        match launch {
            Some(launch) => launch.cgroup.clone(),
            None => self.config.cgroup_parent.join(task_of(id)).join(&id.0),
        }
    }

    fn start(&self, spec: ContainerSpec) -> Result<(), RuntimeError> {
        let id = spec.id.clone();
        let dir = self.dir(&id)?;
        let Some(lock) = self.make(&dir, &id)? else { return Ok(()) };
        // The shim comes up while its container's files and groups are made.
        let mut shim = self.spawn_shim(&dir, lock).map_err(create("start the shim"))?;
        let outcome = match self.prepare(&dir, spec) {
            Ok(()) => launch(&mut shim),
            Err(failure) => {
                drop(shim.stdin.take());
                Err(failure)
            }
        };
        if outcome.is_err() {
            // It is on its way out, and ours to reap.
            let _ = shim.wait();
        }
        outcome
    }

    /// Makes a container's directory and takes its lock; `None` when the container is there already.
    fn make(&self, dir: &ContainerDir, id: &RuntimeId) -> Result<Option<File>, RuntimeError> {
        let make = || dir.create().map_err(create("make the container's directory"));
        if let Some(lock) = make()? {
            return Ok(Some(lock));
        }
        match dir.observe_settled().map_err(host("observe"))? {
            Some(RuntimeState::Running | RuntimeState::Exited(_)) => Ok(None),
            Some(RuntimeState::Unstarted) => {
                remove_tree(&dir.state).map_err(create("remove what was left half-made"))?;
                make()?.map(Some).ok_or_else(|| lost(id))
            }
            Some(RuntimeState::Lost) | None => Err(lost(id)),
        }
    }

    fn spawn_shim(&self, dir: &ContainerDir, lock: File) -> io::Result<Child> {
        let ShimCommand { program, args } = &self.config.shim;
        let mut command = match &self.program {
            Some(guarded) => Command::new(format!("/proc/self/fd/{}", guarded.as_raw_fd())),
            None => Command::new(program),
        };
        command.args(args).arg(&dir.state).arg(&dir.data).env_clear();
        // Should it ever panic, the lock's file says why.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(lock).spawn()
    }

    /// All that a container is made of, but for its processes and mounts.
    fn prepare(&self, dir: &ContainerDir, spec: ContainerSpec) -> Result<(), RuntimeError> {
        // Of before a reboot.
        remove_tree(&dir.data).map_err(create("remove old files"))?;
        make_data_dirs(dir).map_err(create("make the container's directories"))?;
        let cgroup = self.config.cgroup_parent.join(&spec.task).join(&spec.id.0);
        let (skeleton, hierarchies) = (self.skeleton.clone(), self.hierarchies.clone());
        let launch = Launch { spec, skeleton, hierarchies, cgroup };
        dir.write_launch(&launch).map_err(create("launch.json"))?;
        self.hierarchies.ensure_container(&launch.cgroup, &launch.spec).map_err(create("cgroup"))
    }

    fn list(&self) -> io::Result<Vec<Seen>> {
        let mut ids = BTreeSet::new();
        for dir in [&self.config.state_dir, &self.config.data_dir] {
            for entry in fs::read_dir(dir)? {
                ids.extend(entry?.file_name().into_string().ok().filter(|name| check_name(name).is_ok()));
            }
        }
        let mut seen = Vec::new();
        for id in ids.into_iter().map(RuntimeId) {
            let Ok(dir) = self.dir(&id) else { continue };
            let task = dir.read_launch()?.map_or_else(|| task_of(&id).to_owned(), |launch| launch.spec.task);
            seen.extend(dir.observe_settled()?.map(|state| Seen { id, task, state }));
        }
        Ok(seen)
    }
}

/// Init is a copy of the shim until it executes the container's program, and a container that makes it execute
/// `/proc/self/exe` instead gets hold of the shim's file. On a detached read-only mount it cannot write to that.
fn guard_program(program: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(program.as_os_str().as_encoded_bytes())?;
    let mount = sys::clone_mount(&path)?;
    sys::make_read_only(mount.as_fd())?;
    Ok(mount)
}

/// Lets a shim begin, and answers what it reports.
fn launch(shim: &mut Child) -> Result<(), RuntimeError> {
    let (stdin, stdout) = (shim.stdin.take().expect("it is piped"), shim.stdout.take().expect("it is piped"));
    // A shim that is gone is seen below.
    let _ = { stdin }.write_all(&[shim::GO]);
    let mut report = Vec::new();
    { stdout }.read_to_end(&mut report).map_err(host("the shim's report"))?;
    init::read_report(&report)
}

fn make_data_dirs(dir: &ContainerDir) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(&dir.data)?;
    // The overlay's root has the mode of this.
    DirBuilder::new().mode(0o755).create(dir.data.join("upper"))?;
    fs::create_dir(dir.data.join("work"))
}

/// Ids become names of directories and control groups.
fn check_name(name: &str) -> Result<(), RuntimeError> {
    let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
    if (1..=ID_BYTES_MAX).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(RuntimeError::Create(format!("{name:?} cannot be an id: lower-case letters, digits and hyphens can")))
}

/// The task of a container whose launch record is gone: ids are `TASKID-N`.
fn task_of(id: &RuntimeId) -> &str {
    id.0.rsplit_once('-').map_or(&id.0, |(task, _)| task)
}

/// A process of a container, when its shim still vouches for the number. Opened before the look at the lock: then it
/// cannot be a later process with that number.
fn open_held(dir: &ContainerDir, pid: i32) -> Result<Option<OwnedFd>, RuntimeError> {
    match sys::pidfd_open(pid) {
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        Err(e) => Err(host("pidfd_open")(e)),
        Ok(pidfd) => Ok(dir.is_held().map_err(host("lock"))?.then_some(pidfd)),
    }
}

/// A process that has ended is no error.
fn signal(dir: &ContainerDir, pid: i32, number: libc::c_int) -> Result<(), RuntimeError> {
    let Some(pidfd) = open_held(dir, pid)? else { return Ok(()) };
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
