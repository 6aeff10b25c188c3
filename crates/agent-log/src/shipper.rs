//! The driver: one follower for each spool.

use crate::backoff::Backoff;
use crate::destination::{Destination, stream_error};
use crate::fluentd::Forwarder;
use crate::follower::{Dropped, Follower};
use crate::multiline::Assembler;
use crate::spool::Reader;
use crate::watch::SpoolWatch;
use agent_driver::{
    AwslogsSpec, LogDestination, LogError, LogSink, LogSpec, Logs, Multiline, RuntimeId, SinkError,
};
use async_trait::async_trait;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// How long CloudWatch Logs may be away before a container is not started for want of its stream: a control plane that
/// is restarted fails no task.
const PREPARE_PATIENCE: Duration = Duration::from_secs(60);

/// Ships spools to CloudWatch Logs and to Fluentd. Dropping it stops all followers at once; the next one resumes at
/// their last acknowledged batch. A container's id is never used for another spool.
///
/// CloudWatch Logs that cannot be reached is tried for ever, also by [`Logs::finish`]: lines are given up on only when
/// it refuses them. What it refuses is warned of, batch by batch. A Fluentd that is away is tried for half a minute
/// after the container's exit.
pub struct LogShipper {
    sink: Arc<dyn LogSink>,
    watch: SpoolWatch,
    followed: Mutex<HashMap<RuntimeId, Followed>>,
}

/// `None` while the follower runs.
type Outcome = Option<Result<(), String>>;

struct Followed {
    dir: PathBuf,
    finishing: watch::Sender<Option<Instant>>,
    outcome: watch::Receiver<Outcome>,
    task: AbortHandle,
}

impl LogShipper {
    /// Must be called inside a tokio runtime, which the followers will run on.
    ///
    /// # Errors
    /// The host has no inotify instance to give.
    pub fn new(sink: Arc<dyn LogSink>) -> io::Result<Self> {
        Ok(Self { sink, watch: SpoolWatch::start()?, followed: Mutex::default() })
    }

    fn spawn(&self, spec: &LogSpec) -> Result<Followed, LogError> {
        let cannot = |e: io::Error| LogError(format!("cannot follow the output of {}: {e}", spec.id));
        let (finishing, finishing_seen) = watch::channel(None);
        let (outcome, outcome_seen) = watch::channel(None);
        let follower = Follower {
            id: spec.id.clone(),
            destination: self.destination(spec)?,
            reader: Reader::open(&spec.spool.dir).map_err(cannot)?,
            watched: self.watch.watch(&spec.spool.dir).map_err(cannot)?,
            lines: Assembler::new(multiline(spec))?,
            finishing: finishing_seen,
            dropped: Dropped::default(),
        };
        let task = tokio::spawn(async move {
            let result = follower.run().await.map_err(|LogError(text)| text);
            outcome.send_replace(Some(result));
        });
        let dir = spec.spool.dir.clone();
        Ok(Followed { dir, finishing, outcome: outcome_seen, task: task.abort_handle() })
    }

    fn destination(&self, spec: &LogSpec) -> Result<Destination, LogError> {
        let (id, sink) = (spec.id.clone(), self.sink.clone());
        Ok(match &spec.destination {
            LogDestination::Awslogs(spec) => Destination::Awslogs { id, spec: spec.clone(), sink },
            LogDestination::Fluentd(spec) => Destination::Fluentd(Forwarder::new(&id, spec.clone())?),
        })
    }

    async fn make_stream(&self, id: &RuntimeId, spec: &AwslogsSpec) -> Result<(), LogError> {
        let (mut backoff, begun) = (Backoff::new(&spec.stream), Instant::now());
        loop {
            let Err(error) = self.sink.ensure_stream(id, spec).await else { return Ok(()) };
            let delay = backoff.next_delay();
            if matches!(error, SinkError::Refused(_)) || begun.elapsed() >= PREPARE_PATIENCE {
                return Err(stream_error(backoff.attempts(), &error));
            }
            tokio::time::sleep(delay).await;
        }
    }

    fn followed(&self) -> MutexGuard<'_, HashMap<RuntimeId, Followed>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Followed {
    /// Runs, or has delivered everything.
    fn is_good(&self) -> bool {
        !matches!(*self.outcome.borrow(), Some(Err(_)))
    }

    /// Has ended, and its spool was removed since.
    fn is_history(&self) -> bool {
        self.outcome.borrow().is_some() && !self.dir.exists()
    }
}

impl Drop for LogShipper {
    fn drop(&mut self) {
        self.followed().values().for_each(|followed| followed.task.abort());
    }
}

#[async_trait]
impl Logs for LogShipper {
    async fn prepare(&self, spec: &LogSpec) -> Result<(), LogError> {
        Assembler::new(multiline(spec))?;
        match &spec.destination {
            LogDestination::Awslogs(awslogs) => self.make_stream(&spec.id, awslogs).await,
            LogDestination::Fluentd(fluentd) => Forwarder::new(&spec.id, fluentd.clone())?.prepare().await,
        }
    }

    async fn follow(&self, spec: &LogSpec) -> Result<(), LogError> {
        let mut followed = self.followed();
        followed.retain(|id, f| *id == spec.id || !f.is_history());
        if followed.get(&spec.id).is_some_and(Followed::is_good) {
            return Ok(());
        }
        followed.insert(spec.id.clone(), self.spawn(spec)?);
        Ok(())
    }

    async fn finish(&self, id: &RuntimeId) -> Result<(), LogError> {
        let mut outcome = {
            let followed = self.followed();
            let Some(followed) = followed.get(id) else {
                return Err(LogError(format!("the output of {id} is not followed")));
            };
            followed.finishing.send_modify(|since| *since = since.or_else(|| Some(Instant::now())));
            followed.outcome.clone()
        };
        let stopped = || LogError(format!("the follower of {id} was stopped"));
        let outcome = outcome.wait_for(Option::is_some).await.map_err(|_| stopped())?.clone();
        outcome.ok_or_else(stopped)?.map_err(LogError)
    }
}

fn multiline(spec: &LogSpec) -> Option<&Multiline> {
    match &spec.destination {
        LogDestination::Awslogs(awslogs) => awslogs.multiline.as_ref(),
        LogDestination::Fluentd(_) => None,
    }
}
