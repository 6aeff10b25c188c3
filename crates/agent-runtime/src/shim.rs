//! The shim: makes one container, then stays with it.
//!
//! It is started with the container's directories as its arguments, a pipe from the agent as standard input, one to it
//! as standard output, and the directories' lock as standard error. It begins when it is told to; from then on it goes
//! on, whatever happens to the agent.

use crate::dir::{ContainerDir, Launch, Pids};
use crate::init::{self, IGNORED_BY_SHIM, Inherited};
use crate::supervise::{self, Output, Supervised};
use crate::sys::{self, Cloned};
use agent_driver::{LogOutput, Namespace, RuntimeError};
use agent_log::spool::Writer;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::unistd::{chdir, dup2, pipe2, setsid};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// What the agent sends once everything is in place. Without it, the agent has failed or died.
pub(crate) const GO: u8 = b'g';

/// Exit status of a shim that could not make its container.
const FAILED: i32 = 1;

/// Runs a container to its end; `args` is what [`OciRuntime`](crate::OciRuntime) appended to its [`ShimCommand`]
/// (crate::ShimCommand). Call it before the process has any thread; its answer is the process's exit status.
pub fn shim_main(mut args: impl Iterator<Item = OsString>) -> i32 {
    let (Some(state), Some(data), None) = (args.next(), args.next(), args.next()) else {
        eprintln!("the shim is started by the agent, with a container's two directories");
        return FAILED;
    };
    let dir = ContainerDir { state: state.into(), data: data.into() };
    let ready = detach_from_agent().and_then(|()| await_go());
    match ready.map_err(host("the shim")).and_then(|()| start(&dir)) {
        Ok(supervised) => {
            report_to_agent(&Ok(()));
            sys::trim_heap();
            supervise::until_exit(&dir, supervised)
        }
        Err(failure) => {
            report_to_agent(&Err(failure));
            FAILED
        }
    }
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
fn start(dir: &ContainerDir) -> Result<Supervised, RuntimeError> {
    let launch = dir.read_launch().map_err(host("launch.json"))?;
    let launch = launch.ok_or_else(|| RuntimeError::Create("launch.json is not whole".to_owned()))?;
    let output = match &launch.spec.log {
        LogOutput::Spool(spool) => Some(Writer::create(spool).map_err(host("log spool"))?),
        _ => None,
    };
    let (output, inherited, report) = connect(output).map_err(host("pipes"))?;
    let group = launch.hierarchies.open_v2(&launch.cgroup).map_err(host("cgroup"))?;
    dir.mark_begun().map_err(host("begun"))?;
    let cloned =
        sys::clone_process(namespaces(&launch), group.as_ref().map(AsFd::as_fd)).map_err(host("clone"))?;
    let (pid, pidfd) = match cloned {
        Cloned::Child => init::run(dir, &launch, inherited),
        Cloned::Parent { pid, pidfd } => (pid, pidfd),
    };
    drop(inherited);
    let supervised =
        Supervised { init: pidfd, output, hierarchies: launch.hierarchies, cgroup: launch.cgroup };
    let started = dir
        .write_pids(Pids { shim: std::process::id() as i32, init: pid })
        .map_err(host("state.json"))
        .and_then(|()| await_report(report));
    if let Err(failure) = started {
        supervised.kill_and_reap();
        return Err(failure);
    }
    Ok(supervised)
}

fn namespaces(launch: &Launch) -> libc::c_int {
    let own = libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    match launch.spec.network.namespace {
        Namespace::Isolated => own | libc::CLONE_NEWNET,
        _ => own,
    }
}

/// The shim's ends and init's ends of what is between them.
fn connect(spool: Option<Writer>) -> io::Result<(Option<Output>, Inherited, OwnedFd)> {
    let (report, report_end) = pipe2(OFlag::O_CLOEXEC)?;
    let null = || File::options().read(true).write(true).open("/dev/null").map(OwnedFd::from);
    let stdin = null()?;
    let Some(spool) = spool else {
        return Ok((None, Inherited { stdin, stdout: null()?, stderr: null()?, report: report_end }, report));
    };
    let (out, stdout) = pipe2(OFlag::O_CLOEXEC)?;
    let (err, stderr) = pipe2(OFlag::O_CLOEXEC)?;
    for end in [&out, &err] {
        fcntl(end.as_raw_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    }
    let output = Output::new(spool, out.into(), err.into());
    Ok((Some(output), Inherited { stdin, stdout, stderr, report: report_end }, report))
}

fn await_report(report: OwnedFd) -> Result<(), RuntimeError> {
    let mut bytes = Vec::new();
    File::from(report).read_to_end(&mut bytes).map_err(host("report"))?;
    init::read_report(&bytes)
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
