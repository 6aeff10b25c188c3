//! How the shim of a silent container costs next to nothing: it executes the keeper, a program of a page or two, which
//! waits for output or the end and executes the shim again.
//!
//! The process stays the same, and with it the lock, which is its standard error, and the container, which is its child.
//! What else it has is in descriptors that both programs know by number.

use crate::dir::{ContainerDir, Launch, PATIENCE};
use crate::shim::{RESUME, RUN};
use crate::supervise::{Output, Sink, Supervised};
use crate::sys;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::fstat;
use nix::unistd::fexecve;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// `keeper/main.rs`.
const KEEPER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/keeper"));

/// The first descriptor after the standard streams. From there on: the container's init, the shim's program, the other end
/// of the container's standard input, its standard output, its standard error. What there is not is init once more.
const FIRST: RawFd = 3;
/// After those; only until the keeper is executed.
const PROGRAM: RawFd = FIRST + 5;

/// How soon a shim that wakes looks again for what it cannot go on without.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Becomes the keeper. It comes back only if that cannot be.
///
/// # Errors
/// The container cannot be supervised any more.
pub(crate) fn rest(dir: &ContainerDir, supervised: Supervised) -> io::Result<Supervised> {
    let Ok(arguments) = prepare(&supervised) else { return Ok(supervised) };
    let attempt = supervised.attempt;
    // The numbers of its descriptors are others' now.
    std::mem::forget(supervised);
    let _ = fexecve(PROGRAM, &arguments, &[] as &[&CStr]);
    // A security module forbids it, say. Each attempt costs memory and a segment of the spool: this was the only one.
    Ok(Supervised { silence_ms: None, ..resume(dir, attempt)? })
}

/// Arranges the descriptors and answers the keeper's arguments, with which it will execute the shim.
///
/// # Errors
/// Everything is as it was.
fn prepare(supervised: &Supervised) -> io::Result<Vec<CString>> {
    let mut arguments: Vec<_> = std::env::args_os().map(OsStringExt::into_vec).collect();
    let what =
        arguments.iter_mut().rfind(|argument| *argument == RUN.as_bytes() || *argument == RESUME.as_bytes());
    *what.ok_or(ErrorKind::InvalidInput)? = RESUME.into();
    let arguments = arguments.into_iter().map(CString::new).collect::<Result<_, _>>()?;
    let shim = File::open("/proc/self/exe")?;
    let keeper = sys::memory_program(c"keeper", KEEPER)?;
    let init = supervised.init.as_fd();
    let stdin = supervised.stdin.as_ref().map_or(init, AsFd::as_fd);
    let [stdout, stderr] = match &supervised.output {
        Some(output) => output.pipes().map(|pipe| pipe.map_or(init, AsFd::as_fd)),
        None => [init; 2],
    };
    sys::arrange(FIRST, &[init, shim.as_fd(), stdin, stdout, stderr, keeper.as_fd()])?;
    // Nothing is lost when it stays open.
    let _ = fcntl(PROGRAM, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    // Closed by this.
    std::mem::forget((shim, keeper));
    Ok(arguments)
}

/// Goes on as the shim.
///
/// # Errors
/// The container cannot be supervised any more.
pub(crate) fn resume(dir: &ContainerDir, attempt: u32) -> io::Result<Supervised> {
    let [init, _shim, stdin, stdout, stderr] = sys::take_arranged(FIRST)?;
    let launch = read_launch(dir, &init)?;
    let streams = [stdout, stderr].map(stream);
    let output = streams
        .iter()
        .any(Option::is_some)
        .then(|| Output::new(Sink::reopen(launch.spec.log), streams.map(|stream| stream.map(File::from))));
    Ok(Supervised {
        init,
        output,
        pid: launch.spec.pid,
        hierarchies: launch.hierarchies,
        cgroup: launch.cgroup,
        attempt,
        silence_ms: Some(launch.silence_ms),
        stdin: stream(stdin),
    })
}

/// That it cannot be read just now, for want of files or memory, must not cost the container.
///
/// # Errors
/// The container has ended, and patience as well.
fn read_launch(dir: &ContainerDir, init: &OwnedFd) -> io::Result<Launch> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let failure = match dir.read_launch() {
            Ok(Some(launch)) => return Ok(launch),
            Ok(None) => ErrorKind::InvalidData.into(),
            Err(e) => e,
        };
        let mut init = [PollFd::new(init.as_fd(), PollFlags::POLLIN)];
        if Instant::now() > deadline && poll(&mut init, PollTimeout::ZERO) != Ok(0) {
            return Err(failure);
        }
        sleep(RETRY_AFTER);
    }
}

/// What was arranged, when it is not init.
fn stream(fd: OwnedFd) -> Option<OwnedFd> {
    let kind = fstat(fd.as_raw_fd()).map(|stat| stat.st_mode & libc::S_IFMT);
    matches!(kind, Ok(libc::S_IFIFO | libc::S_IFCHR)).then_some(fd)
}
