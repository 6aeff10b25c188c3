//! `wharf ps`: tasks of all clusters, newest first.

use super::{Common, client, output::Row};
use anyhow::Result;
use model::Timestamp;
use model::time::Clock;
use serde::Serialize;
use std::collections::BTreeSet;
use std::process::ExitCode;
use wire::client::Client;
use wire::ecs::{DescribeTasksRequest, DesiredStatus, ListClustersRequest, ListTasksRequest, Task};

/// Options of `wharf ps`.
#[derive(clap::Args)]
pub struct Ps {
    /// Stopped tasks too
    #[arg(short, long)]
    all: bool,
    /// Only this cluster
    #[arg(long)]
    cluster: Option<String>,
}

/// What DescribeTasks takes at once.
const DESCRIBE_MAX: usize = 100;

#[derive(Serialize)]
struct TaskRow {
    task: String,
    cluster: String,
    definition: String,
    status: String,
    launch: String,
    address: String,
    age: String,
    exit_codes: Vec<String>,
    reason: String,
}

impl Row for TaskRow {
    const HEAD: &'static [&'static str] =
        &["TASK", "CLUSTER", "DEFINITION", "STATUS", "LAUNCH", "ADDRESS", "AGE", "EXIT", "REASON"];
    fn cells(&self) -> Vec<String> {
        let exit = self.exit_codes.join(",");
        [
            &self.task,
            &self.cluster,
            &self.definition,
            &self.status,
            &self.launch,
            &self.address,
            &self.age,
            &exit,
            &self.reason,
        ]
        .map(ToString::to_string)
        .to_vec()
    }
}

impl Ps {
    pub async fn run(self, common: &Common) -> Result<ExitCode> {
        let client = client::connect(common)?;
        let clusters = match self.cluster {
            Some(cluster) => vec![cluster],
            None => list_clusters(&client).await?,
        };
        let mut tasks = Vec::new();
        for cluster in clusters {
            tasks.extend(describe_all(&client, &cluster, self.all).await?);
        }
        tasks.sort_by_key(|t| std::cmp::Reverse(t.created_at));
        let now = crate::clock::SystemClock.now();
        let rows: Vec<TaskRow> = tasks.iter().map(|task| row(task, now)).collect();
        common.output.rows(&rows)?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn list_clusters(client: &Client) -> Result<Vec<String>> {
    let (mut arns, mut next_token) = (Vec::new(), None);
    loop {
        let answer =
            client.ecs().list_clusters(&ListClustersRequest { next_token, ..Default::default() }).await?;
        arns.extend(answer.cluster_arns.unwrap_or_default());
        next_token = answer.next_token;
        if next_token.is_none() {
            return Ok(arns);
        }
    }
}

/// Every task of a cluster, stopped ones on request.
pub async fn describe_all(client: &Client, cluster: &str, stopped_too: bool) -> Result<Vec<Task>> {
    let mut arns = list_tasks(client, cluster, DesiredStatus::Running).await?;
    if stopped_too {
        arns = together(arns, list_tasks(client, cluster, DesiredStatus::Stopped).await?);
    }
    let mut tasks = Vec::new();
    for chunk in arns.chunks(DESCRIBE_MAX) {
        let request = DescribeTasksRequest {
            cluster: Some(cluster.to_owned()),
            tasks: chunk.to_vec(),
            ..Default::default()
        };
        tasks.extend(client.ecs().describe_tasks(&request).await?.tasks.unwrap_or_default());
    }
    Ok(tasks)
}

/// Both lists. The running ones are asked for first, so that none is missed; one that stops in between is on both.
fn together(running: Vec<String>, stopped: Vec<String>) -> Vec<String> {
    let arns: BTreeSet<String> = running.into_iter().chain(stopped).collect();
    arns.into_iter().collect()
}

async fn list_tasks(client: &Client, cluster: &str, desired_status: DesiredStatus) -> Result<Vec<String>> {
    let (mut arns, mut next_token) = (Vec::new(), None);
    loop {
        let request = ListTasksRequest {
            cluster: Some(cluster.to_owned()),
            desired_status: Some(desired_status),
            next_token,
            ..Default::default()
        };
        let answer = client.ecs().list_tasks(&request).await?;
        arns.extend(answer.task_arns.unwrap_or_default());
        next_token = answer.next_token;
        if next_token.is_none() {
            return Ok(arns);
        }
    }
}

fn row(task: &Task, now: Timestamp) -> TaskRow {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let containers = task.containers.as_deref().unwrap_or_default();
    TaskRow {
        task: last_part(task.task_arn.as_deref()),
        cluster: last_part(task.cluster_arn.as_deref()),
        definition: last_part(task.task_definition_arn.as_deref()),
        status: text(&task.last_status),
        launch: task.launch_type.map(|l| l.as_str().to_owned()).unwrap_or_default(),
        address: address(task).unwrap_or_default(),
        age: task.created_at.map(|t| age(now.millis_since(t))).unwrap_or_default(),
        exit_codes: containers.iter().filter_map(|c| c.exit_code).map(|code| code.to_string()).collect(),
        reason: text(&task.stopped_reason),
    }
}

/// The private address of a task in awsvpc mode.
pub fn address(task: &Task) -> Option<String> {
    let attachments = task.attachments.as_deref().unwrap_or_default();
    let details = attachments.iter().flat_map(|a| a.details.as_deref().unwrap_or_default());
    details
        .into_iter()
        .find(|d| d.name.as_deref() == Some("privateIPv4Address"))
        .and_then(|d| d.value.clone())
}

/// The part of an ARN after its last slash.
pub fn last_part(arn: Option<&str>) -> String {
    arn.and_then(|arn| arn.rsplit('/').next()).unwrap_or_default().to_owned()
}

fn age(millis: i64) -> String {
    let secs = millis.max(0) / 1000;
    match secs {
        0..=119 => format!("{secs}s"),
        120..=7199 => format!("{}m", secs / 60),
        7200..=172_799 => format!("{}h", secs / 3600),
        _ => format!("{}d", secs / 86_400),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_task_that_stops_between_two_lists_is_one_task() {
        let list = |arns: &[&str]| arns.iter().map(|arn| arn.to_string()).collect::<Vec<_>>();
        assert_eq!(super::together(list(&["b", "c"]), list(&["a", "b"])), ["a", "b", "c"]);
    }

    #[test]
    fn ages_read_well() {
        let shown = [0, 119_000, 120_000, 7_200_000, 172_800_000].map(super::age);
        assert_eq!(shown, ["0s", "119s", "2m", "2h", "2d"]);
    }
}
