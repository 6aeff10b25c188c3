//! StartLiveTail: events as they are ingested, once a second (Amazon CloudWatch Logs API reference: `StartLiveTail`).
//!
//! A session is a subscription that [`Tails::publish`] fills and the stream of its answer empties. What comes faster
//! than a session takes is left out, and the session is told that it was sampled, as AWS does.

use crate::api::{Logs, find_group, group_name, pattern};
use core_logs::{Message, Pattern};
use futures_util::stream;
use model::{LogGroupName, Scope};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use wire::logs::StartLiveTailResponseStream as TailEvent;
use wire::logs::{self, LiveTailSessionLogEvent, LiveTailSessionMetadata, LiveTailSessionUpdate, error};
use wire::{ApiError, Cx, EventStream};

/// The most events of one update.
const UPDATE_EVENTS_MAX: usize = 500;
/// The most bytes of messages in one update: clients take 16 MiB at once, and JSON may write one byte as six.
const UPDATE_BYTES_MAX: usize = 2 << 20;
const UPDATE_EVERY: Duration = Duration::from_secs(1);
const SESSION_MAX: Duration = Duration::from_secs(3 * 60 * 60);
/// Sessions at a time in one account and region (CloudWatch Logs quotas).
const SESSIONS_MAX: usize = 15;

/// The sessions that are open.
#[derive(Debug, Default)]
pub(crate) struct Tails(RwLock<Vec<Arc<Tail>>>);

#[derive(Debug)]
struct Tail {
    scope: Scope,
    /// With the identifier by which the request names each.
    groups: Vec<(LogGroupName, String)>,
    streams: Option<Vec<String>>,
    prefixes: Option<Vec<String>>,
    pattern: Option<Pattern>,
    buffer: Mutex<Buffer>,
}

/// What came since the last update.
#[derive(Debug, Default)]
struct Buffer {
    events: Vec<LiveTailSessionLogEvent>,
    bytes: usize,
    sampled: bool,
}

/// One session's end of its subscription; dropping it ends the session.
struct Session {
    tails: Arc<Tails>,
    tail: Arc<Tail>,
    start: Option<logs::LiveTailSessionStart>,
    updates: Interval,
    end: Instant,
}

/// Events of one PutLogEvents, and where and when they were ingested.
pub(crate) struct Batch<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) group: &'a LogGroupName,
    pub(crate) stream: &'a str,
    pub(crate) ingested_at: i64,
    pub(crate) events: &'a [(i64, String)],
}

pub(crate) fn start(
    logs: &Logs,
    cx: &Cx,
    input: logs::StartLiveTailRequest,
) -> Result<EventStream<TailEvent>, ApiError> {
    let tail = Arc::new(Tail::new(logs, cx, &input)?);
    logs.tails.add(&tail)?;
    let mut updates = interval_at(Instant::now() + UPDATE_EVERY, UPDATE_EVERY);
    updates.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let start = logs::LiveTailSessionStart {
        request_id: Some(cx.request_id.clone()),
        session_id: Some(cx.request_id.clone()),
        log_group_identifiers: Some(input.log_group_identifiers),
        log_stream_names: input.log_stream_names,
        log_stream_name_prefixes: input.log_stream_name_prefixes,
        log_event_filter_pattern: input.log_event_filter_pattern,
    };
    let end = Instant::now() + SESSION_MAX;
    let session = Session { tails: logs.tails.clone(), tail, start: Some(start), updates, end };
    Ok(EventStream::new(stream::unfold(session, |mut session| async {
        let event = session.next().await;
        Some((event, session))
    })))
}

impl Session {
    async fn next(&mut self) -> Result<TailEvent, ApiError> {
        if let Some(start) = self.start.take() {
            return Ok(TailEvent::SessionStart(start));
        }
        if self.updates.tick().await >= self.end {
            return Err(error::session_timeout_exception("A Live Tail session lasts three hours at most."));
        }
        let mut buffer = self.tail.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        let Buffer { events, sampled, .. } = std::mem::take(&mut *buffer);
        Ok(TailEvent::SessionUpdate(LiveTailSessionUpdate {
            session_metadata: Some(LiveTailSessionMetadata { sampled: Some(sampled) }),
            session_results: Some(events),
        }))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let mut tails = self.tails.0.write().unwrap_or_else(PoisonError::into_inner);
        tails.retain(|tail| !Arc::ptr_eq(tail, &self.tail));
    }
}

impl Tails {
    fn add(&self, tail: &Arc<Tail>) -> Result<(), ApiError> {
        let mut tails = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if tails.iter().filter(|other| other.scope == tail.scope).count() >= SESSIONS_MAX {
            let message = format!("There are {SESSIONS_MAX} Live Tail sessions already.");
            return Err(error::limit_exceeded_exception(message));
        }
        tails.push(tail.clone());
        Ok(())
    }

    /// Hands events that are on disk to the sessions that want them.
    pub(crate) fn publish(&self, batch: &Batch<'_>) {
        for tail in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            tail.take(batch);
        }
    }
}

impl Tail {
    fn new(logs: &Logs, cx: &Cx, input: &logs::StartLiveTailRequest) -> Result<Self, ApiError> {
        let (streams, prefixes) = (&input.log_stream_names, &input.log_stream_name_prefixes);
        if streams.is_some() && prefixes.is_some() {
            let message = "logStreamNames and logStreamNamePrefixes cannot be specified together.";
            return Err(error::invalid_parameter_exception(message));
        }
        if (streams.is_some() || prefixes.is_some()) && input.log_group_identifiers.len() > 1 {
            let message = "logStreamNames and logStreamNamePrefixes need exactly one log group.";
            return Err(error::invalid_parameter_exception(message));
        }
        let snapshot = logs.store.snapshot();
        let mut groups = Vec::new();
        for identifier in &input.log_group_identifiers {
            if identifier.ends_with('*') {
                let message = "The ARN of a log group in logGroupIdentifiers cannot end with an asterisk.";
                return Err(error::invalid_parameter_exception(message));
            }
            let group = group_name(&cx.scope, None, Some(identifier.clone()))?;
            find_group(&snapshot, &cx.scope, &group)?;
            groups.push((group, identifier.clone()));
        }
        Ok(Self {
            scope: cx.scope.clone(),
            groups,
            streams: streams.clone(),
            prefixes: prefixes.clone(),
            pattern: input.log_event_filter_pattern.as_deref().map(pattern).transpose()?,
            buffer: Mutex::default(),
        })
    }

    fn take(&self, batch: &Batch<'_>) {
        let Some(identifier) = self.identifier_of(batch) else { return };
        let wanted = |message: &str| {
            self.pattern.as_ref().is_none_or(|pattern| pattern.matches(&Message::new(message)))
        };
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        for (timestamp, message) in batch.events.iter().filter(|(_, message)| wanted(message)) {
            let bytes = buffer.bytes + message.len();
            if buffer.events.len() == UPDATE_EVENTS_MAX || bytes > UPDATE_BYTES_MAX {
                buffer.sampled = true;
                return;
            }
            buffer.bytes = bytes;
            buffer.events.push(LiveTailSessionLogEvent {
                log_group_identifier: Some(identifier.to_owned()),
                log_stream_name: Some(batch.stream.to_owned()),
                timestamp: Some(*timestamp),
                ingestion_time: Some(batch.ingested_at),
                message: Some(message.clone()),
            });
        }
    }

    /// How the session names the batch's group; `None` when it did not ask for the batch.
    fn identifier_of(&self, batch: &Batch<'_>) -> Option<&str> {
        let (_, identifier) = self.groups.iter().find(|(name, _)| name == batch.group)?;
        let is_named = |names: &Vec<String>| names.iter().any(|name| name == batch.stream);
        let is_prefixed =
            |prefixes: &Vec<String>| prefixes.iter().any(|p| batch.stream.starts_with(p.as_str()));
        let is_wanted = self.scope == *batch.scope
            && self.streams.as_ref().is_none_or(is_named)
            && self.prefixes.as_ref().is_none_or(is_prefixed);
        is_wanted.then_some(identifier)
    }
}
