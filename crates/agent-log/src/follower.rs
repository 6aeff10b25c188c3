//! Ships one spool.

use crate::backoff::Backoff;
use crate::batch::Batch;
use crate::destination::Destination;
use crate::multiline::{Assembler, Event};
use crate::spool::{Cursor, Reader, Record, Stream};
use crate::watch::Watched;
use agent_driver::{LogError, LogEvent, RuntimeId, SinkError};
use std::io;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long lines are gathered after a batch. The first line after a pause is not gathered but shipped.
const GATHER: Duration = Duration::from_millis(25);
/// How often a writer that should be ending is looked at: its death alone is no change of the directory.
const WRITER_POLL: Duration = Duration::from_millis(100);
/// After this many failed reads in a row a spool that should be ending is given up on.
const READ_ATTEMPTS_MAX: u32 = 5;
/// Dropped lines are warned of once in this time.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// The task that ships one spool, from wherever the last one got to.
pub struct Follower {
    pub id: RuntimeId,
    pub destination: Destination,
    pub reader: Reader,
    pub watched: Watched,
    pub lines: Assembler,
    /// Since when the container has exited: drain and end.
    pub finishing: watch::Receiver<Option<Instant>>,
    pub dropped: Dropped,
}

/// Lines that a full spool did not take and that were not warned of yet.
#[derive(Default)]
pub struct Dropped {
    lines: u64,
    warned: Option<Instant>,
}

/// What could be read at once.
struct Collected {
    events: Vec<LogEvent>,
    /// Where the first event begins; names the batch.
    from: Cursor,
    upto: Cursor,
    /// The batch is full: there may be more.
    full: bool,
    /// The end marker was read.
    ended: bool,
}

/// What became of a batch.
enum Shipped {
    /// There may be more.
    More,
    /// There will never be more.
    All,
    /// The container has exited, and nobody takes the rest.
    GivenUp(String),
}

impl Follower {
    /// Answers when everything was delivered or refused, which is not before the container's output has ended.
    pub async fn run(mut self) -> Result<(), LogError> {
        let mut failures = Backoff::new(&self.id.0);
        loop {
            match self.ship_once().await {
                Ok(Shipped::All) => break Ok(()),
                Ok(Shipped::GivenUp(reason)) => {
                    break Err(LogError(format!("the output of {} was given up on: {reason}", self.id)));
                }
                Ok(Shipped::More) => failures = Backoff::new(&self.id.0),
                Err(error) => {
                    tracing::warn!(id = %self.id, %error, "spool cannot be read");
                    let delay = failures.next_delay();
                    if self.is_finishing() && failures.attempts() >= READ_ATTEMPTS_MAX {
                        break Err(LogError(format!("the output of {} cannot be read: {error}", self.id)));
                    }
                    tokio::time::sleep(delay).await;
                }
            }
        }
        .inspect(|()| self.dropped.warn(&self.id))
    }

    fn is_finishing(&self) -> bool {
        self.finishing.borrow().is_some()
    }

    /// Ships one batch, then waits for more to do.
    async fn ship_once(&mut self) -> io::Result<Shipped> {
        let begun = Instant::now();
        // Asked before reading: what a writer wrote before it was found gone is then in the batch.
        let last = self.is_finishing() && !self.reader.has_writer()?;
        let batch = self.collect(last)?;
        if !batch.events.is_empty()
            && let Err(reason) = self.deliver(batch.from, &batch.events).await
        {
            return Ok(Shipped::GivenUp(reason));
        }
        if batch.upto != batch.from
            && let Err(error) = self.reader.acknowledge(batch.upto)
        {
            tracing::warn!(id = %self.id, %error, "cursor not kept; lines may be delivered twice");
        }
        if batch.ended || last && !batch.full {
            return Ok(Shipped::All);
        }
        if !batch.full {
            self.wait_for_more(begun + GATHER).await;
        }
        Ok(Shipped::More)
    }

    /// Reads up to a batch. Does not wait.
    fn collect(&mut self, last: bool) -> io::Result<Collected> {
        let mut batch = Batch::default();
        let (mut full, mut ended) = (false, false);
        let from = self.unsent();
        // Everything before it is in the batch.
        let mut upto = from;
        while !full {
            let begins = self.reader.position();
            match self.reader.next_record() {
                Ok(None) => break,
                Ok(Some(Record::Line { stream, at_unix_ms, bytes })) => {
                    let line = Event { at_unix_ms, is_stderr: stream == Stream::Stderr, text: bytes };
                    full = self.lines.push(begins, line).is_some_and(|event| !self.takes(&mut batch, event));
                }
                Ok(Some(Record::Dropped { lines, .. })) => self.dropped.add(&self.id, lines),
                Ok(Some(Record::End { .. })) => ended = true,
                // What was read until now is shipped; the error comes again.
                Err(_) if upto != from => break,
                Err(error) => return Err(error),
            }
            if !full {
                upto = self.unsent();
            }
        }
        let is_due = ended || last || self.lines.due().is_some_and(|due| due <= Instant::now());
        if is_due
            && !full
            && let Some(event) = self.lines.take()
        {
            full = !self.takes(&mut batch, event);
            upto = if full { upto } else { self.reader.position() };
        }
        if full {
            // The event that has no room is read again, and what came after it.
            self.lines.take();
            self.reader.rewind(upto);
        }
        Ok(Collected { events: batch.into_events(), from, upto, full, ended: ended && !full })
    }

    /// Where the first event that is in no batch begins.
    fn unsent(&self) -> Cursor {
        self.lines.begins().unwrap_or_else(|| self.reader.position())
    }

    fn takes(&self, batch: &mut Batch, event: Event) -> bool {
        event.text.is_empty() && !self.destination.takes_empty_lines() || batch.add(event)
    }

    /// Sends until the events are durable or refused for good. An unreachable destination is tried for ever, or until
    /// its patience with an exited container is over.
    async fn deliver(&mut self, from: Cursor, events: &[LogEvent]) -> Result<(), String> {
        let mut backoff = Backoff::new(&self.id.0);
        loop {
            let error = match self.destination.send(from, events).await {
                Ok(()) => return Ok(()),
                Err(SinkError::Refused(error)) => {
                    tracing::warn!(id = %self.id, lines = events.len(), error, "log lines refused");
                    return Ok(());
                }
                Err(SinkError::Retry(error)) => error,
            };
            let delay = backoff.next_delay();
            tracing::debug!(id = %self.id, attempts = backoff.attempts(), error, "log lines not delivered");
            let exited = *self.finishing.borrow();
            if let (Some(exited), Some(patience)) = (exited, self.destination.patience())
                && exited + patience <= Instant::now()
            {
                return Err(error);
            }
            tokio::time::sleep(delay).await;
        }
    }

    /// Waits for a change, and then until `gathered`.
    async fn wait_for_more(&mut self, gathered: Instant) {
        if self.is_finishing() {
            let _ = tokio::time::timeout(WRITER_POLL, self.watched.changed()).await;
            return;
        }
        let due = self.lines.due();
        let overdue = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let mut finishing = self.finishing.clone();
        let finish = finishing.wait_for(Option::is_some);
        tokio::pin!(finish);
        tokio::select! {
            () = self.watched.changed() => {}
            () = overdue => return,
            _ = &mut finish => return,
        }
        tokio::select! {
            () = tokio::time::sleep_until(gathered) => {}
            _ = &mut finish => {}
        }
    }
}

impl Dropped {
    fn add(&mut self, id: &RuntimeId, lines: u64) {
        self.lines += lines;
        if self.warned.is_none_or(|warned| warned.elapsed() >= WARN_EVERY) {
            self.warn(id);
        }
    }

    fn warn(&mut self, id: &RuntimeId) {
        if self.lines > 0 {
            tracing::warn!(%id, lines = self.lines, "the non-blocking log buffer was full; lines were dropped");
            *self = Self { lines: 0, warned: Some(Instant::now()) };
        }
    }
}
