//! From the moment that a line of a running container is read to the moment that GetLogEvents shows it.

use super::Figure;
use super::start::{LOG_GROUP, LOG_PREFIX, definition, request};
use super::stats::Series;
use super::subject::Subject;
use crate::clock::SystemClock;
use anyhow::{Context, Result, bail};
use model::time::Clock;
use std::time::{Duration, Instant};
use wire::logs::GetLogEventsRequest;

const FAMILY: &str = "bench-lines";
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn measure(rounds: usize) -> Result<Vec<Figure>> {
    let subject = Subject::start().await?;
    subject.register(&definition(FAMILY, &["serve", "8080"])).await?;
    let mut series = Series::default();
    for _ in 0..rounds {
        series.push(one_round(&subject).await?);
    }
    subject.end().await?;
    Ok(series
        .summary()
        .map(|s| Figure::latency("line to GetLogEvents", "wharf", s, None))
        .into_iter()
        .collect())
}

async fn one_round(subject: &Subject) -> Result<Duration> {
    let task = subject
        .run_task(&request(FAMILY))
        .await?
        .pop()
        .and_then(|t| t.task_arn)
        .context("RunTask answers with a task")?;
    let id = task.rsplit('/').next().unwrap_or_default();
    let events = GetLogEventsRequest {
        log_group_name: Some(LOG_GROUP.into()),
        log_stream_name: format!("{LOG_PREFIX}/main/{id}"),
        ..Default::default()
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = subject.client.logs().get_log_events(&events).await;
        let seen = SystemClock.now().0;
        // The stream is made just before its container starts.
        let written = answer.ok().and_then(|a| a.events?.first()?.timestamp);
        if let Some(written) = written {
            subject.stop(&[task]).await?;
            return Ok(Duration::from_millis(u64::try_from(seen - written).unwrap_or_default()));
        }
        if Instant::now() > deadline {
            bail!("a line did not come within {} s", PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
