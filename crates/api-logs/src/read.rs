//! GetLogEvents and FilterLogEvents (Amazon CloudWatch Logs API reference, pages of these names).

use crate::api::{Logs, find_group, find_stream, group_name, invalid_token, pattern};
use crate::block::Event;
use crate::put::EVENT_OVERHEAD_BYTES;
use crate::scan::{Direction, Position, Scan};
use crate::token::{self, Token};
use core_logs::{Message, Pattern};
use model::logs::{LogGroup, LogStream};
use model::{LogGroupName, Scope};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use store::State;
use wire::error::internal_failure;
use wire::logs::error::invalid_parameter_exception;
use wire::logs::{FilterLogEventsRequest, FilterLogEventsResponse, FilteredLogEvent};
use wire::logs::{GetLogEventsRequest, GetLogEventsResponse, OutputLogEvent};
use wire::{ApiError, Cx};

/// The most bytes of messages that one FilterLogEvents looks at; its token goes on from there.
const SEARCHED_BYTES_MAX: usize = 64 << 20;
const EVENTS_MAX: usize = 10_000;
/// The most bytes of events in one answer, counted as PutLogEvents counts them.
const PAGE_BYTES_MAX: usize = 1 << 20;

impl Logs {
    pub(crate) async fn get_log_events(
        &self,
        cx: &Cx,
        input: GetLogEventsRequest,
    ) -> Result<GetLogEventsResponse, ApiError> {
        let scope = cx.scope.clone();
        self.blocking(move |logs| get(logs, &scope, input)).await
    }

    pub(crate) async fn filter_log_events(
        &self,
        cx: &Cx,
        input: FilterLogEventsRequest,
    ) -> Result<FilterLogEventsResponse, ApiError> {
        let scope = cx.scope.clone();
        self.blocking(move |logs| filter(logs, &scope, input)).await
    }
}

/// One stream's events. Without a token: the newest ones, or the oldest with `startFromHead`. `endTime` is exclusive.
fn get(logs: &Logs, scope: &Scope, input: GetLogEventsRequest) -> Result<GetLogEventsResponse, ApiError> {
    let group = group_name(scope, input.log_group_name, input.log_group_identifier)?;
    let snapshot = logs.store.snapshot();
    let row = find_stream(&snapshot, scope, &group, &input.log_stream_name)?;
    let stream = logs.streams.stream(row.id).map_err(internal_failure)?;

    let from_head = input.start_from_head.unwrap_or(false);
    let token = input.next_token.map(|token| Token::read(&token).ok_or_else(invalid_token)).transpose()?;
    let direction =
        token.map_or(if from_head { Direction::Forward } else { Direction::Backward }, |t| t.direction);
    let start = (first_time(logs, find_group(&snapshot, scope, &group)?, input.start_time), 0, 0);
    let end = (input.end_time.unwrap_or(i64::MAX), 0, 0);
    let range = match (token.map(|token| token.position), direction) {
        (None, _) => start..end,
        (Some(position), Direction::Forward) => start.max(position)..end,
        (Some(position), Direction::Backward) => start..end.min(position),
    };
    let scan = Scan::new(&[stream], range, direction);
    let (mut events, _) = page(scan, limit(input.limit), None).map_err(internal_failure)?;
    if direction == Direction::Backward {
        events.reverse();
    }
    // At either end the place stays where it is, so that the same token comes back.
    let stay = token.map_or(start, |token| token.position);
    let before = events.first().map_or(stay, |(position, _)| *position);
    let after = events.last().map_or(stay, |(position, _)| next(*position));
    let write = |direction, position| Some(Token { direction, position }.write());
    let output = |(_, event): (Position, Event)| OutputLogEvent {
        timestamp: Some(event.timestamp),
        message: Some(event.message),
        ingestion_time: Some(event.ingested_at),
    };
    Ok(GetLogEventsResponse {
        events: Some(events.into_iter().map(output).collect()),
        next_forward_token: write(Direction::Forward, after),
        next_backward_token: write(Direction::Backward, before),
    })
}

/// The events of a group's streams, merged by time. `endTime` is inclusive here.
fn filter(
    logs: &Logs,
    scope: &Scope,
    input: FilterLogEventsRequest,
) -> Result<FilterLogEventsResponse, ApiError> {
    let group = group_name(scope, input.log_group_name, input.log_group_identifier)?;
    let snapshot = logs.store.snapshot();
    let pattern = input.filter_pattern.as_deref().map(pattern).transpose()?;
    let rows = chosen(&snapshot, scope, &group, input.log_stream_names, input.log_stream_name_prefix)?;
    let after =
        input.next_token.map(|token| token::position(&token).ok_or_else(invalid_token)).transpose()?;

    let start = (first_time(logs, find_group(&snapshot, scope, &group)?, input.start_time), 0, 0);
    let end = (input.end_time.map_or(i64::MAX, |end| end.saturating_add(1)), 0, 0);
    let streams = rows.iter().map(|row| logs.streams.stream(row.id)).collect::<io::Result<Vec<_>>>();
    let range = after.map_or(start, |after| start.max(after))..end;
    let scan = Scan::new(&streams.map_err(internal_failure)?, range, Direction::Forward);
    let (events, more) = page(scan, limit(input.limit), pattern.as_ref()).map_err(internal_failure)?;

    let names: HashMap<u64, &str> = rows.iter().map(|row| (row.id, row.name.as_str())).collect();
    let output = |(position, event): (Position, Event)| FilteredLogEvent {
        event_id: Some(token::digits(position)),
        log_stream_name: names.get(&position.1).map(|&name| name.to_owned()),
        timestamp: Some(event.timestamp),
        message: Some(event.message),
        ingestion_time: Some(event.ingested_at),
    };
    Ok(FilterLogEventsResponse {
        next_token: more.map(token::digits),
        events: Some(events.into_iter().map(output).collect()),
        searched_log_streams: Some(Vec::new()),
    })
}

/// The streams that a FilterLogEvents asks for: those named, or those whose names start with the prefix.
fn chosen(
    state: &State,
    scope: &Scope,
    group: &LogGroupName,
    names: Option<Vec<String>>,
    prefix: Option<String>,
) -> Result<Vec<Arc<LogStream>>, ApiError> {
    find_group(state, scope, group)?;
    match (names, prefix) {
        (Some(_), Some(_)) => Err(invalid_parameter_exception(
            "logStreamNames and logStreamNamePrefix cannot be specified together.",
        )),
        (Some(mut names), None) => {
            names.sort();
            names.dedup();
            names.iter().map(|name| find_stream(state, scope, group, name)).collect()
        }
        (None, prefix) => Ok(state.log_streams(scope, group, &prefix.unwrap_or_default()).cloned().collect()),
    }
}

/// The earliest time that a request may see.
fn first_time(logs: &Logs, group: &LogGroup, start_time: Option<i64>) -> i64 {
    let kept = group.expired_before(logs.clock.now()).map_or(0, |cutoff| cutoff.0);
    start_time.unwrap_or(0).max(kept)
}

fn limit(limit: Option<i32>) -> usize {
    limit.and_then(|limit| usize::try_from(limit).ok()).map_or(EVENTS_MAX, |limit| limit.clamp(1, EVENTS_MAX))
}

fn next((timestamp, stream, seq): Position) -> Position {
    (timestamp, stream, seq + 1)
}

type Page = (Vec<(Position, Event)>, Option<Position>);

/// As many events as one answer takes, and the place of the first one that was not looked at.
fn page(mut scan: Scan, limit: usize, pattern: Option<&Pattern>) -> io::Result<Page> {
    let (mut events, mut bytes, mut searched) = (Vec::new(), 0, 0);
    while let Some((position, event)) = scan.next()? {
        searched += event.message.len() + EVENT_OVERHEAD_BYTES;
        if searched > SEARCHED_BYTES_MAX {
            return Ok((events, Some(position)));
        }
        if pattern.is_some_and(|pattern| !pattern.matches(&Message::new(&event.message))) {
            continue;
        }
        bytes += event.message.len() + EVENT_OVERHEAD_BYTES;
        if events.len() == limit || (bytes > PAGE_BYTES_MAX && !events.is_empty()) {
            return Ok((events, Some(position)));
        }
        events.push((position, event));
    }
    Ok((events, None))
}
