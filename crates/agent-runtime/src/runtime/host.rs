//! What an [`OciRuntime`](super::OciRuntime) does on its host. Blocks.

use super::{OciRuntimeConfig, ShimCommand, check_name, create, host, lost};
use crate::cgroup::Hierarchies;
use crate::dir::{ContainerDir, Launch, PATIENCE, Pids, RECHECK};
use crate::holder::{self, Hold};
use crate::{capability, check, device, init, rootfs, shim, sys};
use agent_driver::{ContainerSpec, LogOutput, RuntimeError, RuntimeId, RuntimeState, Seen, Stats, TaskSpec};
use agent_host::remove_tree;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::BTreeSet;
use std::ffi::{CString, OsStr};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// In the data directory; no id has a dot.
const SKELETON: &str = ".skeleton";

#[derive(Debug)]
pub(super) struct Host {
    pub(super) config: OciRuntimeConfig,
    hierarchies: Hierarchies,
    skeleton: PathBuf,
    /// The shim's program on a read-only mount; `None` where there can be none.
    program: Option<OwnedFd>,
    /// Capabilities that there are to be given.
    capabilities: u64,
}

impl Host {
    pub(super) fn new(config: OciRuntimeConfig) -> io::Result<Self> {
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
        let (hierarchies, capabilities) = (Hierarchies::observe()?, capability::available()?);
        Ok(Self { config, hierarchies, skeleton, program, capabilities })
    }

    pub(super) fn dir(&self, id: &RuntimeId) -> Result<ContainerDir, RuntimeError> {
        check_name(&id.0)?;
        Ok(ContainerDir { state: self.config.state_dir.join(&id.0), data: self.config.data_dir.join(&id.0) })
    }

    fn group(&self, id: &RuntimeId, launch: Option<&Launch>) -> PathBuf {
        match launch {
            Some(launch) => launch.cgroup.clone(),
            None => self.new_group(task_of(id), id),
        }
    }

    /// For a container: below its task's, when that has one.
    fn new_group(&self, task: &str, id: &RuntimeId) -> PathBuf {
        let task = self.task_group(task);
        let above = if self.hierarchies.exists(&task) { task } else { self.config.cgroup_parent.clone() };
        above.join(&id.0)
    }

    fn task_group(&self, task: &str) -> PathBuf {
        self.config.cgroup_parent.join(task)
    }

    fn holder_dir(&self, task: &str) -> ContainerDir {
        holder::dir(self.config.state_dir.join(format!("{task}{}", holder::SUFFIX)))
    }

    fn holder_group(&self, task: &str) -> PathBuf {
        self.task_group(task).join(format!("{task}{}", holder::SUFFIX))
    }

    pub(super) fn ensure_task(&self, task: &TaskSpec) -> Result<(), RuntimeError> {
        self.hierarchies.ensure_parent(&self.config.cgroup_parent).map_err(create("cgroup"))?;
        let has_holder = task.shares_pid || task.shares_ipc;
        if has_holder || task.cpu_units.is_some() || task.memory_mib.is_some() {
            self.hierarchies.ensure_task(&self.task_group(&task.id), task).map_err(create("cgroup"))?;
        }
        if !has_holder {
            return Ok(());
        }
        let dir = self.holder_dir(&task.id);
        let deadline = Instant::now() + PATIENCE;
        let lock = loop {
            if let Some(lock) = dir.create().map_err(create("make the holder's directory"))? {
                break lock;
            }
            if holder::find(&dir).map_err(host("the task's namespaces"))?.is_some() {
                return Ok(());
            }
            if !dir.is_held().map_err(host("lock"))? {
                // Whose maker died, or that was killed, and with it all that shared its namespaces.
                remove_tree(&dir.state).map_err(create("remove what was left of the holder"))?;
            } else if Instant::now() > deadline {
                return Err(RuntimeError::Host("the task's holder does not come up".to_owned()));
            } else {
                sleep(RECHECK);
            }
        };
        self.make_holder(task, &dir, lock)
    }

    fn make_holder(&self, task: &TaskSpec, dir: &ContainerDir, lock: File) -> Result<(), RuntimeError> {
        let cgroup = self.holder_group(&task.id);
        self.hierarchies.ensure_plain(&cgroup).map_err(create("cgroup"))?;
        let hierarchies = self.hierarchies.clone();
        let hold = Hold { pid: task.shares_pid, ipc: task.shares_ipc, hierarchies, cgroup };
        hold.write(dir).map_err(create("hold.json"))?;
        let args = [OsStr::new(shim::HOLD), dir.state.as_os_str()];
        let mut maker = self.shim(&args).stderr(lock).spawn().map_err(create("start the holder"))?;
        let made = launch(&mut maker);
        let _ = maker.wait();
        made
    }

    /// The command of a shim, with pipes to it.
    pub(super) fn shim(&self, args: &[&OsStr]) -> Command {
        let ShimCommand { program, args: first } = &self.config.shim;
        let mut command = match &self.program {
            Some(guarded) => Command::new(format!("/proc/self/fd/{}", guarded.as_raw_fd())),
            None => Command::new(program),
        };
        command.args(first).args(args).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    pub(super) fn start(&self, spec: ContainerSpec) -> Result<(), RuntimeError> {
        let id = spec.id.clone();
        let dir = self.dir(&id)?;
        let Some(lock) = self.make(&dir, &id)? else { return Ok(()) };
        // The shim comes up while its container's files and groups are made.
        let mut shim = self.spawn_shim(&dir, lock, 0).map_err(create("start the shim"))?;
        begin(&mut shim, self.prepare(&dir, spec))
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

    fn spawn_shim(&self, dir: &ContainerDir, lock: File, attempt: u32) -> io::Result<Child> {
        let attempt = attempt.to_string();
        let args = [OsStr::new(shim::RUN), dir.state.as_os_str(), dir.data.as_os_str(), attempt.as_ref()];
        // Should it ever panic, the lock's file says why.
        self.shim(&args).stderr(lock).spawn()
    }

    /// All that a container is made of, but for its processes and mounts.
    fn prepare(&self, dir: &ContainerDir, spec: ContainerSpec) -> Result<(), RuntimeError> {
        check::refuse(&spec).map_err(RuntimeError::Create)?;
        self.hierarchies.check(&spec).map_err(RuntimeError::Create)?;
        let capabilities =
            capability::set(&spec.security, self.capabilities).map_err(RuntimeError::Create)?;
        let devices =
            device::gather(&spec.storage, spec.security.privileged).map_err(RuntimeError::Create)?;
        // Of before a reboot.
        remove_tree(&dir.data).map_err(create("remove old files"))?;
        make_data_dirs(dir).map_err(create("make the container's directories"))?;
        let cgroup = self.new_group(&spec.task, &spec.id);
        let (skeleton, hierarchies) = (self.skeleton.clone(), self.hierarchies.clone());
        let holder = self.holder_dir(&spec.task).state;
        let silence_ms = self.config.silence_ms;
        let launch =
            Launch { spec, skeleton, hierarchies, cgroup, devices, capabilities, holder, silence_ms };
        dir.write_launch(&launch).map_err(create("launch.json"))?;
        self.ensure_group(&launch)
    }

    fn ensure_group(&self, launch: &Launch) -> Result<(), RuntimeError> {
        self.hierarchies
            .ensure_container(&launch.cgroup, &launch.spec, &launch.devices)
            .map_err(create("cgroup"))
    }

    pub(super) fn restart(&self, id: &RuntimeId, attempt: u32) -> Result<(), RuntimeError> {
        let dir = self.dir(id)?;
        let Some(lock) = self.take_for(&dir, id, attempt)? else { return Ok(()) };
        let launch = dir.read_launch().map_err(host("launch.json"))?.ok_or_else(|| lost(id))?;
        let mut shim = self.spawn_shim(&dir, lock, attempt).map_err(create("start the shim"))?;
        begin(&mut shim, self.prepare_again(&dir, &launch))
    }

    /// Takes the lock of a container that has exited; `None` when it was restarted that often already.
    fn take_for(
        &self,
        dir: &ContainerDir,
        id: &RuntimeId,
        attempt: u32,
    ) -> Result<Option<File>, RuntimeError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let begun = dir.attempt().map_err(host("begun"))?;
            let state = dir.observe_settled().map_err(host("observe"))?;
            if state.is_some() && begun.is_some_and(|begun| begun >= attempt) {
                return Ok(None);
            }
            match state {
                None => return Err(RuntimeError::NotFound(id.clone())),
                Some(RuntimeState::Exited(_)) => {}
                Some(RuntimeState::Running) => {
                    return Err(RuntimeError::Host(format!("{id} runs, it cannot be restarted")));
                }
                Some(RuntimeState::Unstarted) => {
                    return Err(RuntimeError::Host(format!("{id} has not run, it cannot be restarted")));
                }
                Some(RuntimeState::Lost) => return Err(lost(id)),
            }
            // The shim is about to end, another agent's is about to begin, or somebody looks.
            if let Some(lock) = dir.take().map_err(host("lock"))?
                && dir.attempt().map_err(host("begun"))? == begun
            {
                return Ok(Some(lock));
            }
            if Instant::now() > deadline {
                return Err(RuntimeError::Host(format!("the shim of {id} does not end")));
            }
            sleep(RECHECK);
        }
    }

    /// What an earlier attempt used up.
    fn prepare_again(&self, dir: &ContainerDir, launch: &Launch) -> Result<(), RuntimeError> {
        // With the mark that the volatile overlay leaves there, which says that the host may have gone down meanwhile.
        // It has not: the state directory is still there.
        let work = dir.data.join("work");
        remove_tree(&work).and_then(|()| fs::create_dir(&work)).map_err(create("clear the overlay"))?;
        // A fresh one counts from zero, and has one device program only.
        self.hierarchies.end(&launch.cgroup).map_err(create("cgroup"))?;
        self.ensure_group(launch)
    }

    pub(super) fn stats(
        &self,
        id: &RuntimeId,
        dir: &ContainerDir,
        pids: Pids,
    ) -> Result<Stats, RuntimeError> {
        let launch = dir.read_launch().map_err(host("launch.json"))?;
        let mut stats = self.hierarchies.stats(&self.group(id, launch.as_ref()));
        stats.networks = agent_host::interface_counters(pids.init.into());
        stats.at_unix_ms =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        // What was read may have been of another process if this one has ended.
        match dir.open_process(pids.init).map_err(host("pidfd_open"))? {
            Some(_) => Ok(stats),
            None => Err(RuntimeError::NotFound(id.clone())),
        }
    }

    /// Of a container that does not run any more.
    pub(super) fn remove(
        &self,
        id: &RuntimeId,
        dir: &ContainerDir,
        launch: Option<Launch>,
    ) -> Result<(), RuntimeError> {
        self.hierarchies.end(&self.group(id, launch.as_ref())).map_err(host("remove cgroup"))?;
        let log = launch.map(|launch| launch.spec.log).unwrap_or_default();
        let spool = match &log {
            LogOutput::Spool(spool) => Some(&spool.dir),
            LogOutput::JsonFile(file) => {
                remove_rotated(&file.path, file.max_files).map_err(host("remove the log"))?;
                None
            }
            LogOutput::Discard => None,
        };
        // The launch record goes after the log that only it knows.
        for tree in spool.into_iter().chain([&dir.data, &dir.state]) {
            remove_tree(tree).map_err(|e| RuntimeError::Host(format!("remove {}: {e}", tree.display())))?;
        }
        Ok(())
    }

    pub(super) fn remove_task(&self, task: &str) -> Result<(), RuntimeError> {
        let dir = self.holder_dir(task);
        if let Some(holder) = holder::find(&dir).map_err(host("the task's namespaces"))? {
            // It may be ending by itself.
            let _ = sys::pidfd_send_signal(holder.as_fd(), libc::SIGKILL);
            let timeout = PollTimeout::try_from(PATIENCE.as_millis()).unwrap_or(PollTimeout::MAX);
            poll(&mut [PollFd::new(holder.as_fd(), PollFlags::POLLIN)], timeout)
                .map_err(|e| host("wait for the holder")(e.into()))?;
        }
        self.hierarchies.end(&self.holder_group(task)).map_err(host("remove cgroup"))?;
        remove_tree(&dir.state).map_err(host("remove the holder"))?;
        self.hierarchies.end_alone(&self.task_group(task)).map_err(host("remove cgroup"))
    }

    /// With the tasks of which nothing was started: those that have containers are not ours to end.
    pub(super) fn remove_parent(&self) -> Result<(), RuntimeError> {
        let tasks = self.hierarchies.below(&self.config.cgroup_parent).map_err(host("list cgroups"))?;
        tasks.iter().try_for_each(|task| self.remove_task(task))?;
        self.hierarchies.end_alone(&self.config.cgroup_parent).map_err(host("remove cgroup"))
    }

    pub(super) fn list(&self) -> io::Result<Vec<Seen>> {
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

/// Lets a shim begin once everything is there for it; one that has failed is reaped.
fn begin(shim: &mut Child, prepared: Result<(), RuntimeError>) -> Result<(), RuntimeError> {
    let outcome = match prepared {
        Ok(()) => launch(shim),
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

/// The task of a container whose launch record is gone: ids are `TASKID-N`.
fn task_of(id: &RuntimeId) -> &str {
    id.0.rsplit_once('-').map_or(&id.0, |(task, _)| task)
}

/// A log in the form of `json-file`, with the older ones beside it.
fn remove_rotated(path: &Path, files: u32) -> io::Result<()> {
    let older = (1..=files).map(|number| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    });
    for file in std::iter::once(path.to_owned()).chain(older) {
        match fs::remove_file(file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}
