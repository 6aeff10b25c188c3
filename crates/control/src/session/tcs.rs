//! TCS: an agent's telemetry. The health of containers and of the instance goes into their records. Metrics are
//! acknowledged and dropped, because nothing reads them yet; the link is served because agents insist on one, and because
//! a link that nobody answers is torn down and opened again for ever.

use crate::context::Context;
use crate::plan::{Change, Plan, put_task};
use crate::session::telemetry::{instance_after, task_after};
use crate::session::{Frame, Frames, Peer, SessionEnd, close, frames::by};
use acs::HeartbeatMessage;
use acs::tcs::{
    AckPublishHealth, AckPublishInstanceStatus, AckPublishMetric, InstanceStatus, SignedFrame, TaskHealth,
    TelemetryAnswer, TelemetryMessage,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use store::{InstanceKey, StoreError};
use tokio::time::{Instant, sleep_until};
use wire::sigv4::{Request, sha256_hex, verify};

/// Agents publish every 20 s; one that has said nothing for this long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(180);

/// Serves one link to its end, which it returns. `path` and `query` are those of the upgrade: every frame is signed as
/// if it were a request for them, and one whose signature is not that of the instance's account counts for nothing.
pub(crate) async fn serve(
    context: Arc<Context>,
    mut frames: impl Frames,
    peer: Peer,
    path: String,
    query: String,
) -> SessionEnd {
    let Peer { instance, access_key } = peer;
    let session = Session { context: &context, instance, path, query };
    let end = match session.serve(&mut frames, &access_key).await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    tracing::debug!(instance = %session.instance.1, %end, "telemetry ended");
    close(frames, &end).await;
    end
}

struct Session<'a> {
    context: &'a Context,
    instance: InstanceKey,
    path: String,
    query: String,
}

impl Session<'_> {
    async fn serve(
        &self,
        frames: &mut impl Frames,
        access_key: &str,
    ) -> Result<std::convert::Infallible, SessionEnd> {
        let mut revoked = pin!(self.context.revoked(access_key));
        let mut heartbeat_at = Instant::now() + self.context.config.heartbeat_interval;
        let mut silent_at = Instant::now() + SILENCE_MAX;
        loop {
            tokio::select! {
                biased;
                () = self.context.closed() => return Err(SessionEnd::Shutdown),
                () = &mut revoked => return Err(SessionEnd::Revoked),
                // Before the frames: an agent that never pauses must not keep it from being sent.
                () = sleep_until(heartbeat_at) => {
                    heartbeat_at = Instant::now() + self.context.config.heartbeat_interval;
                    self.send(frames, HeartbeatMessage { healthy: true, message_id: String::new() }).await?;
                }
                frame = frames.next() => {
                    let frame = frame?;
                    silent_at = Instant::now() + SILENCE_MAX;
                    let Frame::Text(text) = frame else { continue };
                    if let Some(answer) = self.receive(&text).await? {
                        self.send(frames, answer).await?;
                    }
                }
                () = sleep_until(silent_at) => return Err(SessionEnd::Silent),
            }
        }
    }

    async fn send(
        &self,
        frames: &mut impl Frames,
        answer: impl Into<TelemetryAnswer>,
    ) -> Result<(), SessionEnd> {
        let deadline = Instant::now() + self.context.config.heartbeat_timeout;
        by(deadline, frames.send(acs::encode(&answer.into()))).await
    }

    /// What is acknowledged is on disk.
    async fn receive(&self, text: &str) -> Result<Option<TelemetryAnswer>, StoreError> {
        let dropped = |error: &dyn std::fmt::Display| {
            tracing::warn!(instance = %self.instance.1, %error, "a telemetry frame was dropped");
            Ok(None)
        };
        let frame = match SignedFrame::split(text) {
            Ok(frame) => frame,
            Err(error) => return dropped(&error),
        };
        if let Err(error) = self.authenticate(&frame) {
            return dropped(&error);
        }
        match frame.message() {
            Ok(TelemetryMessage::PublishMetrics(_)) => Ok(Some(AckPublishMetric::default().into())),
            Ok(TelemetryMessage::PublishHealth(request)) => {
                self.record_health(&request.tasks).await?;
                Ok(Some(AckPublishHealth::default().into()))
            }
            Ok(TelemetryMessage::PublishInstanceStatus(request)) => {
                self.record_status(&request.statuses).await?;
                Ok(Some(AckPublishInstanceStatus::default().into()))
            }
            Ok(TelemetryMessage::Unknown { kind }) => dropped(&format!("unknown type {kind}")),
            Err(error) => dropped(&error),
        }
    }

    /// Whether the instance's account signed the frame.
    fn authenticate(&self, frame: &SignedFrame<'_>) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &frame.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
            let value = HeaderValue::from_str(value).map_err(|error| error.to_string())?;
            headers.append(name, value);
        }
        let request = Request {
            method: "GET",
            path: &self.path,
            query: &self.query,
            headers: &headers,
            authority: None,
            body_sha256: &sha256_hex(frame.body.as_bytes()),
        };
        let service = wire::ecs::SERVICE.signing_name;
        let verified = verify(&request, service, self.context.now(), self.context.keys.as_ref())
            .map_err(|rejection| rejection.to_string())?;
        let scope = &self.instance.0;
        if verified.account == scope.account && verified.region == scope.region.as_str() {
            Ok(())
        } else {
            Err(format!("signed by {} in {}", verified.account, verified.region))
        }
    }

    async fn record_health(&self, published: &[TaskHealth]) -> Result<(), StoreError> {
        let snapshot = self.context.store.snapshot();
        if !published.iter().any(|task| task_after(&snapshot, &self.instance, task).is_some()) {
            return Ok(());
        }
        self.context
            .store
            .commit(|tx| {
                for task in published {
                    if let Some(after) = task_after(tx, &self.instance, task) {
                        put_task(tx, after, "its agent published its health");
                    }
                }
                Ok(())
            })
            .await
    }

    async fn record_status(&self, published: &[InstanceStatus]) -> Result<(), StoreError> {
        let now = self.context.now();
        if instance_after(&self.context.store.snapshot(), &self.instance, published, now).is_none() {
            return Ok(());
        }
        self.context
            .store
            .commit(|tx| {
                let mut plan = Plan::default();
                if let Some(after) = instance_after(tx, &self.instance, published, now) {
                    plan.push(Change::PutInstance(Box::new(after)), "its agent published its health");
                }
                plan.apply(tx);
                Ok(())
            })
            .await
    }
}
