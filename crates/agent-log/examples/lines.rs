//! How many lines a second go through a spool: `cargo run --release -p agent-log --example lines [multiline]`.
//!
//! One thread writes as a shim does, in reads of 16 KiB, and ships with a sink that only counts; so it is what one core
//! does for both sides. Then the time from a line's write until the sink has it, one line at a time.

use agent_driver::{
    AwslogsSpec, LogDestination, LogEvent, LogSink, LogSpec, Logs as _, Multiline, RuntimeId, SinkError,
    SpoolMode, SpoolSpec,
};
use agent_log::LogShipper;
use agent_log::spool::{Stream, Writer};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

const LINES: usize = 1_000_000;
const LINE: &[u8] =
    b"2026-01-02T03:04:05.678Z INFO request served method=GET path=/api/v1/items status=200 took=12ms\n";
/// What a shim takes from a pipe at a time.
const READ_BYTES: usize = 16 * 1024;
const SINGLE_LINES: usize = 40;

struct Counter(watch::Sender<usize>);

#[async_trait]
impl LogSink for Counter {
    async fn ensure_stream(&self, _: &RuntimeId, _: &AwslogsSpec) -> Result<(), SinkError> {
        Ok(())
    }

    async fn put(&self, _: &RuntimeId, _: &AwslogsSpec, events: &[LogEvent]) -> Result<(), SinkError> {
        self.0.send_modify(|count| *count += events.len());
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let multiline =
        std::env::args().nth(1).map(|_| Multiline::DatetimeFormat("^%Y-%m-%dT%H:%M:%S%L".to_owned()));
    let dir = std::env::temp_dir().join(format!("wharf-log-bench-{}", std::process::id()));
    let result = measure(spec(&dir, multiline)).await;
    std::fs::remove_dir_all(&dir)?;
    result
}

fn spec(dir: &std::path::Path, multiline: Option<Multiline>) -> LogSpec {
    LogSpec {
        id: RuntimeId("bench".to_owned()),
        spool: SpoolSpec { dir: dir.to_owned(), mode: SpoolMode::Blocking { max_bytes: 10 << 20 } },
        destination: LogDestination::Awslogs(AwslogsSpec {
            account: String::new(),
            region: String::new(),
            group: String::new(),
            stream: String::new(),
            create_group: false,
            multiline,
        }),
    }
}

async fn measure(spec: LogSpec) -> Result<(), Box<dyn std::error::Error>> {
    let sink = Arc::new(Counter(watch::Sender::new(0)));
    let logs = LogShipper::new(sink.clone())?;
    let mut writer = Writer::create(&spec.spool)?;
    logs.follow(&spec).await?;

    let begun = Instant::now();
    let chunk = LINE.repeat(READ_BYTES / LINE.len());
    let mut written = 0;
    while written < LINES {
        while writer.is_full() {
            tokio::task::yield_now().await;
        }
        writer.write(Stream::Stdout, 1, &chunk)?;
        written += READ_BYTES / LINE.len();
    }
    // The last event of several lines is complete only at the end.
    sink.0.subscribe().wait_for(|count| *count + 1 >= written).await?;
    println!("{:.0} lines/s, spool and shipper on one core", written as f64 / begun.elapsed().as_secs_f64());

    let mut latencies = Vec::new();
    for _ in 0..SINGLE_LINES {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let before = *sink.0.borrow();
        let begun = Instant::now();
        writer.write(Stream::Stdout, 1, LINE)?;
        sink.0.subscribe().wait_for(|count| *count > before).await?;
        latencies.push(begun.elapsed());
    }
    latencies.sort();
    println!("line → sink p50 {:?}, most {:?}", latencies[SINGLE_LINES / 2], latencies[SINGLE_LINES - 1]);
    writer.finish(2)?;
    logs.finish(&spec.id).await?;
    Ok(())
}
