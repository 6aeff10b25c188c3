//! Ships one spool.

use crate::backoff::Backoff;
use crate::batch::Batch;
use crate::spool::{Cursor, Reader, Record};
use crate::watch::Watched;
use agent_driver::{AwslogsSpec, LogError, LogEvent, LogSink, SinkError};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long lines are gathered after the first one.
const FLUSH_AFTER: Duration = Duration::from_millis(50);
/// How often a writer that should be ending is looked at: its death alone is no change of the directory.
const WRITER_POLL: Duration = Duration::from_millis(100);
/// After this many failed reads in a row a spool that should be ending is given up on.
const READ_ATTEMPTS_MAX: u32 = 5;

/// The task that ships one spool, from wherever the last one got to.
pub struct Follower {
    pub spec: AwslogsSpec,
    pub sink: Arc<dyn LogSink>,
    pub reader: Reader,
    pub watched: Watched,
    /// The container has exited: drain and end.
    pub finishing: watch::Receiver<bool>,
}

/// What could be read at once.
struct Collected {
    events: Vec<LogEvent>,
    upto: Cursor,
    /// The batch is full: there may be more.
    full: bool,
    /// The end marker was read.
    ended: bool,
}

impl Follower {
    /// Answers when everything was delivered or refused, which is not before the container's output has ended.
    pub async fn run(mut self) -> Result<(), LogError> {
        let mut failures = Backoff::new(&self.spec.stream);
        loop {
            match self.ship_once().await {
                Ok(true) => return Ok(()),
                Ok(false) => failures = Backoff::new(&self.spec.stream),
                Err(error) => {
                    tracing::warn!(id = %self.spec.id, %error, "spool cannot be read");
                    let delay = failures.next_delay();
                    if *self.finishing.borrow() && failures.attempts() >= READ_ATTEMPTS_MAX {
                        return Err(LogError(format!(
                            "the output of {} cannot be read: {error}",
                            self.spec.id
                        )));
                    }
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }

    /// Ships one batch, then waits for more to do. `true` when there will never be more.
    async fn ship_once(&mut self) -> io::Result<bool> {
        // Asked before reading: what a writer wrote before it was found gone is then in the batch.
        let last = *self.finishing.borrow() && !self.reader.has_writer()?;
        let before = self.reader.position();
        let batch = self.collect()?;
        if !batch.events.is_empty() {
            self.deliver(&batch.events).await;
        }
        if batch.upto != before
            && let Err(error) = self.reader.acknowledge(batch.upto)
        {
            tracing::warn!(id = %self.spec.id, %error, "cursor not kept; lines may be delivered twice");
        }
        if batch.ended || last && !batch.full {
            return Ok(true);
        }
        if !batch.full {
            self.wait_for_more().await;
        }
        Ok(false)
    }

    /// Reads up to a batch. Does not wait.
    fn collect(&mut self) -> io::Result<Collected> {
        let mut batch = Batch::default();
        let (mut full, mut ended) = (false, false);
        let start = self.reader.position();
        let mut upto = start;
        loop {
            match self.reader.next_record() {
                Ok(None) => break,
                Ok(Some(Record::Line { at_unix_ms, bytes, .. })) => {
                    if !batch.add(at_unix_ms, &bytes) {
                        self.reader.rewind(upto);
                        full = true;
                        break;
                    }
                }
                Ok(Some(Record::Dropped { lines, .. })) => {
                    tracing::warn!(id = %self.spec.id, lines, "non-blocking log buffer was full; lines dropped");
                }
                Ok(Some(Record::End { .. })) => ended = true,
                // What was read until now is shipped; the error comes again.
                Err(_) if upto != start => break,
                Err(error) => return Err(error),
            }
            upto = self.reader.position();
        }
        Ok(Collected { events: batch.into_events(), upto, full, ended })
    }

    /// Puts until the events are durable or refused for good; an unreachable sink is tried for ever.
    async fn deliver(&self, events: &[LogEvent]) {
        let mut backoff = Backoff::new(&self.spec.stream);
        loop {
            match self.sink.put(&self.spec, events).await {
                Ok(()) => return,
                Err(SinkError::Refused(error)) => {
                    tracing::warn!(id = %self.spec.id, lines = events.len(), error, "log lines refused");
                    return;
                }
                Err(SinkError::Retry(error)) => {
                    let delay = backoff.next_delay();
                    tracing::debug!(id = %self.spec.id, attempts = backoff.attempts(), error, "log lines not delivered");
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }

    async fn wait_for_more(&mut self) {
        if *self.finishing.borrow() {
            let _ = tokio::time::timeout(WRITER_POLL, self.watched.changed()).await;
            return;
        }
        let mut finishing = self.finishing.clone();
        let finish = finishing.wait_for(|finishing| *finishing);
        tokio::pin!(finish);
        tokio::select! {
            () = self.watched.changed() => {}
            _ = &mut finish => return,
        }
        tokio::select! {
            () = tokio::time::sleep(FLUSH_AFTER) => {}
            _ = &mut finish => {}
        }
    }
}
