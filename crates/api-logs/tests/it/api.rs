//! What callers of CloudWatch Logs rely on, over restarts and crashes.

use api_logs::{Logs, MetricSink};
use async_trait::async_trait;
use model::Scope;
use model::metrics::Datum;
use model::time::{Clock, Timestamp};
use proptest::prelude::*;
use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use store::{Committer, MemoryJournal, Store};
use wire::logs::*;
use wire::{ApiError, Cx};

pub const NOW: i64 = 2_000_000_000_000;

/// A clock that stands still.
pub struct Fixed(pub i64);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp(self.0)
    }
}

/// Metrics that remember what was put, or cannot be written.
#[derive(Default)]
pub struct Metrics {
    pub data: Mutex<Vec<Datum>>,
    pub broken: Mutex<bool>,
}

#[async_trait]
impl MetricSink for Metrics {
    async fn put(&self, scope: &Scope, data: Vec<Datum>) -> Result<(), Box<dyn Error + Send + Sync>> {
        assert_eq!(*scope, cx().scope);
        if *self.broken.lock().expect("whole") {
            return Err("the metrics are broken".into());
        }
        self.data.lock().expect("whole").extend(data);
        Ok(())
    }
}

/// A disk that outlives the process: a journal and a directory, and metrics.
pub struct Disk {
    pub journal: MemoryJournal,
    pub dir: tempfile::TempDir,
    pub metrics: Arc<Metrics>,
}

impl Disk {
    pub fn new() -> Self {
        Self {
            journal: MemoryJournal::new(),
            dir: tempfile::tempdir().expect("a directory"),
            metrics: Arc::default(),
        }
    }

    pub fn open(&self) -> Logs {
        self.open_at(NOW)
    }

    /// With a clock that shows `now`.
    pub fn open_at(&self, now: i64) -> Logs {
        let store = Store::open(Box::new(self.journal.clone()), Committer::Inline).expect("opens");
        let dir = self.dir.path().join("logs");
        Logs::open(store, dir, Arc::new(Fixed(now)), self.metrics.clone()).expect("opens")
    }

    pub fn entries(path: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path).expect("a directory");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        paths
    }

    pub fn streams(&self) -> Vec<PathBuf> {
        Self::entries(&self.dir.path().join("logs"))
    }
}

pub fn cx() -> Cx {
    Cx {
        scope: Scope::new("000000000000", "us-east-1"),
        caller_arn: "arn:aws:iam::000000000000:root".to_owned(),
        access_key: "000000000000".to_owned(),
        request_id: "r".to_owned(),
        origin: String::new(),
        user_agent: String::new(),
    }
}

pub async fn create(logs: &Logs, group: &str, streams: &[&str]) {
    let input = CreateLogGroupRequest { log_group_name: group.to_owned(), tags: None };
    logs.create_log_group(&cx(), input).await.expect("created");
    for stream in streams {
        create_stream(logs, group, stream).await.expect("created");
    }
}

pub async fn create_stream(
    logs: &Logs,
    group: &str,
    stream: &str,
) -> Result<CreateLogStreamResponse, ApiError> {
    let (log_group_name, log_stream_name) = (group.to_owned(), stream.to_owned());
    logs.create_log_stream(&cx(), CreateLogStreamRequest { log_group_name, log_stream_name }).await
}

/// Puts messages at the times `NOW + offset`.
pub async fn put(
    logs: &Logs,
    group: &str,
    stream: &str,
    events: &[(i64, &str)],
) -> Result<PutLogEventsResponse, ApiError> {
    let event =
        |&(offset, text): &(i64, &str)| InputLogEvent { timestamp: NOW + offset, message: text.into() };
    let input = PutLogEventsRequest {
        log_group_name: group.to_owned(),
        log_stream_name: stream.to_owned(),
        log_events: events.iter().map(event).collect(),
        sequence_token: Some("whatever".to_owned()),
    };
    logs.put_log_events(&cx(), input).await
}

pub fn getting(group: &str, stream: &str) -> GetLogEventsRequest {
    GetLogEventsRequest {
        log_group_name: Some(group.to_owned()),
        log_stream_name: stream.to_owned(),
        ..GetLogEventsRequest::default()
    }
}

/// The messages, joined, and the tokens.
pub async fn get(logs: &Logs, input: GetLogEventsRequest) -> (String, String, String) {
    let answer = logs.get_log_events(&cx(), input).await.expect("read");
    let messages = answer.events.expect("a list").into_iter().map(|event| event.message.expect("a message"));
    let messages = messages.collect::<Vec<_>>().join(" ");
    (messages, answer.next_backward_token.expect("a token"), answer.next_forward_token.expect("a token"))
}

pub async fn all(logs: &Logs, group: &str, stream: &str) -> String {
    get(logs, getting(group, stream)).await.0
}

pub fn is(error: &ApiError, code: &str, message: &str) {
    assert_eq!((error.code, error.message.as_str()), (code, message));
}

#[tokio::test]
async fn groups_and_streams_answer_with_awss_errors() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "/ecs/web", &["a"]).await;
    let input = CreateLogGroupRequest { log_group_name: "/ecs/web".to_owned(), tags: None };
    let error = logs.create_log_group(&cx(), input).await.expect_err("exists");
    is(&error, "ResourceAlreadyExistsException", "The specified log group already exists");
    let error = create_stream(&logs, "/ecs/web", "a").await.expect_err("exists");
    is(&error, "ResourceAlreadyExistsException", "The specified log stream already exists");
    let error = create_stream(&logs, "nope", "a").await.expect_err("no group");
    is(&error, "ResourceNotFoundException", "The specified log group does not exist.");
    let error = put(&logs, "/ecs/web", "b", &[(0, "x")]).await.expect_err("no stream");
    is(&error, "ResourceNotFoundException", "The specified log stream does not exist.");
    let error = logs.get_log_events(&cx(), getting("nope", "a")).await.expect_err("no group");
    is(&error, "ResourceNotFoundException", "The specified log group does not exist.");
    let input = GetLogEventsRequest { next_token: Some("f/x".to_owned()), ..getting("/ecs/web", "a") };
    let error = logs.get_log_events(&cx(), input).await.expect_err("no token");
    is(&error, "InvalidParameterException", "The specified nextToken is invalid.");
}

#[tokio::test]
async fn what_was_acknowledged_is_read_at_once_and_after_a_restart() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["s"]).await;
    for round in 0..20 {
        put(&logs, "g", "s", &[(round, "x")]).await.expect("stored");
        assert_eq!(all(&logs, "g", "s").await.len() as i64, 2 * round + 1);
    }
    let before = all(&logs, "g", "s").await;
    drop(logs);
    let logs = disk.open();
    assert_eq!(all(&logs, "g", "s").await, before);
    put(&logs, "g", "s", &[(20, "last")]).await.expect("stored");
    assert_eq!(all(&logs, "g", "s").await, format!("{before} last"));
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_the_stream_goes_on() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["s"]).await;
    put(&logs, "g", "s", &[(0, "one"), (1, "two")]).await.expect("stored");
    drop(logs);
    let segment = Disk::entries(&disk.streams()[0]).remove(0);
    let whole = std::fs::read(&segment).expect("readable");
    for torn in 1..whole.len() - 8 {
        // A block of which only the first bytes came to the disk.
        let mut file = OpenOptions::new().append(true).open(&segment).expect("opens");
        file.write_all(&whole[8..8 + torn]).expect("writes");
        drop(file);
        let logs = disk.open();
        assert_eq!(all(&logs, "g", "s").await, "one two");
        assert_eq!(std::fs::read(&segment).expect("readable"), whole);
    }
    // Not even the header of the next segment was finished.
    std::fs::write(segment.with_file_name("00000001.log"), b"WHA").expect("writes");
    let logs = disk.open();
    put(&logs, "g", "s", &[(2, "three")]).await.expect("stored");
    assert_eq!(all(&logs, "g", "s").await, "one two three");
    drop(logs);
    assert_eq!(all(&disk.open(), "g", "s").await, "one two three");
}

#[tokio::test]
async fn a_damaged_segment_of_another_format_is_refused() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["s"]).await;
    put(&logs, "g", "s", &[(0, "one")]).await.expect("stored");
    drop(logs);
    let segment = Disk::entries(&disk.streams()[0]).remove(0);
    std::fs::write(&segment, b"WHARFLG\x02 something newer").expect("writes");
    let error = disk.open().get_log_events(&cx(), getting("g", "s")).await.expect_err("newer");
    assert_eq!(error.code, "InternalFailure");
    assert_eq!(std::fs::read(&segment).expect("readable"), b"WHARFLG\x02 something newer", "left alone");
}

#[tokio::test]
async fn tokens_walk_both_ways_and_come_back_the_same_at_the_ends() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["s"]).await;
    let page = |token: Option<String>, from_head| GetLogEventsRequest {
        limit: Some(2),
        next_token: token,
        start_from_head: from_head,
        ..getting("g", "s")
    };
    let (nothing, _, at_end) = get(&logs, page(None, None)).await;
    assert_eq!(nothing, "");
    // Batches that interleave; equal times keep the order of ingestion.
    put(&logs, "g", "s", &[(0, "a"), (2, "c"), (4, "e")]).await.expect("stored");
    put(&logs, "g", "s", &[(1, "b"), (2, "d")]).await.expect("stored");
    assert_eq!(get(&logs, page(Some(at_end), None)).await.0, "a b", "a token of the empty stream goes on");

    let (messages, backward, forward) = get(&logs, page(None, None)).await;
    assert_eq!(messages, "d e", "the newest, in order");
    let (messages, back_again, _) = get(&logs, page(Some(backward), None)).await;
    assert_eq!(messages, "b c");
    let (messages, start, _) = get(&logs, page(Some(back_again), None)).await;
    assert_eq!(messages, "a");
    let (messages, same, onwards) = get(&logs, page(Some(start.clone()), None)).await;
    assert_eq!((messages.as_str(), &same), ("", &start));
    assert_eq!(get(&logs, page(Some(onwards), None)).await.0, "a b");

    let (messages, _, same) = get(&logs, page(Some(forward.clone()), Some(true))).await;
    assert_eq!((messages.as_str(), &same), ("", &forward));
    put(&logs, "g", "s", &[(5, "f")]).await.expect("stored");
    assert_eq!(get(&logs, page(Some(forward), Some(true))).await.0, "f", "a tail sees what is new");

    let (messages, _, next) = get(&logs, page(None, Some(true))).await;
    assert_eq!(messages, "a b");
    assert_eq!(get(&logs, page(Some(next), Some(true))).await.0, "c d");
    let between =
        GetLogEventsRequest { start_time: Some(NOW + 1), end_time: Some(NOW + 4), ..getting("g", "s") };
    assert_eq!(get(&logs, between).await.0, "b c d", "endTime is exclusive");
}

#[tokio::test]
async fn an_answer_holds_a_mebibyte_and_the_token_goes_on_after_it() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["s"]).await;
    let text = "x".repeat(300_000);
    for offset in 0..5 {
        put(&logs, "g", "s", &[(offset, &text)]).await.expect("stored");
    }
    let (mut token, mut pages) = (None, Vec::new());
    loop {
        let input = GetLogEventsRequest {
            start_from_head: Some(true),
            next_token: token.clone(),
            ..getting("g", "s")
        };
        let (messages, _, next) = get(&logs, input).await;
        if token.as_ref() == Some(&next) {
            break;
        }
        pages.push(messages.split_terminator(' ').count());
        token = Some(next);
    }
    assert_eq!(pages, [3, 2]);
}

#[tokio::test]
async fn filter_merges_streams_by_time_in_pages() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["a/1", "a/2", "b"]).await;
    put(&logs, "g", "a/1", &[(0, "0"), (3, "3")]).await.expect("stored");
    put(&logs, "g", "a/2", &[(1, "1"), (4, "4")]).await.expect("stored");
    put(&logs, "g", "b", &[(2, "2"), (5, "5")]).await.expect("stored");
    let filter = |limit, token| FilterLogEventsRequest {
        log_group_identifier: Some("arn:aws:logs:us-east-1:000000000000:log-group:g:*".to_owned()),
        limit: Some(limit),
        next_token: token,
        ..FilterLogEventsRequest::default()
    };
    let text = |answer: &FilterLogEventsResponse| -> String {
        answer.events.iter().flatten().filter_map(|event| event.message.clone()).collect()
    };
    let (mut token, mut pages, mut ids) = (None, Vec::new(), Vec::new());
    loop {
        let answer = logs.filter_log_events(&cx(), filter(4, token)).await.expect("read");
        pages.push(text(&answer));
        ids.extend(answer.events.into_iter().flatten().filter_map(|event| event.event_id));
        token = answer.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(pages, ["0123", "45"]);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6, "event ids are unique");

    let some = FilterLogEventsRequest { log_stream_name_prefix: Some("a/".to_owned()), ..filter(100, None) };
    assert_eq!(text(&logs.filter_log_events(&cx(), some.clone()).await.expect("read")), "0134");
    let until = FilterLogEventsRequest { end_time: Some(NOW + 3), ..some.clone() };
    assert_eq!(
        text(&logs.filter_log_events(&cx(), until).await.expect("read")),
        "013",
        "endTime is inclusive"
    );
    let both = FilterLogEventsRequest { log_stream_names: Some(vec!["b".to_owned()]), ..some };
    let error = logs.filter_log_events(&cx(), both).await.expect_err("one or the other");
    assert_eq!(error.code, "InvalidParameterException");
    let missing = FilterLogEventsRequest { log_stream_names: Some(vec!["c".to_owned()]), ..filter(1, None) };
    let error = logs.filter_log_events(&cx(), missing).await.expect_err("missing");
    is(&error, "ResourceNotFoundException", "The specified log stream does not exist.");
}

#[tokio::test]
async fn describe_pages_orders_and_tells_the_extent() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["a", "b", "c"]).await;
    create(&logs, "other", &[]).await;
    put(&logs, "g", "a", &[(1, "x"), (9, "x")]).await.expect("stored");
    put(&logs, "g", "b", &[(5, "x")]).await.expect("stored");
    let describe = |order_by, descending, token| DescribeLogStreamsRequest {
        log_group_name: Some("g".to_owned()),
        order_by,
        descending,
        limit: Some(2),
        next_token: token,
        ..DescribeLogStreamsRequest::default()
    };
    for (order_by, descending, expected) in [
        (None, None, "abc"),
        (Some(OrderBy::LogStreamName), Some(true), "cba"),
        (Some(OrderBy::LastEventTime), None, "cba"),
        (Some(OrderBy::LastEventTime), Some(true), "abc"),
    ] {
        let (mut names, mut token) = (String::new(), None);
        loop {
            let input = describe(order_by, descending, token);
            let answer = logs.describe_log_streams(&cx(), input).await.expect("described");
            names
                .extend(answer.log_streams.into_iter().flatten().filter_map(|stream| stream.log_stream_name));
            token = answer.next_token;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(names, expected);
    }
    let answer = logs.describe_log_streams(&cx(), describe(None, None, None)).await.expect("described");
    let stream = answer.log_streams.expect("a list").remove(0);
    assert_eq!(stream.arn.as_deref(), Some("arn:aws:logs:us-east-1:000000000000:log-group:g:log-stream:a"));
    assert_eq!((stream.first_event_timestamp, stream.last_event_timestamp), (Some(NOW + 1), Some(NOW + 9)));
    assert_eq!(stream.last_ingestion_time, Some(NOW));

    let input = DescribeLogGroupsRequest { limit: Some(1), ..DescribeLogGroupsRequest::default() };
    let answer = logs.describe_log_groups(&cx(), input.clone()).await.expect("described");
    let group = answer.log_groups.expect("a list").remove(0);
    assert_eq!(group.arn.as_deref(), Some("arn:aws:logs:us-east-1:000000000000:log-group:g:*"));
    assert!(group.stored_bytes > Some(0));
    let input = DescribeLogGroupsRequest { next_token: answer.next_token, ..input };
    let answer = logs.describe_log_groups(&cx(), input).await.expect("described");
    assert_eq!(answer.log_groups.expect("a list")[0].log_group_name.as_deref(), Some("other"));
    assert_eq!(answer.next_token, None);
}

#[tokio::test]
async fn a_deleted_group_is_gone_from_the_disk_and_a_new_one_starts_empty() {
    let disk = Disk::new();
    let logs = disk.open();
    create(&logs, "g", &["s"]).await;
    put(&logs, "g", "s", &[(0, "old")]).await.expect("stored");
    let input = DeleteLogGroupRequest { log_group_name: "g".to_owned() };
    logs.delete_log_group(&cx(), input.clone()).await.expect("deleted");
    assert_eq!(disk.streams(), Vec::<PathBuf>::new());
    let error = logs.delete_log_group(&cx(), input).await.expect_err("gone");
    is(&error, "ResourceNotFoundException", "The specified log group does not exist.");
    create(&logs, "g", &["s"]).await;
    assert_eq!(all(&logs, "g", "s").await, "");
    put(&logs, "g", "s", &[(0, "new")]).await.expect("stored");
    drop(logs);

    // A crash after the rows were deleted and before the files were.
    let orphan = disk.dir.path().join("logs/00000000000fffff");
    std::fs::create_dir(&orphan).expect("makes");
    std::fs::write(orphan.join("00000000.log"), b"whatever").expect("writes");
    let logs = disk.open();
    assert!(!orphan.exists());
    assert_eq!(all(&logs, "g", "s").await, "new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_at_once_lose_nothing() {
    let disk = Disk::new();
    let logs = disk.open();
    let names: Vec<_> = (0..300).map(|n| format!("s{n}")).collect();
    create(&logs, "g", &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    // More streams than are kept open, and eight writers on one of them.
    let writers: Vec<_> = (0..names.len() + 8)
        .map(|n| {
            let (logs, stream) = (logs.clone(), names.get(n).unwrap_or(&names[0]).clone());
            tokio::spawn(async move {
                for offset in 0..5 {
                    put(&logs, "g", &stream, &[(offset, "x"), (offset, "y")]).await.expect("stored");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no panic");
    }
    drop(logs);
    let logs = disk.open();
    assert_eq!(all(&logs, "g", "s0").await.replace(' ', "").len(), 9 * 10);
    for name in &names[1..] {
        assert_eq!(all(&logs, "g", name).await, "x y x y x y x y x y");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_batches_are_read_in_order_forwards_and_backwards(
        batches in prop::collection::vec((prop::collection::vec(0..50i64, 1..6), any::<bool>()), 1..12),
        limit in 1..7i32,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let disk = Disk::new();
            let mut logs = disk.open();
            create(&logs, "g", &["s"]).await;
            let mut expected = Vec::new();
            for (mut offsets, reopen) in batches {
                offsets.sort_unstable();
                let events: Vec<_> = offsets.iter().map(|&at| (at, format!("{at}#{}", expected.len()))).collect();
                let batch: Vec<_> = events.iter().map(|(at, text)| (*at, text.as_str())).collect();
                put(&logs, "g", "s", &batch).await.expect("stored");
                expected.extend(events);
                if reopen {
                    drop(logs);
                    logs = disk.open();
                }
            }
            expected.sort_by_key(|(at, _)| *at);
            let expected: Vec<_> = expected.into_iter().map(|(_, text)| text).collect();
            for from_head in [true, false] {
                let (mut found, mut token) = (Vec::new(), None);
                loop {
                    let input = GetLogEventsRequest {
                        limit: Some(limit),
                        start_from_head: Some(from_head),
                        next_token: token.clone(),
                        ..getting("g", "s")
                    };
                    let (messages, backward, forward) = get(&logs, input).await;
                    let page: Vec<_> = messages.split_terminator(' ').map(str::to_owned).collect();
                    let at = if from_head { found.len() } else { 0 };
                    found.splice(at..at, page);
                    let next = Some(if from_head { forward } else { backward });
                    if next == token {
                        break;
                    }
                    token = next;
                }
                assert_eq!(found, expected);
            }
        });
    }
}
