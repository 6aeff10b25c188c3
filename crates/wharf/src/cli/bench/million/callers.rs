//! The clients: each has one signed RunTask under way at a time, over a connection that stays open.

use super::Million;
use super::tally::Tally;
use super::task_number;
use anyhow::{Context, Result, bail};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use wire::client::Client;
use wire::ecs::{LaunchType, RunTaskRequest};

/// The most tasks of one RunTask (ECS API Reference: RunTask).
const BATCH: i64 = 10;
/// After so many refused tasks the run is given up.
const REFUSED_MAX: i64 = 1000;
const REFUSED_DELAY: Duration = Duration::from_millis(10);

/// What they share.
pub(super) struct Callers {
    client: Client,
    tally: Arc<Tally>,
    request: RunTaskRequest,
    clusters: Vec<String>,
    /// Tasks that nobody has asked for yet.
    left: AtomicI64,
    refused: AtomicI64,
}

impl Callers {
    pub(super) fn new(
        options: &Million,
        client: &Client,
        clusters: &[String],
        tally: &Arc<Tally>,
    ) -> Result<Self> {
        let request = RunTaskRequest {
            task_definition: super::FAMILY.to_owned(),
            launch_type: Some(LaunchType::Ec2),
            network_configuration: options.network.configuration(),
            placement_strategy: options.strategy.to_request(),
            ..RunTaskRequest::default()
        };
        Ok(Self {
            client: client.clone(),
            tally: tally.clone(),
            request,
            clusters: clusters.to_vec(),
            left: AtomicI64::new(i64::try_from(options.tasks)?),
            refused: AtomicI64::new(0),
        })
    }

    /// Asks for all tasks, `connections` calls at a time.
    pub(super) async fn run(self, connections: usize) -> Result<()> {
        let callers = Arc::new(self);
        let spawn = |_| {
            let callers = callers.clone();
            tokio::spawn(async move { callers.call_until_none_is_left().await })
        };
        let running: Vec<_> = (0..connections).map(spawn).collect();
        for caller in running {
            caller.await??;
        }
        Ok(())
    }

    async fn call_until_none_is_left(&self) -> Result<()> {
        while let Some((batch, count)) = self.take() {
            // Each cluster is asked for its share, which is what its agents have room for.
            let cluster = &self.clusters[batch % self.clusters.len()];
            let request = RunTaskRequest {
                cluster: Some(cluster.clone()),
                count: Some(i32::try_from(count)?),
                ..self.request.clone()
            };
            let called_at = self.tally.now();
            let answer = self.client.ecs().run_task(&request).await.context("RunTask")?;
            let placed = answer.tasks.unwrap_or_default();
            let numbers = placed.iter().map(|t| task_number(t.task_arn.as_deref().unwrap_or_default()));
            let numbers: Vec<u128> = numbers.collect::<Result<_>>()?;
            self.tally.answered(called_at, &numbers);
            let refused = count - i64::try_from(numbers.len())?;
            if refused > 0 {
                let reason =
                    answer.failures.unwrap_or_default().into_iter().find_map(|f| f.detail.or(f.reason));
                self.put_back(refused, reason.as_deref().unwrap_or("no reason")).await?;
            }
        }
        Ok(())
    }

    /// A number, and how many tasks.
    fn take(&self) -> Option<(usize, i64)> {
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            (left > 0).then(|| left - BATCH.min(left))
        });
        taken.ok().map(|left| (usize::try_from(left / BATCH).unwrap_or_default(), BATCH.min(left)))
    }

    /// Tasks that found no place are asked for again.
    async fn put_back(&self, count: i64, reason: &str) -> Result<()> {
        (0..count).for_each(|_| self.tally.odd("tasks refused a place"));
        if self.refused.fetch_add(count, Ordering::Relaxed) + count > REFUSED_MAX {
            bail!("too many tasks found no place: {reason}");
        }
        self.left.fetch_add(count, Ordering::Relaxed);
        tokio::time::sleep(REFUSED_DELAY).await;
        Ok(())
    }
}
