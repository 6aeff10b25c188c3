//! The driver against a sink with knobs.

use crate::sink::{PATIENCE, Sink, finish, spec};
use agent_driver::{LogDestination, LogSpec, Logs as _, Multiline, SpoolMode};
use agent_log::LogShipper;
use agent_log::spool::{Stream, Writer};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn lines_are_delivered_while_the_container_runs_and_the_rest_when_it_ends() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = spec(tmp.path(), "a");
    let sink = Sink::new();
    let logs = LogShipper::new(sink.clone()).unwrap();
    logs.prepare(&spec).await.unwrap();
    let mut writer = Writer::create(&spec.spool).unwrap();
    logs.follow(&spec).await.unwrap();
    logs.follow(&spec).await.unwrap();
    writer.write(Stream::Stdout, 7, b"Hello World!\n\nWelc").unwrap();
    sink.until("the first line", |s| s.messages() == ["Hello World!"]).await;
    assert_eq!(sink.batches.borrow()[0][0].at_unix_ms, 7);
    assert!(!sink.batches.borrow()[0][0].is_stderr);
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
    let logs = LogShipper::new(sink.clone()).unwrap();
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

#[tokio::test(start_paused = true)]
async fn prepare_outlives_a_control_plane_that_restarts_and_reports_a_refusal_at_once() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = spec(tmp.path(), "a");
    let sink = Sink::new();
    let logs = LogShipper::new(sink.clone()).unwrap();
    // Away for half a minute or so.
    sink.knobs.lock().unwrap().fail = 10;
    logs.prepare(&spec).await.unwrap();
    assert_eq!(sink.calls(), 11);
    sink.knobs.lock().unwrap().refuse = 1;
    assert_eq!(
        logs.prepare(&spec).await.unwrap_err().to_string(),
        "failed to validate logger args: create stream has been retried 1 times: \
         failed to create CloudWatch log stream: The specified log group does not exist."
    );
    sink.knobs.lock().unwrap().fail = 100;
    let begun = tokio::time::Instant::now();
    assert!(logs.prepare(&spec).await.unwrap_err().to_string().ends_with("connection refused"));
    assert_eq!(begun.elapsed().as_secs() / 10, 6, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_restart_sends_at_most_the_unacknowledged_batch_again() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = spec(tmp.path(), "a");
    let sink = Sink::new();
    let mut writer = Writer::create(&spec.spool).unwrap();

    let logs = LogShipper::new(sink.clone()).unwrap();
    logs.follow(&spec).await.unwrap();
    writer.write(Stream::Stdout, 1, b"one\n").unwrap();
    sink.until("one", |s| s.messages() == ["one"]).await;
    acknowledged(&spec, "1 24\n").await;
    sink.open.send_replace(false);
    writer.write(Stream::Stdout, 2, b"two\n").unwrap();
    drop(logs);

    let logs = LogShipper::new(sink.clone()).unwrap();
    logs.follow(&spec).await.unwrap();
    writer.write(Stream::Stdout, 3, b"three\n").unwrap();
    sink.open.send_replace(true);
    drop(writer);
    // No end marker: the shim was killed.
    finish(&logs, &spec).await;
    assert_eq!(sink.messages(), ["one", "two", "three"]);
}

async fn acknowledged(spec: &LogSpec, cursor: &str) {
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
    let logs = LogShipper::new(sink.clone()).unwrap();
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
    let logs = LogShipper::new(sink.clone()).unwrap();
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
    assert!(sink.batches.borrow().iter().flatten().all(|event| event.is_stderr));
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
    let logs = LogShipper::new(Sink::new()).unwrap();
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

async fn ship_with_kills(spec: &LogSpec, polls: &[u32], per_restart: usize) -> (Arc<Sink>, Vec<String>) {
    let sink = Sink::new();
    let mut writer = Writer::create(&spec.spool).unwrap();
    let mut lines = Vec::new();
    for polls in polls {
        let logs = LogShipper::new(sink.clone()).unwrap();
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
    let logs = LogShipper::new(sink.clone()).unwrap();
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

async fn ship(spec: &LogSpec, chunks: &[Vec<u8>], fail: u32) -> (Arc<Sink>, Vec<u8>) {
    let sink = Sink::new();
    sink.knobs.lock().unwrap().fail = fail;
    let mut written = Vec::new();
    for (n, chunk) in chunks.iter().enumerate() {
        let logs = LogShipper::new(sink.clone()).unwrap();
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

fn with_pattern(mut spec: LogSpec, pattern: &str) -> LogSpec {
    let LogDestination::Awslogs(awslogs) = &mut spec.destination else { panic!("awslogs") };
    awslogs.multiline = Some(Multiline::Pattern(pattern.into()));
    spec
}

#[tokio::test]
async fn a_bad_pattern_is_refused_before_the_stream_is_made() {
    let tmp = tempfile::tempdir().unwrap();
    let sink = Sink::new();
    let logs = LogShipper::new(sink.clone()).unwrap();
    let error = logs.prepare(&with_pattern(spec(tmp.path(), "a"), "[")).await.unwrap_err().to_string();
    assert!(error.contains("awslogs could not parse multiline pattern key \"[\""), "{error}");
    assert_eq!(sink.calls(), 0);
}

#[tokio::test]
async fn an_event_that_is_not_complete_is_not_acknowledged_and_read_again_as_a_whole() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = with_pattern(spec(tmp.path(), "a"), "^T");
    let sink = Sink::new();
    let mut writer = Writer::create(&spec.spool).unwrap();
    let logs = LogShipper::new(sink.clone()).unwrap();
    logs.follow(&spec).await.unwrap();
    writer.write(Stream::Stdout, 1, b"T1\n a\nT2\n").unwrap();
    sink.until("the first event", |s| s.messages() == ["T1\n a\n"]).await;
    // 8 bytes of magic, records of 13 bytes and text.
    acknowledged(&spec, "1 38\n").await;
    drop(logs);
    let logs = LogShipper::new(sink.clone()).unwrap();
    logs.follow(&spec).await.unwrap();
    writer.write(Stream::Stderr, 2, b" b\n").unwrap();
    writer.finish(3).unwrap();
    finish(&logs, &spec).await;
    assert_eq!(sink.messages(), ["T1\n a\n", "T2\n b\n"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_without_a_successor_is_sent_after_five_seconds() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = with_pattern(spec(tmp.path(), "a"), "^T");
    let sink = Sink::new();
    let mut writer = Writer::create(&spec.spool).unwrap();
    writer.write(Stream::Stdout, 1, b"T1\n a\n").unwrap();
    let logs = LogShipper::new(sink.clone()).unwrap();
    let begun = tokio::time::Instant::now();
    logs.follow(&spec).await.unwrap();
    sink.until("the event", |s| s.messages() == ["T1\n a\n"]).await;
    assert!((5.0..6.0).contains(&begun.elapsed().as_secs_f32()), "{:?}", begun.elapsed());
    drop(writer);
    finish(&logs, &spec).await;
    assert_eq!(sink.messages().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_first_line_after_a_pause_does_not_wait() {
    let tmp = tempfile::tempdir().unwrap();
    let spec = spec(tmp.path(), "a");
    let sink = Sink::new();
    let mut writer = Writer::create(&spec.spool).unwrap();
    let logs = LogShipper::new(sink.clone()).unwrap();
    logs.follow(&spec).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = tokio::time::Instant::now();
    writer.write(Stream::Stdout, 1, b"now\n").unwrap();
    sink.until("the line", |s| s.messages() == ["now"]).await;
    assert!(begun.elapsed() < Duration::from_millis(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_non_blocking_spool_loses_lines_and_the_container_never_waits() {
    let tmp = tempfile::tempdir().unwrap();
    let mut spec = spec(tmp.path(), "a");
    spec.spool.mode = SpoolMode::NonBlocking { max_bytes: 4096 };
    let sink = Sink::new();
    sink.open.send_replace(false);
    let logs = LogShipper::new(sink.clone()).unwrap();
    let mut writer = Writer::create(&spec.spool).unwrap();
    logs.follow(&spec).await.unwrap();
    for n in 0..1000 {
        writer.write(Stream::Stdout, n, format!("line {n}\n").as_bytes()).unwrap();
        assert!(!writer.is_full());
    }
    sink.open.send_replace(true);
    sink.until("what was taken", |s| !s.messages().is_empty()).await;
    let room = async {
        while !sink.messages().contains(&"after".to_owned()) {
            writer.write(Stream::Stdout, 2000, b"after\n").unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, room).await.expect("there is room again");
    writer.finish(2000).unwrap();
    finish(&logs, &spec).await;
    let messages = sink.messages();
    let old = messages.iter().take_while(|m| *m != "after").count();
    assert!((100..300).contains(&old), "{old} lines fit");
    assert_eq!(messages[..old], (0..old).map(|n| format!("line {n}")).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever pieces the output came in and whenever the agent was killed, the events are those of the lines.
    #[test]
    fn events_do_not_depend_on_how_they_came(
        lines in vec("[Tab]{0,4}", 1..60), cuts in vec(any::<prop::sample::Index>(), 0..6), polls in vec(0u32..20, 6),
    ) {
        let tmp = tempfile::tempdir().unwrap();
        let spec = with_pattern(spec(tmp.path(), "p"), "^T");
        let output = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(output.len() + 1)).collect();
        cuts.push(output.len());
        cuts.sort_unstable();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let sink = runtime.block_on(async {
            let (sink, mut at) = (Sink::new(), 0);
            let mut writer = Writer::create(&spec.spool).unwrap();
            for (cut, polls) in cuts.iter().zip(polls.iter().chain(&[0])) {
                let logs = LogShipper::new(sink.clone()).unwrap();
                logs.follow(&spec).await.unwrap();
                writer.write(Stream::Stdout, 1, &output.as_bytes()[at..*cut]).unwrap();
                at = *cut;
                for _ in 0..*polls {
                    tokio::task::yield_now().await;
                }
            }
            writer.finish(2).unwrap();
            let logs = LogShipper::new(sink.clone()).unwrap();
            logs.follow(&spec).await.unwrap();
            finish(&logs, &spec).await;
            sink
        });
        let mut expected: Vec<String> = Vec::new();
        for line in &lines {
            match expected.last_mut() {
                Some(event) if !line.starts_with('T') => *event += &format!("{line}\n"),
                _ => expected.push(format!("{line}\n")),
            }
        }
        // A batch that was under way when the agent was killed comes twice, at most.
        let mut next = 0;
        for batch in sink.batches.borrow().iter() {
            let texts: Vec<_> = batch.iter().map(|e| e.message.clone()).collect();
            let from = (0..=next).rev().find(|from| expected[*from..].starts_with(&texts));
            prop_assert!(from.is_some(), "{texts:?} is no run of events of {expected:?} from {next}");
            next = from.unwrap_or_default() + texts.len();
        }
        prop_assert_eq!(next, expected.len());
    }
}
