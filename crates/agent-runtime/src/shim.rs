//! The shim: makes one container, then stays with it.
//!
//! It is started with the container's directories as its arguments, a pipe from the agent as standard input, one to it
//! as standard output, and the directories' lock as standard error. It begins when it is told to; from then on it goes
//! on, whatever happens to the agent.

use crate::dir::{ContainerDir, Launch, Pids};
use crate::init::{self, IGNORED_BY_SHIM, Inherited};
use crate::supervise::{self, Output, Sink, Supervised};
use crate::sys::{self, Cloned};
use crate::{exec, holder, rest, terminal};
use agent_driver::{ContainerSpec, Namespace, RuntimeError, Sharing};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::{chdir, dup2, pipe2, setsid};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

/// What the agent sends once everything is in place. Without it, the agent has failed or died.
pub(crate) const GO: u8 = b'g';

/// Exit status of a shim that could not make its container.
const FAILED: i32 = 1;

/// What a shim is started for: its first argument.
pub(crate) const RUN: &str = "run";
pub(crate) const RESUME: &str = "resume";
pub(crate) const EXEC: &str = "exec";
pub(crate) const HOLD: &str = "hold";

/// Runs a container to its end, or what else [`OciRuntime`](crate::OciRuntime) needs a process without threads for;
/// `args` is what it appended to its [`ShimCommand`](crate::ShimCommand). Call it before the process has any thread; its
/// answer is the process's exit status.
pub fn shim_main(args: impl Iterator<Item = OsString>) -> i32 {
    let args: Vec<OsString> = args.collect();
    match &args[..] {
        [what, state, data, attempt] if what == RUN || what == RESUME => {
            let dir = ContainerDir { state: state.into(), data: data.into() };
            match attempt.to_str().and_then(|attempt| attempt.parse().ok()) {
                Some(attempt) if what == RUN => run(&dir, attempt),
                Some(attempt) => resume(&dir, attempt),
                None => FAILED,
            }
        }
        [what, state] if what == HOLD => hold(&holder::dir(state.into())),
        [what, state, data, timeout_ms, program @ ..] if what == EXEC => {
            let dir = ContainerDir { state: state.into(), data: data.into() };
            exec(&dir, timeout_ms, program)
        }
        _ => {
            eprintln!("the shim is started by the agent, with a container's directories");
            FAILED
        }
    }
}

fn run(dir: &ContainerDir, attempt: u32) -> i32 {
    let ready = detach_from_agent().and_then(|()| await_go());
    match ready.map_err(host("the shim")).and_then(|()| start(dir, attempt)) {
        Ok(supervised) => {
            report_to_agent(&Ok(()));
            sys::trim_heap();
            supervise::until_exit(dir, supervised)
        }
        Err(failure) => {
            report_to_agent(&Err(failure));
            FAILED
        }
    }
}

fn resume(dir: &ContainerDir, attempt: u32) -> i32 {
    match rest::resume(dir, attempt) {
        Ok(supervised) => supervise::until_exit(dir, supervised),
        Err(_) => FAILED,
    }
}

fn hold(dir: &ContainerDir) -> i32 {
    let ready = detach_from_agent().and_then(|()| await_go());
    let made = ready.map_err(host("the holder")).and_then(|()| holder::make(dir));
    report_to_agent(&made);
    if made.is_ok() { 0 } else { FAILED }
}

fn exec(dir: &ContainerDir, timeout_ms: &OsString, program: &[OsString]) -> i32 {
    let text = |arg: &OsString| arg.clone().into_string().ok();
    let timeout_ms = text(timeout_ms).and_then(|text| text.parse().ok());
    let program: Option<Vec<String>> = program.iter().map(text).collect();
    let (Some(timeout_ms), Some(program)) = (timeout_ms, program) else { return FAILED };
    let agent = detach_from_agent().and_then(|()| io::stdin().as_fd().try_clone_to_owned());
    let report = match agent {
        Ok(agent) => exec::run(dir, Duration::from_millis(timeout_ms), &program, &agent),
        Err(e) => exec::Report::Failed(e.to_string()),
    };
    let written = io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .map(File::from)
        .and_then(|mut pipe| pipe.write_all(&serde_json::to_vec(&report)?));
    if written.is_ok() { 0 } else { FAILED }
}

fn detach_from_agent() -> io::Result<()> {
    sys::close_from(3)?;
    setsid()?;
    chdir("/")?;
    for signal in IGNORED_BY_SHIM {
        sys::set_disposition(signal, libc::SIG_IGN);
    }
    // Not permitted everywhere; then the kernel may choose the shim, and with it the container.
    let _ = fs::write("/proc/self/oom_score_adj", "-998");
    Ok(())
}

fn await_go() -> io::Result<()> {
    let mut go = [0];
    // Not through `io::stdin`, whose buffer would stay.
    File::from(io::stdin().as_fd().try_clone_to_owned()?).read_exact(&mut go)?;
    if go == [GO] { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Answers once the program was executed. On failure nothing runs any more.
fn start(dir: &ContainerDir, attempt: u32) -> Result<Supervised, RuntimeError> {
    let launch = dir.read_launch().map_err(host("launch.json"))?;
    let launch = launch.ok_or_else(|| RuntimeError::Create("launch.json is not whole".to_owned()))?;
    let spec = &launch.spec;
    let sink = Sink::open(&spec.log).map_err(host("log"))?;
    let Connected { ours, inherited, report } = connect(spec, sink).map_err(host("pipes"))?;
    let group = launch.hierarchies.open_v2(&launch.cgroup).map_err(host("cgroup"))?;
    let holder = join_task(&launch)?;
    dir.mark_begun(attempt).map_err(host("begun"))?;
    let cloned =
        sys::clone_process(namespaces(spec), group.as_ref().map(AsFd::as_fd)).map_err(host("clone"))?;
    let (pid, pidfd) = match cloned {
        Cloned::Child => init::run(dir, &launch, inherited, holder.as_ref()),
        Cloned::Parent { pid, pidfd } => (pid, pidfd),
    };
    drop((inherited, holder));
    let mut supervised = Supervised {
        init: pidfd,
        output: None,
        pid: spec.pid,
        hierarchies: launch.hierarchies,
        cgroup: launch.cgroup,
        attempt,
        silence_ms: Some(launch.silence_ms),
        stdin: None,
    };
    let started = dir
        .write_pids(Pids { shim: std::process::id() as i32, init: pid, attempt })
        .map_err(host("state.json"))
        .and_then(|()| init::await_report(report))
        .and_then(|()| ours.into_output().map_err(host("terminal")));
    match started {
        Ok((output, stdin)) => {
            (supervised.output, supervised.stdin) = (output, stdin);
            Ok(supervised)
        }
        Err(failure) => {
            let code = match failure {
                // It ends by itself, and how it does is told.
                RuntimeError::Start(_) => supervised.reap(),
                _ => supervised.kill_and_reap(),
            };
            if attempt > 0 {
                // It has run before, and its files are not to be taken for those of one that never did.
                supervise::record_failure(dir, code, attempt).map_err(host("exit.json"))?;
            }
            Err(failure)
        }
    }
}

/// Enters the PID namespace of its task, for children. Answers the process that has it.
fn join_task(launch: &Launch) -> Result<Option<OwnedFd>, RuntimeError> {
    if launch.spec.pid != Sharing::Task && launch.spec.ipc != Sharing::Task {
        return Ok(None);
    }
    let holder = holder::find(&holder::dir(launch.holder.clone())).map_err(host("the task's namespaces"))?;
    let holder =
        holder.ok_or_else(|| RuntimeError::Create("the task's shared namespaces are gone".to_owned()))?;
    if launch.spec.pid == Sharing::Task {
        setns(&holder, CloneFlags::CLONE_NEWPID)
            .map_err(|e| host("join the task's PID namespace")(e.into()))?;
    }
    Ok(Some(holder))
}

fn namespaces(spec: &ContainerSpec) -> libc::c_int {
    let mut namespaces = libc::CLONE_NEWNS | libc::CLONE_NEWUTS;
    for (own, namespace) in [
        (spec.pid == Sharing::Private, libc::CLONE_NEWPID),
        (spec.ipc == Sharing::Private, libc::CLONE_NEWIPC),
        (spec.network.namespace == Namespace::Isolated, libc::CLONE_NEWNET),
    ] {
        namespaces |= if own { namespace } else { 0 };
    }
    namespaces
}

/// The shim's ends of what is between it and init.
enum Ours {
    Nothing {
        stdin: Option<OwnedFd>,
    },
    Pipes {
        sink: Sink,
        stdin: Option<OwnedFd>,
        stdout: OwnedFd,
        stderr: OwnedFd,
    },
    /// What the terminal comes through.
    Terminal {
        sink: Sink,
        socket: OwnedFd,
    },
}

impl Ours {
    /// Call it once init has become the program.
    fn into_output(self) -> io::Result<(Option<Output>, Option<OwnedFd>)> {
        let nonblocking = |end: &dyn AsRawFd| fcntl(end.as_raw_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
        match self {
            Self::Nothing { stdin } => Ok((None, stdin)),
            Self::Pipes { sink, stdin, stdout, stderr } => {
                nonblocking(&stdout)?;
                nonblocking(&stderr)?;
                Ok((Some(Output::new(sink, [Some(stdout.into()), Some(stderr.into())])), stdin))
            }
            Self::Terminal { sink, socket } => {
                let terminal = terminal::receive(&socket)?;
                nonblocking(&terminal)?;
                Ok((Some(Output::new(sink, [Some(terminal), None])), None))
            }
        }
    }
}

struct Connected {
    ours: Ours,
    inherited: Inherited,
    report: OwnedFd,
}

fn connect(spec: &ContainerSpec, sink: Sink) -> io::Result<Connected> {
    let (report, report_end) = pipe2(OFlag::O_CLOEXEC)?;
    let null = || File::options().read(true).write(true).open("/dev/null").map(OwnedFd::from);
    if spec.terminal {
        let (socket, stdout) =
            socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)?;
        let inherited = Inherited { stdin: null()?, stdout, stderr: null()?, report: report_end };
        return Ok(Connected { ours: Ours::Terminal { sink, socket }, inherited, report });
    }
    let (stdin_end, stdin) = if spec.stdin_open {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        (read, Some(write))
    } else {
        (null()?, None)
    };
    if matches!(sink, Sink::Nowhere) {
        let inherited = Inherited { stdin: stdin_end, stdout: null()?, stderr: null()?, report: report_end };
        return Ok(Connected { ours: Ours::Nothing { stdin }, inherited, report });
    }
    let ((out, stdout), (err, stderr)) = (pipe2(OFlag::O_CLOEXEC)?, pipe2(OFlag::O_CLOEXEC)?);
    let inherited = Inherited { stdin: stdin_end, stdout, stderr, report: report_end };
    Ok(Connected { ours: Ours::Pipes { sink, stdin, stdout: out, stderr: err }, inherited, report })
}

/// Tells the agent, which sees the end of its pipe.
fn report_to_agent(outcome: &Result<(), RuntimeError>) {
    // Not through the buffer of `io::stdout`, which would hold the report back.
    if let Ok(pipe) = io::stdout().as_fd().try_clone_to_owned().map(File::from) {
        match outcome {
            Ok(()) => init::write_started(pipe),
            Err(failure) => init::write_failure(pipe, failure),
        }
    }
    if let Ok(null) = File::options().write(true).open("/dev/null") {
        // When this fails the agent waits until the container ends, and is told then.
        let _ = dup2(null.as_raw_fd(), libc::STDOUT_FILENO);
    }
}

/// A failure of the host before anything of the container ran.
fn host(what: &'static str) -> impl Fn(io::Error) -> RuntimeError {
    move |e| RuntimeError::Create(format!("{what}: {e}"))
}
