//! A process 1 for containers whose program is not made to be one: Docker's `--init`.
//! <https://docs.docker.com/reference/cli/docker/container/run/#init>
//!
//! It is init itself, which forks the program instead of becoming it: nothing has to be found in the image. It has the
//! program's user, capabilities and filter, and nothing open.

use crate::sys;
use nix::errno::Errno;
use nix::libc::{self, c_int};
use nix::sys::prctl::{set_child_subreaper, set_name, set_pdeathsig};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, setpgid, tcsetpgrp};
use std::io;
use std::os::fd::BorrowedFd;

/// Answers in the process that shall become the program. The other one stays, and ends with it.
pub(super) fn fork_program() -> io::Result<()> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None)?;
    // In a namespace that it shares it is not process 1, and orphans would pass it by.
    set_child_subreaper(true)?;
    if let Some(program) = sys::fork()? {
        reap_until_end_of(program);
    }
    set_pdeathsig(Signal::SIGKILL)?;
    setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
    match tcsetpgrp(stdin(), getpgrp()) {
        // There is no terminal.
        Err(Errno::ENOTTY | Errno::ENXIO) => {}
        other => other?,
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    Ok(())
}

#[allow(unsafe_code)]
fn stdin() -> BorrowedFd<'static> {
    // SAFETY: standard input is open until the program is executed.
    unsafe { BorrowedFd::borrow_raw(libc::STDIN_FILENO) }
}

fn reap_until_end_of(program: c_int) -> ! {
    // What it does not hold it cannot leak, nor keep from ending.
    let _ = sys::close_from(0);
    let _ = set_name(c"init");
    sys::trim_heap();
    loop {
        match sys::wait_signal() {
            // Interrupted by a debugger, say.
            number if number <= 0 => {}
            libc::SIGCHLD => reap(program),
            number => sys::send_signal(program, number),
        }
    }
}

fn reap(program: c_int) {
    loop {
        let (pid, code) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => (pid, code),
            Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, 128 + signal as c_int),
            Ok(WaitStatus::StillAlive) | Err(_) => return,
            Ok(_) => continue,
        };
        if pid.as_raw() == program {
            sys::exit_now(code);
        }
    }
}
