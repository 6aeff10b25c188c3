//! The driver against a sink with knobs.

#![allow(clippy::unwrap_used)] // Also in what the tests share.

use agent_driver::{AwslogsSpec, LogEvent, LogSink, Logs, RuntimeId, SinkError, SpoolMode, SpoolSpec};
use agent_log::Awslogs;
use agent_log::spool::{Stream, Writer};
use async_trait::async_trait;
use proptest::collection::vec;
use proptest::prelude::*;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(20);

/// A CloudWatch Logs of one stream.
struct Sink {
    batches: watch::Sender<Vec<Vec<LogEvent>>>,
    knobs: Mutex<Knobs>,
    /// Puts wait until this is true.
    open: watch::Sender<bool>,
}

#[derive(Default)]
struct Knobs {
    fail: u32,
    refuse: u32,
    calls: u32,
}

impl Sink {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            batches: watch::Sender::new(Vec::new()),
            knobs: Mutex::default(),
            open: watch::Sender::new(true),
        })
    }

    fn turn(&self) -> Result<(), SinkError> {
        let mut knobs = self.knobs.lock().unwrap();
        knobs.calls += 1;
        if knobs.refuse > 0 {
            knobs.refuse -= 1;
            return Err(SinkError::Refused("The specified log group does not exist.".into()));
        }
        if knobs.fail > 0 {
            knobs.fail -= 1;
            return Err(SinkError::Retry("connection refused".into()));
        }
        Ok(())
    }

    fn messages(&self) -> Vec<String> {
        self.batches.borrow().iter().flatten().map(|e| e.message.clone()).collect()
    }

    fn calls(&self) -> u32 {
        self.knobs.lock().unwrap().calls
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let mut changes = self.batches.subscribe();
        let waited = tokio::time::timeout(PATIENCE, async {
            while !holds(self) {
                changes.changed().await.unwrap();
            }
        });
        waited.await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
    }
}

#[async_trait]
impl LogSink for Sink {
    async fn ensure_stream(&self, _: &AwslogsSpec) -> Result<(), SinkError> {
        self.turn()
    }

    async fn put(&self, _: &AwslogsSpec, events: &[LogEvent]) -> Result<(), SinkError> {
        self.open.subscribe().wait_for(|open| *open).await.unwrap();
        let turn = self.turn();
        assert!(!events.is_empty() && events.len() <= 10_000);
        assert!(events.iter().map(|e| e.message.len() + 26).sum::<usize>() <= 1_048_576);
        assert!(events.iter().all(|e| !e.message.is_empty()));
        assert!(events.is_sorted_by_key(|e| e.at_unix_ms));
        // Also on an error, so that tests can wait for it.
        self.batches.send_modify(|batches| batches.extend(turn.is_ok().then(|| events.to_vec())));
        turn
    }
}

fn spec(dir: &Path, name: &str) -> AwslogsSpec {
    AwslogsSpec {
        id: RuntimeId(name.into()),
        spool: SpoolSpec { dir: dir.join(name), mode: SpoolMode::Blocking { max_bytes: 1 << 20 } },
        account: "000000000000".into(),
        region: "us-east-1".into(),
        group: "group".into(),
        stream: format!("prefix/app/{name}"),
        create_group: false,
    }
}

async fn finish(logs: &Awslogs, spec: &AwslogsSpec) {
    let finished = tokio::time::timeout(PATIENCE, logs.finish(&spec.id)).await;
    finished.expect("finish answers").unwrap();
}

#[tokio::test]
async fn lines_are_delivered_while_the_container_runs_and_the_rest_when_it_ends() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = spec(tmp.path(), "a");
    let sink = Sink::new();
    let logs = Awslogs::new(sink.clone()).unwrap();
    logs.prepare(&spec).await.unwrap();
    let mut writer = Writer::create(&spec.spool).unwrap();
    logs.follow(&spec).await.unwrap();
    logs.follow(&spec).await.unwrap();
    writer.write(Stream::Stdout, 7, b"Hello World!\n\nWelc").unwrap();
    sink.until("the first line", |s| s.messages() == ["Hello World!"]).await;
    assert_eq!(sink.batches.borrow()[0][0].at_unix_ms, 7);
    writer.write(Stream::Stdout, 8, b"ome").unwrap();
    writer.finish(9).unwrap();
    finish(&logs, &spec).await;
    assert_eq!(sink.messages(), ["Hello World!", "Welcome"]);
    finish(&logs, &spec).await;
    logs.follow(&spec).await.unwrap();
    assert_eq!(sink.messages().len(), 2);
}

#[tokio::test]
async fn a_failing_sink_is_tried_again_and_a_refused_batch_given_up() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = spec(tmp.path(), "a");
    let sink = Sink::new();
    let logs = Awslogs::new(sink.clone()).unwrap();
    sink.knobs.lock().unwrap().fail = 2;
    let mut writer = Writer::create(&spec.spool).unwrap();
    writer.write(Stream::Stdout, 1, b"kept\n").unwrap();
    logs.follow(&spec).await.unwrap();
    sink.until("the third attempt", |s| s.messages() == ["kept"]).await;
    assert_eq!(sink.calls(), 3);
    sink.knobs.lock().unwrap().refuse = 1;
    writer.write(Stream::Stdout, 2, b"refused\n").unwrap();
    sink.until("the refusal", |s| s.calls() == 4).await;
    writer.write(Stream::Stdout, 3, b"kept again\n").unwrap();
    writer.finish(3).unwrap();
    finish(&logs, &spec).await;
    assert_eq!(sink.messages(), ["kept", "kept again"]);
}

#[tokio::test]
async fn prepare_retries_for_a_while_and_reports_a_refusal_at_once() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = spec(tmp.path(), "a");
    let sink = Sink::new();
    let logs = Awslogs::new(sink.clone()).unwrap();
    sink.knobs.lock().unwrap().fail = 2;
    logs.prepare(&spec).await.unwrap();
    assert_eq!(sink.calls(), 3);
    sink.knobs.lock().unwrap().refuse = 1;
    assert_eq!(
        logs.prepare(&spec).await.unwrap_err().to_string(),
        "failed to validate logger args: create stream has been retried 1 times: \
         failed to create CloudWatch log stream: The specified log group does not exist."
    );
    sink.knobs.lock().unwrap().fail = 100;
    assert!(logs.prepare(&spec).await.unwrap_err().to_string().ends_with("connection refused"));
    assert_eq!(sink.calls(), 9);
}

#[tokio::test]
async fn a_restart_sends_at_most_the_unacknowledged_batch_again() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = spec(tmp.path(), "a");
    let sink = Sink::new();
    let mut writer = Writer::create(&spec.spool).unwrap();

    let logs = Awslogs::new(sink.clone()).unwrap();
    logs.follow(&spec).await.unwrap();
    writer.write(Stream::Stdout, 1, b"one\n").unwrap();
    sink.until("one", |s| s.messages() == ["one"]).await;
    acknowledged(&spec, "1 24\n").await;
    sink.open.send_replace(false);
    writer.write(Stream::Stdout, 2, b"two\n").unwrap();
    drop(logs);

    let logs = Awslogs::new(sink.clone()).unwrap();
    logs.follow(&spec).await.unwrap();
    writer.write(Stream::Stdout, 3, b"three\n").unwrap();
    sink.open.send_replace(true);
    drop(writer);
    // No end marker: the shim was killed.
    finish(&logs, &spec).await;
    assert_eq!(sink.messages(), ["one", "two", "three"]);
}

async fn acknowledged(spec: &AwslogsSpec, cursor: &str) {
    let path = spec.spool.dir.join("cursor");
    let reached = async {
        while std::fs::read_to_string(&path).unwrap_or_default() != cursor {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.expect("the batch is acknowledged");
}

#[tokio::test]
async fn a_full_spool_gets_room_as_the_sink_takes_lines() {
    let tmp = tempfile::tempdir().unwrap();
    let mut spec = spec(tmp.path(), "a");
    spec.spool.mode = SpoolMode::Blocking { max_bytes: 16 * 1024 };
    let sink = Sink::new();
    sink.open.send_replace(false);
    let logs = Awslogs::new(sink.clone()).unwrap();
    let mut writer = Writer::create(&spec.spool).unwrap();
    logs.follow(&spec).await.unwrap();
    let mut written = Vec::new();
    while !writer.is_full() {
        written.push(format!("line {}", written.len()));
        writer.write(Stream::Stdout, 1, format!("{}\n", written.last().unwrap()).as_bytes()).unwrap();
    }
    sink.open.send_replace(true);
    tokio::time::timeout(PATIENCE, async {
        while writer.is_full() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the spool gets room");
    writer.finish(2).unwrap();
    finish(&logs, &spec).await;
    assert_eq!(sink.messages(), written);
}

#[tokio::test]
async fn finish_waits_for_a_writer_that_still_lives_and_many_spools_share_one_watch() {
    let tmp = tempfile::tempdir().unwrap();
    let sink = Sink::new();
    let logs = Awslogs::new(sink.clone()).unwrap();
    let specs: Vec<_> = (0..20).map(|n| spec(tmp.path(), &format!("t-{n}"))).collect();
    let mut writers = Vec::new();
    for spec in &specs {
        writers.push(Writer::create(&spec.spool).unwrap());
        logs.follow(spec).await.unwrap();
    }
    let finishing = logs.finish(&specs[0].id);
    tokio::pin!(finishing);
    assert!(poll_once(&mut finishing).await.is_none(), "the writer lives");
    for (n, mut writer) in writers.into_iter().enumerate() {
        writer.write(Stream::Stderr, 5, format!("from {n}").as_bytes()).unwrap();
        writer.finish(6).unwrap();
    }
    tokio::time::timeout(PATIENCE, finishing).await.expect("the writer is gone").unwrap();
    for spec in &specs {
        finish(&logs, spec).await;
    }
    assert_eq!(sink.messages().len(), 20);
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    tokio::select! {
        biased;
        out = future => Some(out),
        () = tokio::task::yield_now() => None,
    }
}

#[tokio::test]
async fn what_is_not_followed_is_said() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = spec(tmp.path(), "gone");
    let logs = Awslogs::new(Sink::new()).unwrap();
    assert!(
        logs.follow(&spec).await.unwrap_err().to_string().starts_with("cannot follow the output of gone: ")
    );
    assert_eq!(logs.finish(&spec.id).await.unwrap_err().to_string(), "the output of gone is not followed");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The agent is killed at any await: every line arrives, in order; what is doubled is a batch that was under way.
    #[test]
    fn a_kill_at_any_moment_loses_nothing(polls in vec(0u32..40, 1..8), per_restart in 1usize..60) {
        let tmp = tempfile::tempdir().unwrap();
        let mut spec = spec(tmp.path(), "p");
        spec.spool.mode = SpoolMode::Blocking { max_bytes: 1024 };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (sink, lines) = runtime.block_on(ship_with_kills(&spec, &polls, per_restart));
        let batches = sink.batches.borrow();
        let mut next = 0;
        for batch in batches.iter() {
            let first = lines.iter().position(|line| *line == batch[0].message).unwrap();
            prop_assert!(first <= next, "no line is skipped");
            for (event, line) in batch.iter().zip(&lines[first..]) {
                prop_assert_eq!(&event.message, line);
            }
            next = first + batch.len();
        }
        prop_assert_eq!(next, lines.len());
    }
}

async fn ship_with_kills(spec: &AwslogsSpec, polls: &[u32], per_restart: usize) -> (Arc<Sink>, Vec<String>) {
    let sink = Sink::new();
    let mut writer = Writer::create(&spec.spool).unwrap();
    let mut lines = Vec::new();
    for polls in polls {
        let logs = Awslogs::new(sink.clone()).unwrap();
        logs.follow(spec).await.unwrap();
        for _ in 0..per_restart {
            lines.push(format!("line {}", lines.len()));
            writer.write(Stream::Stdout, 1, format!("{}\n", lines[lines.len() - 1]).as_bytes()).unwrap();
        }
        for _ in 0..*polls {
            tokio::task::yield_now().await;
        }
        drop(logs);
    }
    writer.finish(2).unwrap();
    let logs = Awslogs::new(sink.clone()).unwrap();
    logs.follow(spec).await.unwrap();
    finish(&logs, spec).await;
    (sink, lines)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Restarts fall on batch ends here, so "at least once" is "exactly once".
    #[test]
    fn nothing_is_lost_or_doubled_across_restarts(
        chunks in vec(vec(prop_oneof![2 => Just(b'\n'), 9 => b'a'..=b'z'], 0..80), 1..12),
        fail in 0u32..2,
    ) {
        let tmp = tempfile::tempdir().unwrap();
        let mut spec = spec(tmp.path(), "p");
        spec.spool.mode = SpoolMode::Blocking { max_bytes: 1024 };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (sink, written) = runtime.block_on(ship(&spec, &chunks, fail));
        let lines: Vec<_> = written.split(|b| *b == b'\n').filter(|l| !l.is_empty()).collect();
        let messages = sink.messages();
        prop_assert_eq!(messages.iter().map(String::as_bytes).collect::<Vec<_>>(), lines);
    }
}

async fn ship(spec: &AwslogsSpec, chunks: &[Vec<u8>], fail: u32) -> (Arc<Sink>, Vec<u8>) {
    let sink = Sink::new();
    sink.knobs.lock().unwrap().fail = fail;
    let mut written = Vec::new();
    for (n, chunk) in chunks.iter().enumerate() {
        let logs = Awslogs::new(sink.clone()).unwrap();
        let mut writer = Writer::create(&spec.spool).unwrap();
        logs.follow(spec).await.unwrap();
        for piece in chunk.chunks(7) {
            writer.write(Stream::Stdout, n as i64, piece).unwrap();
        }
        writer.write(Stream::Stdout, n as i64, b"\n").unwrap();
        written.extend(chunk);
        written.push(b'\n');
        // Dropped without an end marker: the next shim continues the same spool.
        drop(writer);
        finish(&logs, spec).await;
    }
    (sink, written)
}
