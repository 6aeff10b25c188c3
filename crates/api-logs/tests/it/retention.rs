//! Retention: what is expired is not read, and goes from the disk; a stream that is deleted is gone.

use crate::api::{Disk, NOW, all, create, create_stream, cx, getting, is, put};
use api_logs::Logs;
use model::Timestamp;
use wire::logs::*;

const DAY: i64 = 24 * 60 * 60 * 1000;

async fn retain(logs: &Logs, days: i32) -> Result<PutRetentionPolicyResponse, wire::ApiError> {
    let input = PutRetentionPolicyRequest { log_group_name: "g".to_owned(), retention_in_days: days };
    logs.put_retention_policy(&cx(), input).await
}

async fn stream(logs: &Logs) -> LogStream {
    let input = DescribeLogStreamsRequest {
        log_group_name: Some("g".to_owned()),
        ..DescribeLogStreamsRequest::default()
    };
    let answer = logs.describe_log_streams(&cx(), input).await.expect("described");
    answer.log_streams.expect("a list").remove(0)
}

#[tokio::test]
async fn only_awss_numbers_of_days_are_taken() {
    let disk = Disk::new();
    let logs = disk.open();
    let error = retain(&logs, 7).await.expect_err("no group");
    is(&error, "ResourceNotFoundException", "The specified log group does not exist.");
    create(&logs, "g", &[]).await;
    for days in [0, -1, 2, 3654] {
        assert_eq!(retain(&logs, days).await.expect_err("not allowed").code, "InvalidParameterException");
    }
    retain(&logs, 3653).await.expect("allowed");
    drop(logs);
    let logs = disk.open();
    let groups =
        logs.describe_log_groups(&cx(), DescribeLogGroupsRequest::default()).await.expect("described");
    assert_eq!(groups.log_groups.expect("a list")[0].retention_in_days, Some(3653), "over a restart");
    let input = DeleteRetentionPolicyRequest { log_group_name: "g".to_owned() };
    logs.delete_retention_policy(&cx(), input).await.expect("deleted");
    let groups =
        logs.describe_log_groups(&cx(), DescribeLogGroupsRequest::default()).await.expect("described");
    assert_eq!(groups.log_groups.expect("a list")[0].retention_in_days, None);
}

#[tokio::test]
async fn no_read_shows_what_is_expired() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["s"]).await;
    // One block with both, so that the file stays.
    put(&logs, "g", "s", &[(-DAY + 10, "old"), (0, "new")]).await.expect("stored");
    retain(&logs, 1).await.expect("set");
    assert_eq!(all(&logs, "g", "s").await, "old new");
    let logs = disk.open_at(NOW + 11);
    assert_eq!(all(&logs, "g", "s").await, "new");
    let early = GetLogEventsRequest { start_time: Some(0), start_from_head: Some(true), ..getting("g", "s") };
    assert_eq!(crate::api::get(&logs, early).await.0, "new");
    let found =
        FilterLogEventsRequest { log_group_name: Some("g".to_owned()), ..FilterLogEventsRequest::default() };
    assert_eq!(logs.filter_log_events(&cx(), found).await.expect("read").events.expect("a list").len(), 1);
    assert_eq!(stream(&logs).await.first_event_timestamp, Some(NOW));
    logs.expire(Timestamp(NOW + 11)).await;
    assert_eq!(Disk::entries(&disk.streams()[0]).len(), 1, "a part of it is not expired");
    let refused = put(&logs, "g", "s", &[(-DAY, "late"), (1, "kept")]).await.expect("accepted");
    let refused = refused.rejected_log_events_info.expect("one was");
    assert_eq!(refused.expired_log_event_end_index, Some(1));
    assert_eq!(all(&logs, "g", "s").await, "new kept");
}

#[tokio::test]
async fn expired_segments_go_from_the_disk_and_the_stream_goes_on() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["s", "other"]).await;
    create(&logs, "forever", &["s"]).await;
    for group in ["g", "forever"] {
        put(&logs, group, "s", &[(0, "old")]).await.expect("stored");
    }
    retain(&logs, 1).await.expect("set");
    logs.expire(Timestamp(NOW + DAY)).await;
    assert_eq!(all(&logs, "g", "s").await, "old", "to the millisecond");
    drop(logs);

    // Neither open nor read since the start.
    let logs = disk.open_at(NOW + DAY + 1);
    logs.expire(Timestamp(NOW + DAY + 1)).await;
    let files: Vec<_> = disk.streams().iter().map(|dir| Disk::entries(dir).len()).collect();
    assert_eq!(files, [0, 1], "g/s has no file any more, forever/s has");
    assert_eq!(all(&logs, "g", "s").await, "");
    let described = stream(&logs).await;
    assert_eq!((described.first_event_timestamp, described.last_event_timestamp), (None, None));
    put(&logs, "g", "s", &[(DAY, "new")]).await.expect("stored");
    logs.expire(Timestamp(NOW + DAY + 1)).await;
    assert_eq!(all(&logs, "g", "s").await, "new");
    drop(logs);
    let logs = disk.open_at(NOW + DAY + 2);
    put(&logs, "g", "s", &[(DAY + 1, "newer")]).await.expect("stored");
    assert_eq!(all(&logs, "g", "s").await, "new newer", "after a restart");
    assert_eq!(all(&logs, "forever", "s").await, "old");
}

#[tokio::test]
async fn a_deleted_stream_is_gone_from_the_disk_and_a_new_one_starts_empty() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["s", "t"]).await;
    for stream in ["s", "t"] {
        put(&logs, "g", stream, &[(0, stream)]).await.expect("stored");
    }
    let (log_group_name, log_stream_name) = ("g".to_owned(), "s".to_owned());
    let input = DeleteLogStreamRequest { log_group_name, log_stream_name };
    logs.delete_log_stream(&cx(), input.clone()).await.expect("deleted");
    assert_eq!(disk.streams().len(), 1);
    let error = logs.delete_log_stream(&cx(), input).await.expect_err("gone");
    is(&error, "ResourceNotFoundException", "The specified log stream does not exist.");
    create_stream(&logs, "g", "s").await.expect("created");
    assert_eq!(all(&logs, "g", "s").await, "");
    assert_eq!(all(&disk.open(), "g", "t").await, "t");
}
