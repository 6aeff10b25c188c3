//! TCS: a link that says how the instance and its containers are. Every 20 s what containers use, or that none runs, and
//! what their health checks say; a change of health at once, since the control plane has no other way to learn of it.

mod health;
mod metrics;

use crate::backoff::{Backoff, random_below};
use crate::host::Host;
use crate::ledger::Instance;
use crate::tasks::{LiveTask, Tasks};
use crate::upstream::{Link, LinkEnd};
use acs::link::TcsQuery;
use acs::tcs::{
    InstanceStatus, Metadata, PublishHealthRequest, PublishInstanceStatusRequest, PublishMetricsRequest,
    StatusMetadata, TelemetryMessage, encode_body,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// How often a report is considered.
const TICK: Duration = Duration::from_secs(20);
/// A link on which nothing was heard for this long, plus up to as much again, is dead.
const SILENCE: Duration = Duration::from_secs(60);

/// Most tasks in one message.
const TASKS_MAX: usize = 10;

pub(crate) struct Telemetry<'a> {
    pub(crate) host: &'a Host,
    pub(crate) instance: &'a Instance,
    pub(crate) endpoint: &'a str,
    pub(crate) heartbeats: watch::Receiver<u64>,
    pub(crate) tasks: &'a Arc<Tasks>,
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
        let mut health_changes = self.tasks.health_changes();
        loop {
            let sent = tokio::select! {
                biased;
                () = sleep_until(tick_at) => {
                    tick_at += TICK;
                    status_due |= self.heartbeats.has_changed().unwrap_or(false);
                    self.heartbeats.mark_unchanged();
                    self.publish(&mut *link, std::mem::take(&mut status_due)).await
                }
                text = link.next() => match text {
                    Ok(_) => {
                        silent_at = self.next_silence();
                        Ok(())
                    }
                    Err(end) => Err(end),
                },
                // The sender lives as long as the tasks.
                Ok(()) = health_changes.changed() => self.publish_health(&mut *link).await,
                // Last: what is there was heard, however late this looks.
                () = sleep_until(silent_at) => {
                    link.close("nothing was heard").await;
                    return LinkEnd::Failed("nothing was heard from the control plane".to_owned());
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
        self.publish_metrics(link, &self.tasks.live_tasks()).await?;
        self.publish_health(link).await?;
        if status_due {
            let status = TelemetryMessage::from(self.instance_status().await);
            link.send(encode_body(&status)).await?;
        }
        Ok(())
    }

    /// That nothing runs is said too.
    async fn publish_metrics(&self, link: &mut dyn Link, tasks: &[LiveTask]) -> Result<(), LinkEnd> {
        let metrics = metrics::read(self.host, tasks).await;
        let message_id = self.host.ids.uuid();
        let mut pages: Vec<_> = metrics.chunks(TASKS_MAX).map(<[_]>::to_vec).collect();
        let idle = pages.is_empty();
        if idle {
            pages.push(Vec::new());
        }
        let count = pages.len();
        for (n, task_metrics) in pages.into_iter().enumerate() {
            let metadata = self.metadata(&message_id, idle, n + 1 == count);
            let timestamp = Some(self.host.now().as_secs_f64());
            let page = PublishMetricsRequest { metadata, task_metrics, timestamp };
            link.send(encode_body(&TelemetryMessage::from(page))).await?;
        }
        Ok(())
    }

    /// Nothing, when there are no health checks.
    async fn publish_health(&self, link: &mut dyn Link) -> Result<(), LinkEnd> {
        let health = health::read(&self.tasks.live_tasks());
        let message_id = self.host.ids.uuid();
        let pages = health.chunks(TASKS_MAX);
        let count = pages.len();
        for (n, tasks) in pages.enumerate() {
            let metadata = self.metadata(&message_id, false, n + 1 == count);
            let timestamp = Some(self.host.now().as_secs_f64());
            let page = PublishHealthRequest { metadata, tasks: tasks.to_vec(), timestamp };
            link.send(encode_body(&TelemetryMessage::from(page))).await?;
        }
        Ok(())
    }

    fn metadata(&self, message_id: &str, idle: bool, fin: bool) -> Metadata {
        Metadata {
            cluster: self.host.config.cluster.clone(),
            container_instance: self.instance.arn.clone(),
            message_id: message_id.to_owned(),
            idle,
            fin,
        }
    }

    /// The runtime is healthy when it answers.
    async fn instance_status(&mut self) -> PublishInstanceStatusRequest {
        let answers = tokio::select! {
            biased;
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
