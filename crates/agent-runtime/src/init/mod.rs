//! A container's first process, from `clone3` to the `execve` of its program.

mod program;
mod reaper;

use crate::dir::{ContainerDir, Launch};
use crate::rootfs::inside::{self, Kind};
use crate::user::{self, Identity};
use crate::{etc, holder, lsm, rlimit, rootfs, seccomp, sys, terminal};
use agent_driver::{ContainerSpec, Namespace, RuntimeError, Sharing};
use nix::libc;
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::{set_dumpable, set_no_new_privs, set_pdeathsig};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, fchdir, fchown, setgroups, setresgid, setresuid, setsid};
use std::convert::Infallible;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A larger `/etc/passwd` or `/etc/group` is read up to here.
const USER_FILE_BYTES_MAX: u64 = 4 << 20;

/// What the shim ignores, SIGPIPE through Rust's start-up code: ignored signals stay ignored over an `execve`.
pub(crate) const IGNORED_BY_SHIM: [libc::c_int; 4] =
    [libc::SIGPIPE, libc::SIGTERM, libc::SIGINT, libc::SIGHUP];

/// Sent before the program is executed; the end of the report after it, and nothing between, is success.
const ABOUT_TO_EXEC: u8 = b'x';
/// First byte of the report of a failure, for each variant of [`RuntimeError`] that there can be.
const CREATE: u8 = b'c';
const START: u8 = b's';

/// Descriptors that init takes over.
pub(crate) struct Inherited {
    pub(crate) stdin: OwnedFd,
    /// With a terminal, the socket that the terminal is sent through.
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// Closed by the `execve`.
    pub(crate) report: OwnedFd,
}

/// Becomes the container's program. `holder` is the process that has what its task's containers share.
pub(crate) fn run(dir: &ContainerDir, launch: &Launch, inherited: Inherited, holder: Option<&OwnedFd>) -> ! {
    let Inherited { stdin, stdout, stderr, report } = inherited;
    let joined = join_holder(launch, holder);
    let (shm, failure) = match joined {
        Ok(shm) => (shm, None),
        Err(failure) => (None, Some(failure)),
    };
    // Without a place to report to, the shim sees that init has died.
    let mut kept = match sys::keep_only([stdin, stdout, stderr], [Some(report), shm].into_iter().flatten()) {
        Ok(kept) => kept.into_iter(),
        Err(_) => sys::exit_now(127),
    };
    let Some(report) = kept.next() else { sys::exit_now(127) };
    let mut report = File::from(report);
    let failure = match failure {
        Some(failure) => RuntimeError::Create(failure),
        None => {
            let Err(failure) = become_program(dir, launch, kept.next(), &mut report);
            failure
        }
    };
    write_failure(report, &failure);
    sys::exit_now(127)
}

/// Enters the task's IPC namespace, and answers its shared memory as a detached mount.
fn join_holder(launch: &Launch, holder: Option<&OwnedFd>) -> Result<Option<OwnedFd>, String> {
    if launch.spec.ipc != Sharing::Task {
        return Ok(None);
    }
    let holder = holder.ok_or("the task has no IPC namespace")?;
    setns(holder, CloneFlags::CLONE_NEWIPC).map_err(|e| format!("join the task's IPC namespace: {e}"))?;
    holder::shared_memory(holder).map(Some).map_err(|e| format!("the task's shared memory: {e}"))
}

/// What init's report says: `Ok` when its program was executed.
pub(crate) fn read_report(report: &[u8]) -> Result<(), RuntimeError> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match report.strip_prefix(&[ABOUT_TO_EXEC]).unwrap_or(report) {
        [START, reason @ ..] => Err(RuntimeError::Start(text(reason))),
        [CREATE, reason @ ..] => Err(RuntimeError::Create(text(reason))),
        [] if !report.is_empty() => Ok(()),
        _ => {
            Err(RuntimeError::Create("the container's init was killed while it was being set up".to_owned()))
        }
    }
}

/// Waits for init's report.
pub(crate) fn await_report(report: OwnedFd) -> Result<(), RuntimeError> {
    let mut bytes = Vec::new();
    File::from(report).read_to_end(&mut bytes).map_err(|e| RuntimeError::Create(format!("report: {e}")))?;
    read_report(&bytes)
}

/// Reports success.
pub(crate) fn write_started(mut to: impl Write) {
    let _ = to.write_all(&[ABOUT_TO_EXEC]);
}

/// Reports a failure.
pub(crate) fn write_failure(mut to: impl Write, failure: &RuntimeError) {
    let kind = if matches!(failure, RuntimeError::Start(_)) { START } else { CREATE };
    // Nobody listens when this fails.
    let _ = to.write_all(&[&[kind], failure.to_string().as_bytes()].concat());
}

fn become_program(
    dir: &ContainerDir,
    launch: &Launch,
    shm: Option<OwnedFd>,
    report: &mut File,
) -> Result<Infallible, RuntimeError> {
    let spec = &launch.spec;
    leave_shim().map_err(RuntimeError::Create)?;
    launch
        .hierarchies
        .join_v1(&launch.cgroup)
        .map_err(|e| RuntimeError::Create(format!("join cgroup: {e}")))?;
    join_network(spec).map_err(RuntimeError::Create)?;
    rootfs::enter(dir, launch, shm).map_err(RuntimeError::Create)?;
    if spec.terminal {
        terminal::open().map_err(|e| RuntimeError::Create(format!("open a terminal: {e}")))?;
    }
    let identity = resolve_user(&spec.user).map_err(RuntimeError::Start)?;
    enter_working_dir(&spec.cwd, || rootfs::seal(launch)).map_err(RuntimeError::Start)?;
    confine(launch, &identity)?;
    if spec.init {
        reaper::fork_program().map_err(|e| RuntimeError::Create(format!("fork: {e}")))?;
    }
    program::execute(spec, &spec.args, &identity.home, report).map_err(RuntimeError::Start)
}

/// Becomes another program of a container that runs. Its namespaces and groups have been joined.
pub(crate) fn run_beside(launch: &Launch, args: &[String], inherited: Inherited) -> ! {
    let Inherited { stdin, stdout, stderr, report } = inherited;
    let Ok(kept) = sys::keep_only([stdin, stdout, stderr], [report]) else { sys::exit_now(127) };
    let Some(report) = kept.into_iter().next() else { sys::exit_now(127) };
    let mut report = File::from(report);
    let Err(failure) = become_program_beside(launch, args, &mut report);
    write_failure(report, &failure);
    sys::exit_now(127)
}

fn become_program_beside(
    launch: &Launch,
    args: &[String],
    report: &mut File,
) -> Result<Infallible, RuntimeError> {
    let spec = &launch.spec;
    leave_shim().map_err(RuntimeError::Create)?;
    umask(Mode::from_bits_truncate(0o022));
    let identity = resolve_user(&spec.user).map_err(RuntimeError::Start)?;
    let cwd = if spec.cwd.is_empty() { "/" } else { &spec.cwd };
    go_to(cwd).map_err(|e| RuntimeError::Start(format!("chdir to cwd ({cwd:?}): {e}")))?;
    confine(launch, &identity)?;
    program::execute(spec, args, &identity.home, report).map_err(RuntimeError::Start)
}

/// Takes from this process what a container's must not have.
fn confine(launch: &Launch, identity: &Identity) -> Result<(), RuntimeError> {
    rlimit::apply(&launch.spec.limits.ulimits).map_err(RuntimeError::Create)?;
    if let Some(profile) = &launch.spec.security.apparmor {
        lsm::change_profile_on_exec(profile).map_err(RuntimeError::Create)?;
    }
    become_user(launch, identity).map_err(|e| RuntimeError::Create(format!("drop privileges: {e}")))
}

/// Everything that the shim is and a container's process must not be.
fn leave_shim() -> Result<(), String> {
    set_pdeathsig(Signal::SIGKILL).map_err(|e| format!("bind to the shim: {e}"))?;
    for signal in IGNORED_BY_SHIM {
        sys::set_disposition(signal, libc::SIG_DFL);
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
        .map_err(|e| format!("signals: {e}"))?;
    setsid().map_err(|e| format!("new session: {e}"))?;
    // Until it executes the program, no process of the container may look into this one, which may share its
    // namespace already.
    let _ = set_dumpable(false);
    // Without keys in the kernel there are none to protect.
    let _ = sys::join_session_keyring(c"_container");
    // The shim made itself hard to kill; when it could not, neither is there anything to undo.
    let _ = fs::write("/proc/self/oom_score_adj", "0");
    Ok(())
}

fn join_network(spec: &ContainerSpec) -> Result<(), String> {
    match &spec.network.namespace {
        Namespace::Host => {}
        Namespace::Isolated => sys::raise_loopback().map_err(|e| format!("bring up loopback: {e}"))?,
        Namespace::Path(path) => {
            let namespace = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
            setns(namespace, CloneFlags::CLONE_NEWNET)
                .map_err(|e| format!("join {}: {e}", path.display()))?;
        }
        Namespace::Sandbox | Namespace::RuntimeBridge { .. } => {
            return Err("this runtime makes no networks".to_owned());
        }
    }
    sys::set_hostname(&etc::hostname(spec)).map_err(|e| format!("set host name: {e}"))
}

fn resolve_user(wanted: &str) -> Result<Identity, String> {
    user::resolve(wanted, &read_user_file("/etc/passwd"), &read_user_file("/etc/group"))
}

/// The image chose what this is: a pipe is not waited for, and a device not read. Missing is empty.
fn read_user_file(path: &str) -> String {
    let mut bytes = Vec::new();
    if let Ok(found) = inside::find(Path::new(path)) {
        let name = inside::name_of(&found);
        let open =
            || OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(&name);
        if fs::metadata(&name).is_ok_and(|file| file.is_file())
            && let Ok(file) = open()
        {
            // What was read before an error is as good as a file that ends there.
            let _ = file.take(USER_FILE_BYTES_MAX).read_to_end(&mut bytes);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Makes the directory when it is missing, then seals the root file system, then goes there. Links of the image lead
/// nowhere else: what `/proc` shows of the host is no way there.
fn enter_working_dir(cwd: &str, seal: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let cwd = if cwd.is_empty() { "/" } else { cwd };
    if !cwd.starts_with('/') {
        return Err(format!("the working directory {cwd:?} is not an absolute path"));
    }
    let fail = |e: std::io::Error| format!("chdir to cwd ({cwd:?}): {e}");
    drop(inside::find_or_make(Path::new(cwd), Kind::Directory).map_err(fail)?);
    seal()?;
    // Found again: what was open before is the file system as it was before it was sealed.
    go_to(cwd).map_err(fail)
}

fn go_to(dir: &str) -> std::io::Result<()> {
    let found = inside::find(Path::new(dir))?;
    Ok(fchdir(found.as_raw_fd())?)
}

/// The filter is installed while that is still permitted, and lets through what comes after it.
fn become_user(launch: &Launch, identity: &Identity) -> std::io::Result<()> {
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    let groups: Vec<_> = identity.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    // So that the program can open /dev/stdout and /dev/stderr by name, and a terminal's users its own.
    for stream in [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        if launch.spec.terminal {
            fchown(stream, Some(uid), None)?;
        } else if sys::is_pipe(stream)? {
            fchown(stream, Some(uid), Some(gid))?;
        }
    }
    sys::limit_bounding_set(launch.capabilities)?;
    if !launch.spec.security.privileged {
        sys::install_filter(&mut seccomp::filter(launch.capabilities))?;
    }
    setgroups(&groups)?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    // Others than root have none of their own, as after any `execve`.
    sys::set_capabilities(if uid.is_root() { launch.capabilities } else { 0 })?;
    if launch.spec.security.no_new_privileges {
        set_no_new_privs()?;
    }
    // Changing the user has undone it.
    set_pdeathsig(Signal::SIGKILL)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_every_kind() {
        let report = |bytes: &[u8]| read_report(bytes).map_err(|e| format!("{e:?}"));
        assert_eq!(report(b"x"), Ok(()));
        assert_eq!(report(b"xsexec /x: bad"), Err(r#"Start("exec /x: bad")"#.to_owned()));
        assert_eq!(report(b"cmount /proc: no"), Err(r#"Create("mount /proc: no")"#.to_owned()));
        assert!(report(b"").unwrap_err().contains("was killed"));
        assert!(report(b"?").unwrap_err().contains("was killed"));
    }
}
