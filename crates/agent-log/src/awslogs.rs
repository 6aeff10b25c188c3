//! The awslogs driver: one follower for each spool.

use crate::backoff::Backoff;
use crate::follower::Follower;
use crate::spool::Reader;
use crate::watch::SpoolWatch;
use agent_driver::{AwslogsSpec, LogError, LogSink, Logs, RuntimeId, SinkError};
use async_trait::async_trait;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Attempts to make the stream before a container is not started for it.
const PREPARE_ATTEMPTS_MAX: u32 = 5;

/// Ships spools to CloudWatch Logs. Dropping it stops all followers at once; the next one resumes at their last
/// acknowledged batch. A container's id is never used for another spool.
///
/// A sink that cannot be reached is tried for ever, also by [`Logs::finish`]: lines are given up on only when the sink
/// refuses them. What it refuses is warned of, batch by batch.
pub struct Awslogs {
    sink: Arc<dyn LogSink>,
    watch: SpoolWatch,
    followed: Mutex<HashMap<RuntimeId, Followed>>,
}

/// `None` while the follower runs.
type Outcome = Option<Result<(), String>>;

struct Followed {
    dir: PathBuf,
    finishing: watch::Sender<bool>,
    outcome: watch::Receiver<Outcome>,
    task: AbortHandle,
}

impl Awslogs {
    /// Must be called inside a tokio runtime, which the followers will run on.
    ///
    /// # Errors
    /// The host has no inotify instance to give.
    pub fn new(sink: Arc<dyn LogSink>) -> io::Result<Self> {
        Ok(Self { sink, watch: SpoolWatch::start()?, followed: Mutex::default() })
    }

    fn spawn(&self, spec: &AwslogsSpec) -> io::Result<Followed> {
        let reader = Reader::open(&spec.spool.dir)?;
        let watched = self.watch.watch(&spec.spool.dir)?;
        let (finishing, finishing_seen) = watch::channel(false);
        let (outcome, outcome_seen) = watch::channel(None);
        let follower = Follower {
            spec: spec.clone(),
            sink: self.sink.clone(),
            reader,
            watched,
            finishing: finishing_seen,
        };
        let task = tokio::spawn(async move {
            let result = follower.run().await.map_err(|LogError(text)| text);
            outcome.send_replace(Some(result));
        });
        let dir = spec.spool.dir.clone();
        Ok(Followed { dir, finishing, outcome: outcome_seen, task: task.abort_handle() })
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

impl Drop for Awslogs {
    fn drop(&mut self) {
        self.followed().values().for_each(|followed| followed.task.abort());
    }
}

#[async_trait]
impl Logs for Awslogs {
    async fn prepare(&self, spec: &AwslogsSpec) -> Result<(), LogError> {
        let mut backoff = Backoff::new(&spec.stream);
        loop {
            let error = match self.sink.ensure_stream(spec).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let delay = backoff.next_delay();
            if matches!(error, SinkError::Refused(_)) || backoff.attempts() >= PREPARE_ATTEMPTS_MAX {
                return Err(LogError(format!(
                    "failed to validate logger args: create stream has been retried {} times: \
                     failed to create CloudWatch log stream: {error}",
                    backoff.attempts()
                )));
            }
            tokio::time::sleep(delay).await;
        }
    }

    async fn follow(&self, spec: &AwslogsSpec) -> Result<(), LogError> {
        let mut followed = self.followed();
        followed.retain(|id, f| *id == spec.id || !f.is_history());
        if followed.get(&spec.id).is_some_and(Followed::is_good) {
            return Ok(());
        }
        let follower = self
            .spawn(spec)
            .map_err(|e| LogError(format!("cannot follow the output of {}: {e}", spec.id)))?;
        followed.insert(spec.id.clone(), follower);
        Ok(())
    }

    async fn finish(&self, id: &RuntimeId) -> Result<(), LogError> {
        let mut outcome = {
            let followed = self.followed();
            let Some(followed) = followed.get(id) else {
                return Err(LogError(format!("the output of {id} is not followed")));
            };
            followed.finishing.send_replace(true);
            followed.outcome.clone()
        };
        let stopped = || LogError(format!("the follower of {id} was stopped"));
        let outcome = outcome.wait_for(Option::is_some).await.map_err(|_| stopped())?.clone();
        outcome.ok_or_else(stopped)?.map_err(LogError)
    }
}
