//! PutLogEvents (Amazon CloudWatch Logs API reference: `PutLogEvents`).

use crate::api::{Logs, find_group, find_stream};
use crate::tail::Batch;
use model::metrics::Datum;
use model::{LogGroupName, Scope, Timestamp};
use wire::error::internal_failure;
use wire::logs::error::invalid_parameter_exception;
use wire::logs::{InputLogEvent, PutLogEventsRequest, PutLogEventsResponse, RejectedLogEventsInfo};
use wire::{ApiError, Cx};

/// A batch: the bytes of its messages and [`EVENT_OVERHEAD_BYTES`] for each.
const BATCH_BYTES_MAX: usize = 1_048_576;
/// What AWS counts for an event besides its message.
pub(crate) const EVENT_OVERHEAD_BYTES: usize = 26;
const EVENTS_MAX: usize = 10_000;
const SPAN_MS_MAX: i64 = 24 * HOUR_MS;
const TOO_OLD_MS: i64 = 14 * 24 * HOUR_MS;
const TOO_NEW_MS: i64 = 2 * HOUR_MS;
const HOUR_MS: i64 = 60 * 60 * 1000;

impl Logs {
    pub(crate) async fn put_log_events(
        &self,
        cx: &Cx,
        input: PutLogEventsRequest,
    ) -> Result<PutLogEventsResponse, ApiError> {
        let scope = cx.scope.clone();
        let (answer, data) = self.blocking(move |logs| put(logs, &scope, input)).await?;
        if !data.is_empty() {
            self.counting.sink.put(&cx.scope, data).await.map_err(internal_failure)?;
        }
        Ok(answer)
    }
}

/// Makes the events durable; what they count as is for the caller to make durable, before it answers.
fn put(
    logs: &Logs,
    scope: &Scope,
    input: PutLogEventsRequest,
) -> Result<(PutLogEventsResponse, Vec<Datum>), ApiError> {
    let group = LogGroupName::from(input.log_group_name);
    let filters = logs.store.snapshot();
    let find = || find_stream(&logs.store.snapshot(), scope, &group, &input.log_stream_name);
    let id = find()?.id;
    let now = logs.clock.now();
    let cutoff = find_group(&logs.store.snapshot(), scope, &group)?.expired_before(now);
    let (accepted, rejected) = plan_put(input.log_events, now, cutoff)?;
    let mut data = Vec::new();
    if !accepted.is_empty() {
        let written = logs.streams.stream(id).and_then(|stream| stream.append(&accepted, now.0));
        // The stream may have been deleted meanwhile; then these events went nowhere.
        if find().map(|stream| stream.id) != Ok(id) {
            let _ = logs.streams.remove(id);
            return Err(crate::api::no_such_stream());
        }
        written.map_err(internal_failure)?;
        let (stream, ingested_at) = (input.log_stream_name.as_str(), now.0);
        logs.tails.publish(&Batch { scope, group: &group, stream, ingested_at, events: &accepted });
        data = logs.counting.count(&filters, scope, &group, &accepted, now);
    }
    Ok((PutLogEventsResponse { rejected_log_events_info: rejected, ..PutLogEventsResponse::default() }, data))
}

type Plan = (Vec<(i64, String)>, Option<RejectedLogEventsInfo>);

/// The events to keep and what is said of the rest. Those before `cutoff` are beyond the group's retention.
fn plan_put(events: Vec<InputLogEvent>, now: Timestamp, cutoff: Option<Timestamp>) -> Result<Plan, ApiError> {
    if events.len() > EVENTS_MAX {
        let message = format!("The batch has {} log events; the limit is {EVENTS_MAX}.", events.len());
        return Err(invalid_parameter_exception(message));
    }
    let bytes: usize = events.iter().map(|event| event.message.len() + EVENT_OVERHEAD_BYTES).sum();
    if bytes > BATCH_BYTES_MAX {
        let message = format!("Upload too large: {bytes} bytes exceeds limit of {BATCH_BYTES_MAX}");
        return Err(invalid_parameter_exception(message));
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        let message = "Log events in a single PutLogEvents request must be in chronological order.";
        return Err(invalid_parameter_exception(message));
    }
    let too_old = events.partition_point(|event| event.timestamp < now.0 - TOO_OLD_MS);
    let expired = cutoff.map_or(0, |cutoff| events.partition_point(|event| event.timestamp < cutoff.0));
    let first = too_old.max(expired);
    let end = events.partition_point(|event| event.timestamp <= now.0 + TOO_NEW_MS);
    let valid = &events[first..end];
    if let [oldest, .., newest] = valid
        && newest.timestamp - oldest.timestamp > SPAN_MS_MAX
    {
        let message =
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.";
        return Err(invalid_parameter_exception(message));
    }
    let rejected = RejectedLogEventsInfo {
        // Exclusive, and inclusive: between the two is what was kept.
        too_old_log_event_end_index: (too_old > 0).then_some(too_old as i32),
        expired_log_event_end_index: (expired > 0).then_some(expired as i32),
        too_new_log_event_start_index: (end < events.len()).then_some(end as i32),
    };
    let rejected = (first > 0 || end < events.len()).then_some(rejected);
    let kept = events.into_iter().take(end).skip(first).map(|event| (event.timestamp, event.message));
    Ok((kept.collect(), rejected))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(2_000_000_000_000);

    fn plan(offsets_ms: &[i64]) -> Result<Plan, ApiError> {
        let event = |offset: &i64| InputLogEvent { timestamp: NOW.0 + offset, message: "m".to_owned() };
        plan_put(offsets_ms.iter().map(event).collect(), NOW, None)
    }

    #[test]
    fn the_too_old_and_the_too_new_are_rejected_by_index_and_the_rest_is_kept() {
        let (kept, rejected) = plan(&[-TOO_OLD_MS - 1, -1, 0, TOO_NEW_MS, TOO_NEW_MS + 1]).expect("accepted");
        assert_eq!(kept.len(), 3);
        let rejected = rejected.expect("two were");
        assert_eq!(rejected.too_old_log_event_end_index, Some(1));
        assert_eq!(rejected.too_new_log_event_start_index, Some(4));
        assert_eq!(plan(&[-TOO_OLD_MS + SPAN_MS_MAX, 0 - TOO_OLD_MS + SPAN_MS_MAX]).expect("fits").1, None);
    }

    #[test]
    fn what_is_beyond_the_retention_is_rejected_as_expired() {
        let event = |offset: i64| InputLogEvent { timestamp: NOW.0 + offset, message: offset.to_string() };
        let events = [-TOO_OLD_MS - 1, -HOUR_MS - 1, -HOUR_MS, 0].map(event).to_vec();
        let (kept, rejected) = plan_put(events, NOW, Some(NOW.plus_millis(-HOUR_MS))).expect("accepted");
        assert_eq!(kept.len(), 2);
        let rejected = rejected.expect("two were");
        assert_eq!(rejected.too_old_log_event_end_index, Some(1));
        assert_eq!(rejected.expired_log_event_end_index, Some(2));
        assert_eq!(rejected.too_new_log_event_start_index, None);
    }

    #[test]
    fn the_limits_of_a_batch_are_awss() {
        assert!(plan(&[1, 0]).expect_err("disorder").message.contains("chronological order"));
        assert!(plan(&[-SPAN_MS_MAX, 0]).is_ok());
        assert!(plan(&[-SPAN_MS_MAX - 1, 0]).expect_err("span").message.contains("24 hours"));
        assert!(plan(&[0; EVENTS_MAX]).is_ok());
        assert!(plan(&[0; EVENTS_MAX + 1]).is_err());
        let of_size = |len: usize| {
            plan_put(vec![InputLogEvent { timestamp: NOW.0, message: "x".repeat(len) }], NOW, None)
        };
        assert!(of_size(BATCH_BYTES_MAX - EVENT_OVERHEAD_BYTES).is_ok());
        let error = of_size(BATCH_BYTES_MAX - EVENT_OVERHEAD_BYTES + 1).expect_err("too large");
        assert_eq!(error.code, "InvalidParameterException");
        assert_eq!(error.message, "Upload too large: 1048577 bytes exceeds limit of 1048576");
    }
}
