//! ACS: one link, from its first message to its end.

use crate::backoff::random_below;
use crate::host::Host;
use crate::ledger::Instance;
use crate::tasks::{Tasks, refusal};
use crate::upstream::{Link, LinkEnd};
use acs::payload::{DesiredStatus, Task};
use acs::{
    AckRequest, AgentMessage, HeartbeatAckRequest, IamRoleCredentialsAckRequest, IamRoleCredentialsMessage,
    NackRequest, PayloadMessage, RoleType, ServerMessage, TaskIdentifier, TaskManifestMessage,
    TaskStopVerificationMessage,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// A link on which nothing was heard for this long, plus up to as much again, is dead.
const SILENCE: Duration = Duration::from_secs(60);
/// The agent ends each link by itself after this long, plus up to [`LIFE_JITTER`].
const LIFE: Duration = Duration::from_secs(30 * 60);
const LIFE_JITTER: Duration = Duration::from_secs(5 * 60);

/// One ACS link.
pub(crate) struct Session<'a> {
    pub(crate) host: &'a Host,
    pub(crate) tasks: &'a Arc<Tasks>,
    pub(crate) instance: &'a mut Instance,
    /// Told of each heartbeat: the telemetry link reports the instance's health after each.
    pub(crate) heartbeats: &'a watch::Sender<u64>,
    /// Set with the first message: before it the control plane need not have noted that we are here.
    pub(crate) connected: &'a watch::Sender<bool>,
    pub(crate) link: Box<dyn Link>,
}

impl Session<'_> {
    /// Serves the link to its end.
    pub(crate) async fn serve(mut self) -> LinkEnd {
        let expires_at = Instant::now() + LIFE + self.jitter(LIFE_JITTER);
        let mut silent_at = self.next_silence();
        loop {
            let text = tokio::select! {
                biased;
                // First, or messages without end would make the link live for ever.
                () = sleep_until(expires_at) => {
                    self.link.close("ConnectionExpired: Reconnect to continue").await;
                    return LinkEnd::Closed;
                }
                text = self.link.next() => text,
                // Last: a message that is there was heard, however late this looks.
                () = sleep_until(silent_at) => {
                    return LinkEnd::Failed("nothing was heard from the control plane".to_owned());
                }
            };
            let handled = match text {
                Ok(text) => self.receive(&text).await,
                Err(end) => Err(end),
            };
            match handled {
                Ok(true) => {
                    silent_at = self.next_silence();
                    self.connected.send_if_modified(|connected| !std::mem::replace(connected, true));
                }
                Ok(false) => {}
                Err(end) => return end,
            }
        }
    }

    fn next_silence(&self) -> Instant {
        Instant::now() + SILENCE + self.jitter(SILENCE)
    }

    fn jitter(&self, below: Duration) -> Duration {
        Duration::from_millis(random_below(&*self.host.ids, below.as_millis() as u64))
    }

    /// Whether the frame was a message that proves that the control plane lives.
    async fn receive(&mut self, text: &str) -> Result<bool, LinkEnd> {
        let message = match acs::decode_server(text) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!(%error, "a frame was dropped");
                return Ok(false);
            }
        };
        match message {
            ServerMessage::Heartbeat(heartbeat) => {
                self.heartbeats.send_modify(|n| *n += 1);
                self.send(HeartbeatAckRequest { message_id: heartbeat.message_id }).await?;
            }
            ServerMessage::Payload(payload) => self.payload(payload).await?,
            ServerMessage::IamRoleCredentials(message) => self.credentials(message).await?,
            ServerMessage::TaskManifest(manifest) => self.manifest(manifest).await?,
            ServerMessage::TaskStopVerificationAck(verified) => {
                for task in verified.stop_tasks {
                    self.tasks.stop(&task.task_arn).await;
                }
            }
            // The payload carries the interface; there is nothing to wait for.
            ServerMessage::AttachTaskNetworkInterfaces(message) => {
                self.ack(message.cluster_arn, message.container_instance_arn, message.message_id).await?;
            }
            ServerMessage::ConfirmAttachment(message) => {
                let reason = "attachments are not supported".to_owned();
                let (cluster, container_instance) = (message.cluster_arn, message.container_instance_arn);
                self.send(NackRequest {
                    cluster,
                    container_instance,
                    message_id: message.message_id,
                    reason,
                })
                .await?;
            }
            ServerMessage::Close(close) => {
                tracing::info!(reason = close.message, "the link is about to close")
            }
            ServerMessage::Error(error) => {
                tracing::warn!(text = error.message, "the control plane complains")
            }
            ServerMessage::Unknown { kind } => {
                tracing::debug!(kind, "a message of an unknown type was dropped")
            }
        }
        Ok(true)
    }

    /// Those to stop first; acknowledged when every task was accepted. One that cannot be run is reported so, and keeps
    /// the payload from being acknowledged, as the Amazon ECS agent has it. One that cannot be written down ends the link:
    /// on the next one it is told again.
    async fn payload(&mut self, payload: PayloadMessage) -> Result<(), LinkEnd> {
        let (stop, start): (Vec<Task>, Vec<Task>) =
            payload.tasks.into_iter().partition(|task| task.desired_status == DesiredStatus::Stopped);
        for task in stop {
            self.tasks.stop(&task.arn).await;
        }
        let sets = start.iter().flat_map(|task| {
            let sets = [&task.role_credentials, &task.execution_role_credentials].into_iter().flatten();
            sets.map(|set| (task.arn.clone(), set.clone()))
        });
        let mut credentials: Vec<_> = sets.collect();
        // Nobody would say it again on this link.
        let refused = self.tasks.accept(start).await.map_err(|error| {
            tracing::error!(%error, "tasks cannot be written down");
            LinkEnd::Failed(format!("the ledger cannot be written: {error}"))
        })?;
        for (arn, error) in &refused {
            tracing::warn!(task = arn, %error, "a task was refused");
            self.tasks.report_stopped(arn, &refusal(error));
        }
        credentials.retain(|(arn, _)| refused.iter().all(|(refused, _)| refused != arn));
        for (_, set) in credentials {
            let (credentials_id, expiration) = (set.credentials_id, set.expiration);
            let message_id = payload.message_id.clone();
            self.send(IamRoleCredentialsAckRequest { message_id, credentials_id, expiration }).await?;
        }
        if refused.is_empty() {
            self.ack(payload.cluster_arn, payload.container_instance_arn, payload.message_id).await?;
        }
        Ok(())
    }

    /// Not acknowledged when the task is unknown.
    async fn credentials(&mut self, message: IamRoleCredentialsMessage) -> Result<(), LinkEnd> {
        let known = crate::blueprint::parse_arn(&message.task_arn).ok();
        let Some((_, id)) = known.filter(|(_, id)| self.tasks.is_live(id)) else { return Ok(()) };
        let set = message.role_credentials;
        if message.role_type == RoleType::TaskExecution {
            self.host.vault.put(&id, &set);
        }
        let (credentials_id, expiration) = (set.credentials_id, set.expiration);
        self.send(IamRoleCredentialsAckRequest { message_id: message.message_id, credentials_id, expiration })
            .await
    }

    /// A manifest that is not newer than the last one is dropped. The rest asks about tasks that it does not list.
    async fn manifest(&mut self, manifest: TaskManifestMessage) -> Result<(), LinkEnd> {
        if manifest.timeline <= self.instance.timeline {
            tracing::info!(timeline = manifest.timeline, "an old manifest was dropped");
            return Ok(());
        }
        self.instance.timeline = manifest.timeline;
        if let Err(error) = self.host.ledger.save_instance(self.instance).await {
            return Err(LinkEnd::Failed(format!("the ledger cannot be written: {error}")));
        }
        let listed: Vec<&str> = manifest
            .tasks
            .iter()
            .filter(|t| t.desired_status == DesiredStatus::Running)
            .map(|t| t.task_arn.as_str())
            .collect();
        let candidate = |task_arn: String| TaskIdentifier {
            task_cluster_arn: manifest.cluster_arn.clone(),
            desired_status: DesiredStatus::Stopped,
            task_arn,
        };
        let unlisted = self.tasks.wanted_running().into_iter().filter(|arn| !listed.contains(&arn.as_str()));
        let stop_candidates: Vec<TaskIdentifier> = unlisted.map(candidate).collect();
        let message_id = manifest.message_id.clone();
        self.ack(manifest.cluster_arn, manifest.container_instance_arn, manifest.message_id).await?;
        if stop_candidates.is_empty() {
            return Ok(());
        }
        self.send(TaskStopVerificationMessage { message_id, stop_candidates }).await
    }

    async fn ack(
        &mut self,
        cluster: String,
        container_instance: String,
        message_id: String,
    ) -> Result<(), LinkEnd> {
        self.send(AckRequest { cluster, container_instance, message_id }).await
    }

    async fn send(&mut self, message: impl Into<AgentMessage>) -> Result<(), LinkEnd> {
        self.link.send(acs::encode(&message.into())).await
    }
}
