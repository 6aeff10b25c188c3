//! GetLogEvents and FilterLogEvents (Amazon CloudWatch Logs API reference, pages of these names).

use crate::api::{Logs, find_stream, group_name, invalid_token, no_such_group};
use crate::block::Event;
use crate::put::EVENT_OVERHEAD_BYTES;
use crate::scan::{Direction, Position, Scan};
use crate::token::{self, Token};
use model::logs::LogStream;
use model::{LogGroupName, Scope};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use store::State;
use wire::ApiError;
use wire::error::internal_failure;
use wire::logs::error::invalid_parameter_exception;
use wire::logs::{FilterLogEventsRequest, FilterLogEventsResponse, FilteredLogEvent};
use wire::logs::{GetLogEventsRequest, GetLogEventsResponse, OutputLogEvent};

const EVENTS_MAX: usize = 10_000;
/// The most bytes of events in one answer, counted as PutLogEvents counts them.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// One stream's events. Without a token: the newest ones, or the oldest with `startFromHead`. `endTime` is exclusive.
pub(crate) fn get(
    logs: &Logs,
    scope: &Scope,
    input: GetLogEventsRequest,
) -> Result<GetLogEventsResponse, ApiError> {
    let group = group_name(scope, input.log_group_name, input.log_group_identifier)?;
    let row = find_stream(&logs.store.snapshot(), scope, &group, &input.log_stream_name)?;
    let stream = logs.streams.stream(row.id).map_err(internal_failure)?;

    let from_head = input.start_from_head.unwrap_or(false);
    let token = input.next_token.map(|token| Token::read(&token).ok_or_else(invalid_token)).transpose()?;
    let direction =
        token.map_or(if from_head { Direction::Forward } else { Direction::Backward }, |t| t.direction);
    let start = (input.start_time.unwrap_or(0), 0, 0);
    let end = (input.end_time.unwrap_or(i64::MAX), 0, 0);
    let range = match (token.map(|token| token.position), direction) {
        (None, _) => start..end,
        (Some(position), Direction::Forward) => start.max(position)..end,
        (Some(position), Direction::Backward) => start..end.min(position),
    };
    let scan = Scan::new(&[stream], range, direction);
    let (mut events, _) = page(scan, limit(input.limit)).map_err(internal_failure)?;
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
pub(crate) fn filter(
    logs: &Logs,
    scope: &Scope,
    input: FilterLogEventsRequest,
) -> Result<FilterLogEventsResponse, ApiError> {
    let group = group_name(scope, input.log_group_name, input.log_group_identifier)?;
    let snapshot = logs.store.snapshot();
    let rows = chosen(&snapshot, scope, &group, input.log_stream_names, input.log_stream_name_prefix)?;
    let after =
        input.next_token.map(|token| token::position(&token).ok_or_else(invalid_token)).transpose()?;

    let start = (input.start_time.unwrap_or(0), 0, 0);
    let end = (input.end_time.map_or(i64::MAX, |end| end.saturating_add(1)), 0, 0);
    let streams = rows.iter().map(|row| logs.streams.stream(row.id)).collect::<io::Result<Vec<_>>>();
    let range = after.map_or(start, |after| start.max(after))..end;
    let scan = Scan::new(&streams.map_err(internal_failure)?, range, Direction::Forward);
    let (events, more) = page(scan, limit(input.limit)).map_err(internal_failure)?;

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
    state.log_group(scope, group).ok_or_else(no_such_group)?;
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

fn limit(limit: Option<i32>) -> usize {
    limit.and_then(|limit| usize::try_from(limit).ok()).map_or(EVENTS_MAX, |limit| limit.clamp(1, EVENTS_MAX))
}

fn next((timestamp, stream, seq): Position) -> Position {
    (timestamp, stream, seq + 1)
}

type Page = (Vec<(Position, Event)>, Option<Position>);

/// As many events as one answer takes, and the place of the first one that it does not.
fn page(mut scan: Scan, limit: usize) -> io::Result<Page> {
    let (mut events, mut bytes) = (Vec::new(), 0);
    while let Some((position, event)) = scan.next()? {
        bytes += event.message.len() + EVENT_OVERHEAD_BYTES;
        if events.len() == limit || (bytes > PAGE_BYTES_MAX && !events.is_empty()) {
            return Ok((events, Some(position)));
        }
        events.push((position, event));
    }
    Ok((events, None))
}
