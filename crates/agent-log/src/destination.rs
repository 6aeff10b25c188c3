//! Who takes the lines of one spool.

use crate::fluentd::Forwarder;
use crate::spool::Cursor;
use agent_driver::{AwslogsSpec, LogError, LogEvent, LogSink, RuntimeId, SinkError};
use std::sync::Arc;
use std::time::Duration;

/// An exited container keeps its task from ending for as long while nobody listens at its Fluentd's address: often
/// that was a container of the same task, and does not come back.
const FLUENTD_PATIENCE: Duration = Duration::from_secs(30);

/// What takes batches of events.
pub enum Destination {
    /// A stream of CloudWatch Logs.
    Awslogs {
        /// The container.
        id: RuntimeId,
        /// The stream.
        spec: AwslogsSpec,
        /// CloudWatch Logs.
        sink: Arc<dyn LogSink>,
    },
    /// A collector.
    Fluentd(Forwarder),
}

impl Destination {
    /// Sends events, which begin at `from` in the spool, once.
    pub async fn send(&mut self, from: Cursor, events: &[LogEvent]) -> Result<(), SinkError> {
        match self {
            Self::Awslogs { id, spec, sink } => sink.put(id, spec, events).await,
            Self::Fluentd(forwarder) => forwarder.send(from, events).await,
        }
    }

    /// CloudWatch Logs refuses empty messages; Docker's awslogs driver leaves empty lines out.
    pub fn takes_empty_lines(&self) -> bool {
        matches!(self, Self::Fluentd(_))
    }

    /// How long after its container's exit the destination is tried while it fails; `None` is for ever.
    pub fn patience(&self) -> Option<Duration> {
        match self {
            Self::Awslogs { .. } => None,
            Self::Fluentd(_) => Some(FLUENTD_PATIENCE),
        }
    }
}

/// Why a stream could not be made: the words of an agent on AWS Fargate.
pub fn stream_error(attempts: u32, error: &SinkError) -> LogError {
    LogError(format!(
        "failed to validate logger args: create stream has been retried {attempts} times: \
         failed to create CloudWatch log stream: {error}"
    ))
}
