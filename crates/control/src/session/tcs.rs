//! TCS: an agent's telemetry. Nothing keeps metrics yet; the link is served because agents insist on one, and because
//! a link that nobody answers is torn down and opened again for ever.

use crate::context::Context;
use crate::session::{SessionEnd, socket::Socket};
use acs::HeartbeatMessage;
use acs::tcs::{
    AckPublishHealth, AckPublishInstanceStatus, AckPublishMetric, SignedFrame, TelemetryAnswer,
    TelemetryMessage,
};
use model::InstanceId;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};

/// Agents publish every 20 s; one that has said nothing for this long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(180);

/// Serves one link to its end, which it returns. The upgrade was signed; the signatures of single frames add nothing to
/// that on one connection, and are not looked at.
pub(crate) async fn serve<S>(context: Arc<Context>, stream: S, instance: InstanceId) -> SessionEnd
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = Socket::server(stream, context.config.heartbeat_timeout).await;
    let end = match exchange(&context, &mut socket, &instance).await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    tracing::debug!(%instance, %end, "telemetry ended");
    socket.close(&end).await;
    end
}

async fn exchange<S>(
    context: &Context,
    socket: &mut Socket<S>,
    instance: &InstanceId,
) -> Result<std::convert::Infallible, SessionEnd>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut heartbeat_at = Instant::now() + context.config.heartbeat_interval;
    let mut silent_at = Instant::now() + SILENCE_MAX;
    loop {
        tokio::select! {
            biased;
            () = context.closed() => return Err(SessionEnd::Shutdown),
            text = socket.next() => {
                silent_at = Instant::now() + SILENCE_MAX;
                if let Some(answer) = answer(instance, &text?) {
                    socket.send(acs::encode(&answer)).await?;
                }
            }
            () = sleep_until(silent_at) => return Err(SessionEnd::Silent),
            () = sleep_until(heartbeat_at) => {
                heartbeat_at = Instant::now() + context.config.heartbeat_interval;
                let heartbeat = HeartbeatMessage { healthy: true, message_id: String::new() };
                socket.send(acs::encode(&TelemetryAnswer::from(heartbeat))).await?;
            }
        }
    }
}

fn answer(instance: &InstanceId, text: &str) -> Option<TelemetryAnswer> {
    match SignedFrame::split(text).and_then(|frame| frame.message()) {
        Ok(TelemetryMessage::PublishMetrics(_)) => Some(AckPublishMetric::default().into()),
        Ok(TelemetryMessage::PublishHealth(_)) => Some(AckPublishHealth::default().into()),
        Ok(TelemetryMessage::PublishInstanceStatus(_)) => Some(AckPublishInstanceStatus::default().into()),
        Ok(TelemetryMessage::Unknown { kind }) => {
            tracing::debug!(%instance, kind, "telemetry of an unknown type was dropped");
            None
        }
        Err(error) => {
            tracing::warn!(%instance, %error, "a telemetry frame was dropped");
            None
        }
    }
}
