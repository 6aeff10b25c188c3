//! What the API says in the end: every task is there once, on the instance whose agent acknowledged it, and the control
//! plane has the acknowledgement on record.

use super::tally::Tally;
use super::task_number;
use anyhow::{Context, Result, bail, ensure};
use futures_util::{StreamExt, TryStreamExt};
use std::time::{Duration, Instant};
use wire::client::Client;
use wire::ecs::{Connectivity, DescribeTasksRequest, ListTasksRequest, Task};

/// The most that DescribeTasks takes (ECS API Reference: DescribeTasks).
const PAGE: usize = 100;
/// Calls under way at once.
const AT_ONCE: usize = 16;
/// What was acknowledged is on record by then.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// Returns once the last acknowledgement of each agent is on record. A session takes them in their order, so the earlier
/// ones are too.
pub(super) async fn wait_until_recorded(client: &Client, clusters: &[String], last: Vec<u128>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    for cluster in clusters {
        for chunk in last.chunks(PAGE) {
            loop {
                let tasks =
                    describe(client, cluster, chunk.iter().map(|n| format!("{n:032x}")).collect()).await?;
                // Tasks of other clusters are no part of the answer.
                if tasks.iter().all(|task| task.connectivity.is_some()) {
                    break;
                }
                ensure!(Instant::now() < deadline, "acknowledgements were not recorded within {PATIENCE:?}");
                tokio::time::sleep(POLL).await;
            }
        }
    }
    Ok(())
}

/// Looks at every task of every instance, and answers how many there are.
pub(super) async fn every_task(
    client: &Client,
    clusters: &[String],
    instances: &[String],
    tally: &Tally,
) -> Result<usize> {
    let cluster = |agent: usize| &clusters[agent % clusters.len()];
    futures_util::stream::iter(instances.iter().enumerate())
        .map(|(agent, arn)| tasks_of(client, cluster(agent), agent, arn, tally))
        .buffer_unordered(AT_ONCE)
        .try_fold(0, async |sum, count| Ok(sum + count))
        .await
}

async fn tasks_of(client: &Client, cluster: &str, agent: usize, arn: &str, tally: &Tally) -> Result<usize> {
    let mut request = ListTasksRequest {
        cluster: Some(cluster.to_owned()),
        container_instance: Some(arn.to_owned()),
        ..ListTasksRequest::default()
    };
    let mut count = 0;
    loop {
        let page = client.ecs().list_tasks(&request).await?;
        let arns = page.task_arns.unwrap_or_default();
        for task in describe(client, cluster, arns.clone()).await? {
            check(&task, agent, arn, tally)?;
            count += 1;
        }
        request.next_token = page.next_token;
        if request.next_token.is_none() {
            return Ok(count);
        }
    }
}

fn check(task: &Task, agent: usize, instance: &str, tally: &Tally) -> Result<()> {
    let arn = task.task_arn.as_deref().context("a task without an ARN")?;
    match tally.agent_of(task_number(arn)?) {
        Some(of) if of == agent => {}
        Some(of) => bail!("{arn} is listed on instance {agent}, and agent {of} acknowledged it"),
        None => bail!("{arn} was not both answered and acknowledged"),
    }
    ensure!(task.container_instance_arn.as_deref() == Some(instance), "{arn} names another instance");
    ensure!(task.connectivity == Some(Connectivity::Connected), "{arn}: no acknowledgement is on record");
    ensure!(task.desired_status.as_deref() == Some("RUNNING"), "{arn} is not wanted RUNNING");
    Ok(())
}

async fn describe(client: &Client, cluster: &str, tasks: Vec<String>) -> Result<Vec<Task>> {
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    let request = DescribeTasksRequest { cluster: Some(cluster.to_owned()), tasks, ..Default::default() };
    Ok(client.ecs().describe_tasks(&request).await?.tasks.unwrap_or_default())
}
