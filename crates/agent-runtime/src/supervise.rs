//! The shim's life after the start: output to where it goes, the end into `exit.json`.

use crate::cgroup::Hierarchies;
use crate::dir::ContainerDir;
use crate::rest;
use crate::sys;
use agent_driver::{Exit, LogOutput, Sharing};
use agent_log::json_file::JsonFileWriter;
use agent_log::spool::{Stream, Writer};
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes taken from a pipe at a time; on the stack, so that an idle shim keeps a page or two.
const READ_BYTES: usize = 16 * 1024;
/// Four times what a container can make its pipes hold.
const DRAIN_READS_MAX: usize = 4 * 1024 * 1024 / READ_BYTES;
/// How long a full spool is left alone before it is looked at again. Nothing tells when the shipper has made room.
const FULL_SPOOL_RECHECK_MS: u16 = 100;

/// A container that runs.
pub(crate) struct Supervised {
    pub(crate) init: OwnedFd,
    pub(crate) output: Option<Output>,
    pub(crate) hierarchies: Hierarchies,
    pub(crate) cgroup: PathBuf,
    /// Whose processes it sees: in a namespace of its own the kernel ends them with init.
    pub(crate) pid: Sharing,
    pub(crate) attempt: u32,
    /// How long there is nothing to do before the shim rests; `None` when it cannot.
    pub(crate) silence_ms: Option<u16>,
    /// The other end of a standard input that stays open.
    pub(crate) stdin: Option<OwnedFd>,
}

impl Supervised {
    /// Ends an init that failed.
    pub(crate) fn kill_and_reap(&self) -> i32 {
        // It has exited already, or is stuck before its program.
        let _ = sys::pidfd_send_signal(self.init.as_fd(), libc::SIGKILL);
        self.reap()
    }

    /// Its exit status.
    pub(crate) fn reap(&self) -> i32 {
        sys::wait_pidfd(self.init.as_fd(), 0).unwrap_or(128 + libc::SIGKILL)
    }
}

/// Where output goes.
pub(crate) enum Sink {
    Nowhere,
    /// Where there is one again, once it can be opened.
    Unopened(LogOutput),
    Spool(Writer),
    JsonFile(JsonFileWriter),
}

impl Sink {
    /// Goes on after what an earlier attempt wrote.
    pub(crate) fn open(output: &LogOutput) -> io::Result<Self> {
        Ok(match output {
            LogOutput::Discard => Self::Nowhere,
            LogOutput::Spool(spec) => Self::Spool(Writer::create(spec)?),
            LogOutput::JsonFile(spec) => Self::JsonFile(JsonFileWriter::open(spec)?),
        })
    }

    /// As [`open`](Self::open), but a full disk costs lines, and must not cost the container.
    pub(crate) fn reopen(output: LogOutput) -> Self {
        Self::open(&output).unwrap_or(Self::Unopened(output))
    }

    fn is_full(&mut self) -> bool {
        match self {
            Self::Spool(spool) => spool.is_full(),
            Self::Nowhere | Self::Unopened(_) | Self::JsonFile(_) => false,
        }
    }

    /// Whether another that is opened in its place would go on with nothing lost.
    fn is_between_lines(&self) -> bool {
        match self {
            Self::Nowhere | Self::Unopened(_) => true,
            Self::Spool(spool) => spool.is_between_lines(),
            Self::JsonFile(file) => file.is_between_lines(),
        }
    }

    fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        if let Self::Unopened(output) = self {
            *self = Self::open(output)?;
        }
        match self {
            Self::Nowhere | Self::Unopened(_) => Ok(()),
            Self::Spool(spool) => spool.write(stream, unix_ms(), bytes),
            Self::JsonFile(file) => file.write(stream, bytes),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Nowhere | Self::Unopened(_) => Ok(()),
            // The container may be restarted: there is no saying that this is the end.
            Self::Spool(spool) => spool.close(unix_ms()),
            Self::JsonFile(file) => file.finish(),
        }
    }
}

/// Output of a container on its way to its sink.
pub(crate) struct Output {
    sink: Sink,
    streams: [(Stream, Option<File>); 2],
}

/// Records the end of an init that did not become the program.
pub(crate) fn record_failure(dir: &ContainerDir, code: i32, attempt: u32) -> io::Result<()> {
    dir.write_exit(Exit { code, at_unix_ms: unix_ms(), oom_killed: false }, attempt)
}

/// Supervises until init has ended; answers the shim's exit status.
pub(crate) fn until_exit(dir: &ContainerDir, mut supervised: Supervised) -> i32 {
    while let Woken::Silent = wait_and_spool(&mut supervised) {
        supervised = match rest::rest(dir, supervised) {
            Ok(supervised) => supervised,
            // Without an `exit.json` the container is lost.
            Err(_) => return 1,
        };
    }
    // Not reaped yet: its number stays taken for as long as others may look it up in `state.json`.
    let ended = sys::wait_pidfd(supervised.init.as_fd(), libc::WNOWAIT);
    let at_unix_ms = unix_ms();
    if supervised.pid != Sharing::Private {
        supervised.hierarchies.empty(&supervised.cgroup);
    }
    if let Some(output) = supervised.output.take() {
        output.finish();
    }
    let oom_killed = supervised.hierarchies.oom_kills(&supervised.cgroup) > 0;
    // Without an `exit.json` the container is lost, and rightly so.
    let written =
        ended.and_then(|code| dir.write_exit(Exit { code, at_unix_ms, oom_killed }, supervised.attempt));
    let _ = sys::wait_pidfd(supervised.init.as_fd(), 0);
    i32::from(written.is_err())
}

/// What ended a wait.
enum Woken {
    /// Init has ended.
    Ended,
    /// Nothing for a while, and nothing is half done.
    Silent,
}

fn wait_and_spool(supervised: &mut Supervised) -> Woken {
    let Supervised { init, output, silence_ms, .. } = supervised;
    loop {
        let mut sources = vec![PollFd::new(init.as_fd(), PollFlags::POLLIN)];
        let (mut timeout, mut may_rest) = (silence_ms.map_or(PollTimeout::NONE, PollTimeout::from), true);
        if let Some(output) = output {
            if output.sink.is_full() {
                (timeout, may_rest) = (PollTimeout::from(FULL_SPOOL_RECHECK_MS), false);
            } else {
                may_rest = output.sink.is_between_lines();
                sources.extend(
                    output
                        .pipes()
                        .into_iter()
                        .flatten()
                        .map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)),
                );
            }
        }
        match poll(&mut sources, timeout) {
            Err(Errno::EINTR) => continue,
            Err(_) => return Woken::Ended,
            Ok(0) if may_rest => return Woken::Silent,
            Ok(_) => {}
        }
        let ended = sources[0].any().unwrap_or(true);
        let readable = sources[1..].iter().any(|source| source.any().unwrap_or(true));
        if ended {
            return Woken::Ended;
        }
        if let (true, Some(output)) = (readable, output.as_mut()) {
            output.spool_some();
        }
    }
}

impl Output {
    /// Standard output and error. A terminal has one stream, which is its standard output.
    pub(crate) fn new(sink: Sink, [stdout, stderr]: [Option<File>; 2]) -> Self {
        Self { sink, streams: [(Stream::Stdout, stdout), (Stream::Stderr, stderr)] }
    }

    /// Those that are open.
    pub(crate) fn pipes(&self) -> [Option<&File>; 2] {
        self.streams.each_ref().map(|(_, pipe)| pipe.as_ref())
    }

    /// Takes what one read of each pipe gives; whether there was anything.
    fn spool_some(&mut self) -> bool {
        let mut buffer = [0; READ_BYTES];
        let mut any = false;
        for (stream, pipe) in &mut self.streams {
            let Some(open) = pipe else { continue };
            match open.read(&mut buffer) {
                Ok(0) => *pipe = None,
                Ok(count) => {
                    any = true;
                    // A full disk costs lines, and must not cost the container.
                    let _ = self.sink.write(*stream, &buffer[..count]);
                }
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(_) => *pipe = None,
            }
        }
        any
    }

    /// Init has ended, and with it every process of its namespace: what is in the pipes now is all.
    fn finish(mut self) {
        // More than a pipe holds, should a process of another container have been given the pipe and still write.
        for _ in 0..DRAIN_READS_MAX {
            if !self.spool_some() {
                break;
            }
        }
        let _ = self.sink.finish();
    }
}

fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_driver::{SpoolMode, SpoolSpec};

    #[test]
    fn a_sink_that_could_not_be_opened_is_when_it_can() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("spool");
        std::fs::write(&dir, "in the way").unwrap();
        let mode = SpoolMode::Blocking { max_bytes: 1 << 20 };
        let mut sink = Sink::reopen(LogOutput::Spool(SpoolSpec { dir: dir.clone(), mode }));
        assert!(sink.write(Stream::Stdout, b"lost\n").is_err());
        std::fs::remove_file(&dir).unwrap();
        sink.write(Stream::Stdout, b"kept\n").unwrap();
        sink.finish().unwrap();
        let mut reader = agent_log::spool::Reader::open(&dir).unwrap();
        let record = reader.next_record().unwrap().unwrap();
        assert!(matches!(record, agent_log::spool::Record::Line { bytes, .. } if bytes == b"kept"));
    }
}
