//! TCS: a link that says how the instance is. Metrics are not measured yet, and none are made up: that nothing runs is
//! said when it is so, and otherwise no metrics are sent.

use crate::backoff::{Backoff, random_below};
use crate::host::Host;
use crate::ledger::Instance;
use crate::upstream::{Link, LinkEnd};
use acs::link::TcsQuery;
use acs::tcs::{
    InstanceStatus, Metadata, PublishInstanceStatusRequest, PublishMetricsRequest, StatusMetadata,
    TelemetryMessage, encode_body,
};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// How often a report is considered.
const TICK: Duration = Duration::from_secs(20);
/// A link on which nothing was heard for this long, plus up to as much again, is dead.
const SILENCE: Duration = Duration::from_secs(60);

pub(crate) struct Telemetry<'a> {
    pub(crate) host: &'a Host,
    pub(crate) instance: &'a Instance,
    pub(crate) endpoint: &'a str,
    pub(crate) heartbeats: watch::Receiver<u64>,
    pub(crate) live: watch::Receiver<usize>,
    /// When the runtime's status last changed, in seconds since the epoch.
    pub(crate) status: Option<(&'static str, f64)>,
}

impl Telemetry<'_> {
    /// Keeps a link open for ever.
    pub(crate) async fn run(mut self) -> std::convert::Infallible {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        loop {
            let end = match self.host.upstream.open_tcs(self.endpoint, &self.query()).await {
                Ok(link) => {
                    let opened_at = Instant::now();
                    let end = self.serve(link).await;
                    if opened_at.elapsed() >= SILENCE {
                        backoff.reset();
                    }
                    end.to_string()
                }
                Err(error) => error.to_string(),
            };
            tracing::debug!(end, "telemetry ended");
            backoff.wait(&*self.host.ids).await;
        }
    }

    fn query(&self) -> TcsQuery {
        TcsQuery {
            cluster: self.host.config.cluster.clone(),
            container_instance: self.instance.arn.clone(),
            agent_version: crate::VERSION.to_owned(),
            agent_hash: String::new(),
            docker_version: String::new(),
        }
    }

    async fn serve(&mut self, mut link: Box<dyn Link>) -> LinkEnd {
        let mut silent_at = self.next_silence();
        let mut tick_at = Instant::now();
        let mut status_due = true;
        loop {
            let sent = tokio::select! {
                text = link.next() => match text {
                    Ok(_) => {
                        silent_at = self.next_silence();
                        Ok(())
                    }
                    Err(end) => Err(end),
                },
                () = sleep_until(silent_at) => {
                    link.close("nothing was heard").await;
                    return LinkEnd::Failed("nothing was heard from the control plane".to_owned());
                }
                () = sleep_until(tick_at) => {
                    tick_at += TICK;
                    status_due |= self.heartbeats.has_changed().unwrap_or(false);
                    self.heartbeats.mark_unchanged();
                    self.publish(&mut *link, std::mem::take(&mut status_due)).await
                }
            };
            if let Err(end) = sent {
                return end;
            }
        }
    }

    fn next_silence(&self) -> Instant {
        let jitter = random_below(&*self.host.ids, SILENCE.as_millis() as u64);
        Instant::now() + SILENCE + Duration::from_millis(jitter)
    }

    async fn publish(&mut self, link: &mut dyn Link, status_due: bool) -> Result<(), LinkEnd> {
        if *self.live.borrow() == 0 {
            let idle = TelemetryMessage::from(self.idle());
            link.send(encode_body(&idle)).await?;
        }
        if status_due {
            let status = TelemetryMessage::from(self.instance_status().await);
            link.send(encode_body(&status)).await?;
        }
        Ok(())
    }

    fn idle(&self) -> PublishMetricsRequest {
        let metadata = Metadata {
            cluster: self.host.config.cluster.clone(),
            container_instance: self.instance.arn.clone(),
            message_id: self.host.ids.uuid(),
            idle: true,
            fin: true,
        };
        let timestamp = Some(self.host.now().as_secs_f64());
        PublishMetricsRequest { metadata, task_metrics: Vec::new(), timestamp }
    }

    /// The runtime is healthy when it answers.
    async fn instance_status(&mut self) -> PublishInstanceStatusRequest {
        let answers = tokio::select! {
            listed = self.host.drivers.runtime.list() => listed.is_ok(),
            () = sleep(TICK) => false,
        };
        let now = self.host.now().as_secs_f64();
        let status = if answers { "OK" } else { "IMPAIRED" };
        let since = match self.status {
            Some((known, since)) if known == status => since,
            _ => now,
        };
        self.status = Some((status, since));
        PublishInstanceStatusRequest {
            metadata: StatusMetadata {
                cluster: self.host.config.cluster.clone(),
                container_instance: self.instance.arn.clone(),
                request_id: self.host.ids.uuid(),
            },
            statuses: vec![InstanceStatus {
                kind: "ContainerRuntime".to_owned(),
                status: status.to_owned(),
                last_updated: Some(now),
                last_status_change: Some(since),
            }],
            timestamp: Some(now),
        }
    }
}
