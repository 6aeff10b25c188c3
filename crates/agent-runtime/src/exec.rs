//! A program in a container that runs: joins it, runs the program, and leaves nothing of it.
//!
//! It is a shim of its own, short-lived: forking needs a process without threads, and this one may be killed at any time
//! without harm to the container. The program and its children are in a control group below the container's, by which
//! they are found.

use crate::cgroup::Inner;
use crate::dir::{ContainerDir, Launch};
use crate::init::{self, Inherited};
use crate::sys::{self, Cloned};
use agent_driver::{EXEC_OUTPUT_BYTES_MAX, RuntimeError};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use nix::unistd::pipe2;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// What the agent is told. `NotFound` is a container that does not run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    Ended { code: Option<i32>, output: String },
    NotFound,
    Failed(String),
    NotExecuted(String),
}

/// How long a read of the program's output may go on after its end.
const DRAIN_READS_MAX: usize = 64;

/// Runs `args` in the container; `agent` is closed when nobody waits for the end any more.
pub(crate) fn run(dir: &ContainerDir, timeout: Duration, args: &[String], agent: &OwnedFd) -> Report {
    match try_run(dir, timeout, args, agent) {
        Ok(report) => report,
        Err(e) => Report::Failed(format!("exec: {e}")),
    }
}

fn try_run(dir: &ContainerDir, timeout: Duration, args: &[String], agent: &OwnedFd) -> io::Result<Report> {
    let deadline = Instant::now() + timeout;
    let Some(launch) = dir.read_launch()? else { return Ok(Report::NotFound) };
    let Some(pids) = dir.read_pids()? else { return Ok(Report::NotFound) };
    let Some(container) = dir.open_process(pids.init)? else { return Ok(Report::NotFound) };
    let group = launch.hierarchies.make_inner(&launch.cgroup, &format!("exec-{}", std::process::id()))?;
    let ran = run_in(&launch, args, &container, &group, deadline, agent);
    let left = group.end();
    let report = ran?;
    left?;
    Ok(report)
}

fn run_in(
    launch: &Launch,
    args: &[String],
    container: &OwnedFd,
    group: &Inner,
    deadline: Instant,
    agent: &OwnedFd,
) -> io::Result<Report> {
    let (report, report_end) = pipe2(OFlag::O_CLOEXEC)?;
    let (output, output_end) = pipe2(OFlag::O_CLOEXEC)?;
    fcntl(output.as_raw_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let null = File::options().read(true).open("/dev/null")?;
    let v2 = if launch.hierarchies.is_v2() { group.open()? } else { None };
    match setns(container, CloneFlags::CLONE_NEWPID) {
        Err(Errno::ESRCH) => return Ok(Report::NotFound),
        other => other?,
    }
    let cloned = match sys::clone_process(0, v2.as_ref().map(AsFd::as_fd)) {
        // Its process 1 has ended.
        Err(e) if e.raw_os_error() == Some(libc::ENOMEM) => return Ok(Report::NotFound),
        other => other?,
    };
    let Cloned::Parent { pidfd, .. } = cloned else {
        let inherited = join(launch, container, group, null, output_end, report_end);
        match inherited {
            Ok(inherited) => init::run_beside(launch, args, inherited),
            Err(e) => {
                eprintln!("join the container: {e}");
                sys::exit_now(127)
            }
        }
    };
    drop((output_end, report_end));
    let mut program = Program { pidfd, output: Some(output.into()), kept: Vec::new(), agent };
    // Whoever is slow here is the host.
    let started = init::await_report(report);
    let code = match started {
        Ok(()) => program.wait(deadline)?,
        Err(failure) => {
            program.end()?;
            return Ok(match failure {
                RuntimeError::Start(why) => Report::NotExecuted(why),
                other => Report::Failed(other.to_string()),
            });
        }
    };
    group.end()?;
    program.drain();
    Ok(Report::Ended { code, output: String::from_utf8_lossy(&program.kept).into_owned() })
}

/// In the child: the container's groups and namespaces.
fn join(
    launch: &Launch,
    container: &OwnedFd,
    group: &Inner,
    null: File,
    output: OwnedFd,
    report: OwnedFd,
) -> io::Result<Inherited> {
    // Before anything of the container's can look at this process.
    let _ = nix::sys::prctl::set_dumpable(false);
    if !launch.hierarchies.is_v2() {
        launch.hierarchies.join_v1(&launch.cgroup)?;
        group.join_v1()?;
    }
    let stderr = output.try_clone()?;
    let all = CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWNS;
    setns(container, all)?;
    Ok(Inherited { stdin: null.into(), stdout: output, stderr, report })
}

struct Program<'a> {
    pidfd: OwnedFd,
    output: Option<File>,
    kept: Vec<u8>,
    agent: &'a OwnedFd,
}

impl Program<'_> {
    /// Its exit status; `None` when its time was up, or the agent went away.
    fn wait(&mut self, deadline: Instant) -> io::Result<Option<i32>> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.end()?;
                return Ok(None);
            }
            let mut sources = vec![
                PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.agent.as_fd(), PollFlags::POLLIN),
            ];
            sources.extend(self.output.iter().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
            let timeout =
                PollTimeout::try_from(left.as_millis().saturating_add(1)).unwrap_or(PollTimeout::MAX);
            match poll(&mut sources, timeout) {
                Err(Errno::EINTR) => continue,
                other => other?,
            };
            let ready = |index: usize| sources.get(index).is_some_and(|s| s.any().unwrap_or(true));
            let (ended, abandoned, readable) = (ready(0), ready(1), ready(2));
            if ended {
                return sys::wait_pidfd(self.pidfd.as_fd(), 0).map(Some);
            }
            if abandoned {
                self.end()?;
                return Ok(None);
            }
            if readable {
                self.read();
            }
        }
    }

    fn end(&self) -> io::Result<()> {
        let _ = sys::pidfd_send_signal(self.pidfd.as_fd(), libc::SIGKILL);
        sys::wait_pidfd(self.pidfd.as_fd(), 0).map(drop)
    }

    /// Keeps the first bytes, and reads the rest so that the program does not wait; whether there was anything.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.output.as_mut().map(|pipe| pipe.read(&mut buffer)) {
            Some(Ok(count @ 1..)) => {
                let room = EXEC_OUTPUT_BYTES_MAX - self.kept.len();
                self.kept.extend_from_slice(&buffer[..count.min(room)]);
                true
            }
            Some(Err(e)) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                false
            }
            _ => {
                self.output = None;
                false
            }
        }
    }

    fn drain(&mut self) {
        for _ in 0..DRAIN_READS_MAX {
            if !self.read() {
                return;
            }
        }
    }
}
