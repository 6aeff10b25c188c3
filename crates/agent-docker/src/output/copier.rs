//! Copies one container's log into its spool.

use super::frame::Frame;
use super::mark::{Place, Progress};
use crate::engine::{Engine, EngineError, PAUSE, present};
use agent_driver::SpoolSpec;
use agent_log::spool::{MAX_LINE_BYTES, Stream, Writer};
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{LogsOptions, LogsOptionsBuilder};
use futures_util::StreamExt as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How much of the log is read again: the two streams reach the Engine's log beside each other, not quite in the order
/// of their times.
const OVERLAP_NS: i64 = 1_000_000_000;
/// How long a full spool is left alone before it is looked at again. Nothing tells when the shipper has made room.
const FULL_SPOOL_RECHECK: Duration = Duration::from_millis(100);
/// The log has ended, because the container has or the Engine: it takes a moment to show.
const END_RECHECK: Duration = Duration::from_millis(10);
/// After this many failures in a row the output of a container that has ended is given up on.
const FAILURES_MAX: u32 = 50;

pub(super) struct Copier {
    engine: Arc<Engine>,
    name: String,
    progress: Progress,
    writer: Writer,
    /// The container has ended.
    ended: watch::Receiver<bool>,
}

/// A line that is not complete, of one stream.
#[derive(Default)]
struct Unfinished {
    bytes: Vec<u8>,
    /// When its first piece was read.
    since_ns: i64,
    /// The last piece that was seen.
    place: Place,
}

/// Why a log could not be read to its end.
enum Failure {
    Engine(EngineError),
    Spool(io::Error),
}

impl Copier {
    /// Takes the spool's lock.
    pub(super) fn open(
        engine: Arc<Engine>,
        name: String,
        spool: &SpoolSpec,
        ended: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        // Before the writer: it begins a new segment.
        let progress = Progress::open(&spool.dir)?;
        Ok(Self { engine, name, progress, writer: Writer::create(spool)?, ended })
    }

    /// Until the container has ended and everything was copied.
    pub(super) async fn run(mut self) {
        let mut failures = 0;
        loop {
            let (copied, runs) = match self.inspect().await {
                Ok(None) => return,
                // Whether it runs is asked before reading: what it wrote until then is in the log.
                Ok(Some(runs)) => (self.copy(runs).await, runs),
                Err(error) => (Err(Failure::Engine(error)), true),
            };
            match copied {
                Ok(()) if !runs => return,
                Ok(()) => {
                    failures = 0;
                    sleep(END_RECHECK).await;
                }
                Err(failure) => {
                    failures += 1;
                    failure.tell(&self.name, failures);
                    if failures >= FAILURES_MAX && (!runs || *self.ended.borrow()) {
                        tracing::warn!(name = self.name, "a container's output is given up on");
                        return;
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Whether it runs; `None` when it is gone. Not begun is as good as running: somebody is about to begin it.
    async fn inspect(&self) -> Result<Option<bool>, EngineError> {
        let found = self.engine.docker.inspect_container(&self.name, None).await;
        Ok(present(found.map_err(EngineError::from))?.map(|found| may_write(&found)))
    }

    /// Reads from the mark on; to the container's end if it runs.
    async fn copy(&mut self, follow: bool) -> Result<(), Failure> {
        let since = (self.progress.since_ns() - OVERLAP_NS).max(0) / 1_000_000_000;
        let options: LogsOptions = LogsOptionsBuilder::default()
            .follow(follow)
            .stdout(true)
            .stderr(true)
            .timestamps(true)
            .since(i32::try_from(since).unwrap_or(i32::MAX))
            .build();
        let docker = self.engine.docker.clone();
        let mut log = std::pin::pin!(docker.logs(&self.name, Some(options)));
        let mut lines = [Unfinished::default(), Unfinished::default()];
        while let Some(item) = log.next().await {
            let item = item.map_err(|e| Failure::Engine(e.into()))?;
            for frame in Frame::of(&item) {
                self.take(&frame, &mut lines).await.map_err(Failure::Spool)?;
            }
        }
        if !follow {
            // No newline will come. After a restart what is written next begins a new line, as it does in the shim.
            for stream in [Stream::Stdout, Stream::Stderr] {
                self.append(stream, &mut lines).map_err(Failure::Spool)?;
            }
        }
        Ok(())
    }

    async fn take(&mut self, frame: &Frame<'_>, lines: &mut [Unfinished; 2]) -> io::Result<()> {
        let line = &mut lines[frame.stream as usize];
        let nth = if line.place.at_ns == frame.at_ns { line.place.nth + 1 } else { 1 };
        line.place = Place { at_ns: frame.at_ns, nth };
        if self.progress.has(frame.stream, line.place) {
            return Ok(());
        }
        // A longer line is written as several.
        if line.bytes.len() + frame.bytes.len() > MAX_LINE_BYTES {
            let before = Place { at_ns: line.place.at_ns, nth: nth - 1 };
            let full = std::mem::replace(&mut line.place, before);
            self.wait_for_room().await;
            self.append(frame.stream, lines)?;
            lines[frame.stream as usize].place = full;
        }
        let line = &mut lines[frame.stream as usize];
        if line.bytes.is_empty() {
            line.since_ns = frame.at_ns;
        }
        line.bytes.extend_from_slice(frame.bytes);
        if frame.ends_line() {
            self.wait_for_room().await;
            self.append(frame.stream, lines)?;
        }
        Ok(())
    }

    /// Writes what there is of a line.
    fn append(&mut self, stream: Stream, lines: &mut [Unfinished; 2]) -> io::Result<()> {
        let Unfinished { mut bytes, place, .. } = std::mem::take(&mut lines[stream as usize]);
        lines[stream as usize].place = place;
        if bytes.is_empty() {
            return Ok(());
        }
        if !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        let other = &lines[1 - stream as usize];
        let since = if other.bytes.is_empty() { place.at_ns } else { other.since_ns.min(place.at_ns) };
        self.progress.intend(stream, place, since, self.writer.position())?;
        self.writer.write(stream, place.at_ns / 1_000_000, &bytes)?;
        self.progress.done();
        Ok(())
    }

    /// While a container runs, a full spool of mode `blocking` is left alone.
    async fn wait_for_room(&mut self) {
        while !*self.ended.borrow() && self.writer.is_full() {
            let _ = timeout(FULL_SPOOL_RECHECK, self.ended.wait_for(|ended| *ended)).await;
        }
    }
}

impl Failure {
    fn tell(&self, name: &str, failures: u32) {
        match self {
            Self::Engine(error) => {
                tracing::debug!(name, failures, %error, "a container's log cannot be read")
            }
            Self::Spool(error) if failures == 1 => {
                tracing::warn!(name, %error, "a container's spool cannot be written");
            }
            Self::Spool(_) => {}
        }
    }
}

fn may_write(found: &ContainerInspectResponse) -> bool {
    use bollard::models::ContainerStateStatusEnum::{DEAD, EXITED, REMOVING};
    let status = found.state.as_ref().and_then(|state| state.status);
    !matches!(status, Some(EXITED | DEAD | REMOVING))
}
