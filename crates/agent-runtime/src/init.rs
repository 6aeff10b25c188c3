//! A container's first process, from `clone3` to the `execve` of its program.

use crate::dir::{ContainerDir, Launch};
use crate::user::{self, Identity};
use crate::{rootfs, seccomp, sys};
use agent_driver::{ContainerSpec, Namespace, RuntimeError};
use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::unistd::{AccessFlags, Gid, Uid, access, execve, fchown, setgroups, setresgid, setresuid, setsid};
use std::convert::Infallible;
use std::ffi::{CString, NulError};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

/// Docker's default capabilities: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP,
/// NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE and SETFCAP, each by its number.
const CAPABILITIES: u64 = 1 << 0
    | 1 << 1
    | 1 << 3
    | 1 << 4
    | 1 << 5
    | 1 << 6
    | 1 << 7
    | 1 << 8
    | 1 << 10
    | 1 << 13
    | 1 << 18
    | 1 << 27
    | 1 << 29
    | 1 << 31;

/// Open files: soft and hard limit, as Amazon ECS documents for `nofile`.
const OPEN_FILES: (u64, u64) = (1024, 65_535);

const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
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
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// Closed by the `execve`.
    pub(crate) report: OwnedFd,
}

/// Becomes the container's program.
pub(crate) fn run(dir: &ContainerDir, launch: &Launch, inherited: Inherited) -> ! {
    let Inherited { stdin, stdout, stderr, report } = inherited;
    // Without a place to report to, the shim sees that init has died.
    let Ok(mut report) = sys::keep_only([stdin, stdout, stderr], report) else { sys::exit_now(127) };
    let Err(failure) = become_program(dir, launch, &mut report);
    write_failure(report, &failure);
    sys::exit_now(127)
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
    report: &mut File,
) -> Result<Infallible, RuntimeError> {
    leave_shim(launch).map_err(RuntimeError::Create)?;
    rootfs::enter(dir, launch).map_err(RuntimeError::Create)?;
    let spec = &launch.spec;
    let identity = resolve_user(&spec.user).map_err(RuntimeError::Start)?;
    enter_working_dir(&spec.cwd, || rootfs::seal(launch)).map_err(RuntimeError::Start)?;
    limit_resources().map_err(|e| RuntimeError::Create(format!("limit open files: {e}")))?;
    become_user(&identity).map_err(|e| RuntimeError::Create(format!("drop privileges: {e}")))?;
    execute(spec, &identity, report).map_err(RuntimeError::Start)
}

/// Everything that the shim is and a container's process must not be.
fn leave_shim(launch: &Launch) -> Result<(), String> {
    let fail = |what: &'static str| move |e: std::io::Error| format!("{what}: {e}");
    set_pdeathsig(Signal::SIGKILL).map_err(|e| format!("bind to the shim: {e}"))?;
    for signal in IGNORED_BY_SHIM {
        sys::set_disposition(signal, libc::SIG_DFL);
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
        .map_err(|e| format!("signals: {e}"))?;
    setsid().map_err(|e| format!("new session: {e}"))?;
    launch.hierarchies.join_v1(&launch.cgroup).map_err(fail("join cgroup"))?;
    match &launch.spec.network.namespace {
        Namespace::Host => {}
        Namespace::Isolated => sys::raise_loopback().map_err(fail("bring up loopback"))?,
        Namespace::Path(path) => {
            let namespace = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
            setns(namespace, CloneFlags::CLONE_NEWNET)
                .map_err(|e| format!("join {}: {e}", path.display()))?;
        }
        Namespace::Sandbox | Namespace::RuntimeBridge { .. } => {
            return Err("this runtime makes no networks".to_owned());
        }
    }
    sys::set_hostname(&launch.spec.network.hostname).map_err(fail("set host name"))?;
    // Without keys in the kernel there are none to protect.
    let _ = sys::join_session_keyring(c"_container");
    // The shim made itself hard to kill; when it could not, neither is there anything to undo.
    let _ = fs::write("/proc/self/oom_score_adj", "0");
    Ok(())
}

fn resolve_user(wanted: &str) -> Result<Identity, String> {
    user::resolve(wanted, &read_user_file("/etc/passwd"), &read_user_file("/etc/group"))
}

/// The image chose what this is: a pipe is not waited for, and a device not read. Missing is empty.
fn read_user_file(path: &str) -> String {
    let open = || OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
    let mut bytes = Vec::new();
    if fs::metadata(path).is_ok_and(|file| file.is_file())
        && let Ok(file) = open()
    {
        // What was read before an error is as good as a file that ends there.
        let _ = file.take(USER_FILE_BYTES_MAX).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Makes the directory when it is missing, then seals the root file system, then goes there. Nothing of the host is
/// open any more: a path through `/proc/self/fd` leads nowhere.
fn enter_working_dir(cwd: &str, seal: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let cwd = if cwd.is_empty() { "/" } else { cwd };
    if !cwd.starts_with('/') {
        return Err(format!("the working directory {cwd:?} is not an absolute path"));
    }
    let fail = |e: std::io::Error| format!("chdir to cwd ({cwd:?}): {e}");
    DirBuilder::new().recursive(true).mode(0o755).create(cwd).map_err(fail)?;
    seal()?;
    std::env::set_current_dir(cwd).map_err(fail)
}

/// Raises the hard limit only where that is permitted.
fn limit_resources() -> std::io::Result<()> {
    let (soft, hard) = OPEN_FILES;
    if sys::set_limit(libc::RLIMIT_NOFILE, soft, hard).is_ok() {
        return Ok(());
    }
    let hard = hard.min(sys::hard_limit(libc::RLIMIT_NOFILE)?);
    sys::set_limit(libc::RLIMIT_NOFILE, soft.min(hard), hard)
}

/// The filter is installed while that is still permitted, and lets through what comes after it.
fn become_user(identity: &Identity) -> std::io::Result<()> {
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    let groups: Vec<_> = identity.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    let mut filter = seccomp::filter();
    // So that the program can open /dev/stdout and /dev/stderr by name.
    for stream in [libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        if sys::is_pipe(stream)? {
            fchown(stream, Some(uid), Some(gid))?;
        }
    }
    sys::limit_bounding_set(CAPABILITIES)?;
    sys::install_filter(&mut filter)?;
    sys::set_capabilities(CAPABILITIES)?;
    setgroups(&groups)?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    // Changing the user has undone it.
    set_pdeathsig(Signal::SIGKILL)?;
    Ok(())
}

fn execute(spec: &ContainerSpec, identity: &Identity, report: &mut File) -> Result<Infallible, String> {
    let env = complete_env(spec, &identity.home);
    let name = spec.args.first().ok_or("there is no command")?;
    let path = env.iter().find_map(|var| var.strip_prefix("PATH=")).unwrap_or_default();
    let program = find_program(name, path)?;
    let c_strings =
        |strings: &[String]| strings.iter().map(|s| CString::new(s.as_str())).collect::<Result<_, _>>();
    let has_nul = |_: NulError| "an argument or a variable has a NUL byte".to_owned();
    let args: Vec<CString> = c_strings(&spec.args).map_err(has_nul)?;
    let env: Vec<CString> = c_strings(&env).map_err(has_nul)?;
    let c_program = CString::new(program.as_str()).map_err(has_nul)?;
    // The shim is gone when this fails, and the container must not be without it.
    report.write_all(&[ABOUT_TO_EXEC]).map_err(|e| format!("report: {e}"))?;
    let Err(errno) = execve(&c_program, &args, &env);
    Err(format!("exec {program}: {}", reason(errno)))
}

/// What Docker adds when it is missing.
fn complete_env(spec: &ContainerSpec, home: &str) -> Vec<String> {
    let mut env = spec.env.clone();
    let defaults =
        [DEFAULT_PATH.to_owned(), format!("HOSTNAME={}", spec.network.hostname), format!("HOME={home}")];
    for default in defaults {
        let name = default.split_inclusive('=').next().unwrap_or_default();
        if !env.iter().any(|var| var.starts_with(name)) {
            env.push(default);
        }
    }
    env
}

/// Docker's words for what is not there or not executable.
fn find_program(name: &str, path: &str) -> Result<String, String> {
    if name.contains('/') {
        return match check_executable(name) {
            Ok(()) => Ok(name.to_owned()),
            Err(Errno::ENOENT) => Err(format!("exec: {name:?}: stat {name}: no such file or directory")),
            Err(errno) => Err(format!("exec: {name:?}: {}", reason(errno))),
        };
    }
    let mut denied = false;
    for dir in path.split(':') {
        let candidate = format!("{}/{name}", if dir.is_empty() { "." } else { dir });
        match check_executable(&candidate) {
            Ok(()) if !name.is_empty() => return Ok(candidate),
            Err(Errno::EACCES) => denied = true,
            _ => {}
        }
    }
    let why = if denied { "permission denied" } else { "executable file not found in $PATH" };
    Err(format!("exec: {name:?}: {why}"))
}

fn check_executable(path: &str) -> nix::Result<()> {
    if nix::sys::stat::stat(path)?.st_mode & libc::S_IFMT == libc::S_IFDIR {
        return Err(Errno::EISDIR);
    }
    access(path, AccessFlags::X_OK)
}

/// Lower case, as Go's runtimes print it.
fn reason(errno: Errno) -> String {
    match errno {
        Errno::ENOEXEC => "exec format error".to_owned(),
        other => other.desc().to_lowercase(),
    }
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
