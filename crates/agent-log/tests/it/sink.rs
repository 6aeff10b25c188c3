//! A sink with knobs, and what is common to the tests of the driver.

use agent_driver::{
    AwslogsSpec, LogDestination, LogEvent, LogSink, LogSpec, Logs as _, RuntimeId, SinkError, SpoolMode,
    SpoolSpec,
};
use agent_log::LogShipper;
use async_trait::async_trait;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

pub const PATIENCE: Duration = Duration::from_secs(60);

/// A CloudWatch Logs of one stream.
pub struct Sink {
    pub batches: watch::Sender<Vec<Vec<LogEvent>>>,
    pub knobs: Mutex<Knobs>,
    /// Puts wait until this is true.
    pub open: watch::Sender<bool>,
}

#[derive(Default)]
pub struct Knobs {
    pub fail: u32,
    pub refuse: u32,
    pub calls: u32,
}

impl Sink {
    pub fn new() -> Arc<Self> {
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

    pub fn messages(&self) -> Vec<String> {
        self.batches.borrow().iter().flatten().map(|e| e.message.clone()).collect()
    }

    pub fn calls(&self) -> u32 {
        self.knobs.lock().unwrap().calls
    }

    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
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
    async fn ensure_stream(&self, _: &RuntimeId, _: &AwslogsSpec) -> Result<(), SinkError> {
        self.turn()
    }

    async fn put(&self, _: &RuntimeId, _: &AwslogsSpec, events: &[LogEvent]) -> Result<(), SinkError> {
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

pub fn spec(dir: &Path, name: &str) -> LogSpec {
    let awslogs = AwslogsSpec {
        account: "000000000000".into(),
        region: "us-east-1".into(),
        group: "group".into(),
        stream: format!("prefix/app/{name}"),
        create_group: false,
        multiline: None,
    };
    LogSpec {
        id: RuntimeId(name.into()),
        spool: SpoolSpec { dir: dir.join(name), mode: SpoolMode::Blocking { max_bytes: 1 << 20 } },
        destination: LogDestination::Awslogs(awslogs),
    }
}

pub async fn finish(logs: &LogShipper, spec: &LogSpec) {
    let finished = tokio::time::timeout(PATIENCE, logs.finish(&spec.id)).await;
    finished.expect("finish answers").unwrap();
}
