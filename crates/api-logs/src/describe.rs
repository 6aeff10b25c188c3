//! DescribeLogGroups and DescribeLogStreams (Amazon CloudWatch Logs API reference, pages of these names).

use crate::api::{Logs, find_group, group_name, invalid_token};
use crate::scan::{Direction, Scan};
use crate::stream::Extent;
use model::logs::{LogGroup, LogStream};
use model::{Scope, arn};
use std::collections::BTreeSet;
use std::io;
use store::State;
use wire::error::internal_failure;
use wire::logs::error::invalid_parameter_exception;
use wire::logs::{self, OrderBy};
use wire::{ApiError, Cx};

/// Both the default and the most.
const PAGE_MAX: usize = 50;

impl Logs {
    pub(crate) async fn describe_log_groups(
        &self,
        cx: &Cx,
        input: logs::DescribeLogGroupsRequest,
    ) -> Result<logs::DescribeLogGroupsResponse, ApiError> {
        let scope = cx.scope.clone();
        self.blocking(move |logs| groups(logs, &scope, input)).await
    }

    pub(crate) async fn describe_log_streams(
        &self,
        cx: &Cx,
        input: logs::DescribeLogStreamsRequest,
    ) -> Result<logs::DescribeLogStreamsResponse, ApiError> {
        let scope = cx.scope.clone();
        self.blocking(move |logs| streams(logs, &scope, input)).await
    }
}

fn groups(
    logs: &Logs,
    scope: &Scope,
    input: logs::DescribeLogGroupsRequest,
) -> Result<logs::DescribeLogGroupsResponse, ApiError> {
    if input.log_group_name_prefix.is_some() && input.log_group_name_pattern.is_some() {
        let message = "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.";
        return Err(invalid_parameter_exception(message));
    }
    let (prefix, pattern) = (&input.log_group_name_prefix, &input.log_group_name_pattern);
    if input.log_group_identifiers.is_some() && (prefix.is_some() || pattern.is_some()) {
        let message = "logGroupIdentifiers cannot be specified with a prefix or a pattern.";
        return Err(invalid_parameter_exception(message));
    }
    let chosen = input.log_group_identifiers.map(|identifiers| {
        let name = |identifier| group_name(scope, None, Some(identifier));
        identifiers.into_iter().map(name).collect::<Result<BTreeSet<_>, _>>()
    });
    let chosen = chosen.transpose()?;
    let snapshot = logs.store.snapshot();
    let pattern = input.log_group_name_pattern.unwrap_or_default();
    let after = input.next_token.unwrap_or_default();
    let matching = snapshot
        .log_groups(scope, &input.log_group_name_prefix.unwrap_or_default())
        .filter(|group| chosen.as_ref().is_none_or(|chosen| chosen.contains(&group.name)))
        .filter(|group| group.name.as_str().contains(&pattern) && *group.name.as_str() > *after);
    let (page, more) = page(matching, input.limit);
    let next_token = page.last().filter(|_| more).map(|group| group.name.to_string());
    let groups = page.into_iter().map(|group| describe_group(logs, &snapshot, group));
    let groups = groups.collect::<io::Result<Vec<_>>>().map_err(internal_failure)?;
    Ok(logs::DescribeLogGroupsResponse { log_groups: Some(groups), next_token })
}

fn describe_group(logs: &Logs, state: &State, group: &LogGroup) -> io::Result<logs::LogGroup> {
    let streams = state.log_streams(&group.scope, &group.name, "");
    let stored = streams.map(|stream| logs.streams.stored_bytes(stream.id)).sum::<io::Result<u64>>()?;
    let filters = state.metric_filters(&group.scope, &group.name).count();
    let arn = arn::log_group(&group.scope, &group.name);
    Ok(logs::LogGroup {
        log_group_name: Some(group.name.to_string()),
        log_group_arn: Some(arn.trim_end_matches(":*").to_owned()),
        arn: Some(arn),
        creation_time: Some(group.created_at.0),
        retention_in_days: group.retention_days.and_then(|days| i32::try_from(days).ok()),
        metric_filter_count: i32::try_from(filters).ok(),
        stored_bytes: Some(stored as i64),
        log_group_class: Some(logs::LogGroupClass::Standard),
        ..logs::LogGroup::default()
    })
}

fn streams(
    logs: &Logs,
    scope: &Scope,
    input: logs::DescribeLogStreamsRequest,
) -> Result<logs::DescribeLogStreamsResponse, ApiError> {
    let group = group_name(scope, input.log_group_name, input.log_group_identifier)?;
    let snapshot = logs.store.snapshot();
    let cutoff = find_group(&snapshot, scope, &group)?.expired_before(logs.clock.now());
    let cutoff = cutoff.map_or(i64::MIN, |cutoff| cutoff.0);
    let by_time = input.order_by == Some(OrderBy::LastEventTime);
    if by_time && input.log_stream_name_prefix.is_some() {
        let message = "Cannot order by LastEventTime with a logStreamNamePrefix.";
        return Err(invalid_parameter_exception(message));
    }
    let mut rows = Vec::new();
    for row in snapshot.log_streams(scope, &group, &input.log_stream_name_prefix.unwrap_or_default()) {
        // Opening every stream is the price of this order only.
        let last_event =
            if by_time { extent(logs, row, cutoff)?.map_or(0, |extent| extent.last_event) } else { 0 };
        rows.push((last_event, row));
    }
    rows.sort_by_key(|(last_event, row)| (*last_event, &row.name));
    let is_descending = input.descending.unwrap_or(false);
    if is_descending {
        rows.reverse();
    }
    let after = input.next_token.map(|token| read_token(&token).ok_or_else(invalid_token)).transpose()?;
    let rest = rows.iter().skip_while(|(last_event, row)| {
        let place = (*last_event, row.name.as_str());
        let is_after = |(t, name): &(i64, String)| {
            let after = (*t, name.as_str());
            if is_descending { place < after } else { place > after }
        };
        !after.as_ref().is_none_or(is_after)
    });
    let (page, more) = page(rest, input.limit);
    let next_token = page.last().filter(|_| more).map(|(t, row)| format!("{t}/{}", row.name));
    let streams = page.into_iter().map(|(_, row)| describe_stream(logs, row, cutoff));
    let log_streams = Some(streams.collect::<Result<Vec<_>, _>>()?);
    Ok(logs::DescribeLogStreamsResponse { log_streams, next_token })
}

fn describe_stream(logs: &Logs, row: &LogStream, cutoff: i64) -> Result<logs::LogStream, ApiError> {
    let extent = extent(logs, row, cutoff)?;
    let group_arn = arn::log_group(&row.scope, &row.group);
    Ok(logs::LogStream {
        log_stream_name: Some(row.name.to_string()),
        arn: Some(format!("{}log-stream:{}", group_arn.trim_end_matches('*'), row.name)),
        creation_time: Some(row.created_at.0),
        first_event_timestamp: extent.map(|extent| extent.first_event),
        last_event_timestamp: extent.map(|extent| extent.last_event),
        last_ingestion_time: extent.map(|extent| extent.last_ingestion),
        // Always zero for streams, as AWS documents since 2019.
        stored_bytes: Some(0),
        upload_sequence_token: None,
    })
}

/// The times of a stream's events that are not expired.
fn extent(logs: &Logs, row: &LogStream, cutoff: i64) -> Result<Option<Extent>, ApiError> {
    let stream = logs.streams.stream(row.id).map_err(internal_failure)?;
    let Some(mut extent) = stream.extent().filter(|extent| extent.last_event >= cutoff) else {
        return Ok(None);
    };
    if extent.first_event < cutoff {
        let range = (cutoff, 0, 0)..(i64::MAX, 0, 0);
        let first = Scan::new(&[stream], range, Direction::Forward).next().map_err(internal_failure)?;
        let Some(((timestamp, ..), _)) = first else { return Ok(None) };
        extent.first_event = timestamp;
    }
    Ok(Some(extent))
}

fn read_token(token: &str) -> Option<(i64, String)> {
    let (last_event, name) = token.split_once('/')?;
    Some((last_event.parse().ok()?, name.to_owned()))
}

/// One page, and whether there is more.
fn page<T>(rows: impl Iterator<Item = T>, limit: Option<i32>) -> (Vec<T>, bool) {
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.map_or(PAGE_MAX, |limit| limit.clamp(1, PAGE_MAX));
    let mut rows = rows.peekable();
    let page = rows.by_ref().take(limit).collect();
    (page, rows.peek().is_some())
}
