//! `wharf logs`: a task's awslogs streams, through GetLogEvents. Also where client commands find a task by the start
//! of its id.

use super::output::{Output, line};
use super::{Common, client, ps};
use crate::clock::SystemClock;
use anyhow::{Result, bail};
use model::Timestamp;
use model::time::Clock;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;
use wire::client::Client;
use wire::ecs::{
    ContainerDefinition, DescribeTaskDefinitionRequest, DescribeTasksRequest, ListClustersRequest, Task,
};
use wire::logs::{GetLogEventsRequest, OutputLogEvent};

/// Options of `wharf logs`.
#[derive(clap::Args)]
pub struct Logs {
    /// A task's id, the start of one, or its ARN
    task: String,
    /// Only this container
    container: Option<String>,
    /// Go on until the task has stopped
    #[arg(short, long)]
    follow: bool,
    /// The cluster to look in [default: all]
    #[arg(long)]
    cluster: Option<String>,
}

/// A container can write faster than anyone reads; without `--follow`, what comes later than now is not asked for. By this
/// the clock of the container's host may be ahead.
const CLOCKS_APART_MS: i64 = 1_000;

/// How often a followed stream is asked for more.
const POLL: Duration = Duration::from_millis(100);

/// A task that a client command was told to find.
pub struct FoundTask {
    /// Its id.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// Its cluster's ARN.
    pub cluster: String,
    /// As described when it was found.
    pub task: Task,
}

impl Logs {
    pub async fn run(self, common: &Common) -> Result<ExitCode> {
        let client = client::connect(common)?;
        let found = find_task(&client, &self.task, self.cluster.as_deref()).await?;
        let mut streams = Stream::all_of(&client, &found.task, self.container.as_deref()).await?;
        if streams.is_empty() {
            bail!(
                "task {} writes no logs that CloudWatch Logs keeps: no container of it uses the awslogs driver",
                found.id
            );
        }
        if !self.follow {
            streams.iter_mut().for_each(|stream| stream.end_at(SystemClock.now()));
        }
        follow(&client, &found, &mut streams, self.follow, common.output).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints the streams; with `until_stopped`, goes on until the task has stopped and everything was printed.
pub async fn follow(
    client: &Client,
    found: &FoundTask,
    streams: &mut [Stream],
    until_stopped: bool,
    output: Output,
) -> Result<()> {
    loop {
        // The status is read first: lines that come between the two reads are then seen in the next round.
        let over = !until_stopped || found.is_stopped(client).await?;
        let several = streams.len() > 1;
        let mut is_at_end = true;
        for stream in streams.iter_mut() {
            // A page at a time: who writes faster than this reads has no end, and is not collected.
            let (events, is_last) = stream.next_page(client).await?;
            is_at_end &= is_last;
            for event in events {
                print_event(&event, several.then_some(stream.container.as_str()), output)?;
            }
        }
        if is_at_end && over {
            return Ok(());
        }
        if is_at_end {
            tokio::time::sleep(POLL).await;
        }
    }
}

fn print_event(event: &OutputLogEvent, container: Option<&str>, output: Output) -> Result<()> {
    let message = event.message.as_deref().unwrap_or_default();
    match (output, container) {
        (Output::Json, _) => line(serde_json::to_string(event)?)?,
        (Output::Text, Some(container)) => line(format_args!("{container} | {message}"))?,
        (Output::Text, None) => line(message)?,
    }
    Ok(())
}

/// A container's stream, read from its head.
pub struct Stream {
    region: String,
    group: String,
    name: String,
    container: String,
    token: Option<String>,
    /// Events of this time and later are left out.
    end: Option<Timestamp>,
}

impl Stream {
    /// The awslogs streams of a task's containers.
    pub async fn all_of(client: &Client, task: &Task, container: Option<&str>) -> Result<Vec<Stream>> {
        let task_definition = task.task_definition_arn.clone().unwrap_or_default();
        let request = DescribeTaskDefinitionRequest { task_definition, ..Default::default() };
        let definition = client.ecs().describe_task_definition(&request).await?.task_definition;
        let containers = definition.and_then(|d| d.container_definitions).unwrap_or_default();
        let id = ps::last_part(task.task_arn.as_deref());
        let wanted =
            containers.iter().filter(|c| container.is_none_or(|name| c.name.as_deref() == Some(name)));
        Ok(wanted.filter_map(|c| Stream::of(c, &id)).collect())
    }

    fn of(container: &ContainerDefinition, task_id: &str) -> Option<Stream> {
        let log = container.log_configuration.as_ref()?;
        let options: &BTreeMap<String, String> = log.options.as_ref()?;
        let name = container.name.clone()?;
        let prefix = options.get("awslogs-stream-prefix")?;
        Some(Stream {
            region: options.get("awslogs-region")?.clone(),
            group: options.get("awslogs-group")?.clone(),
            name: format!("{prefix}/{name}/{task_id}"),
            container: name,
            token: None,
            end: None,
        })
    }

    /// Leaves out what is written after `now`.
    fn end_at(&mut self, now: Timestamp) {
        self.end = Some(now.plus_millis(CLOCKS_APART_MS));
    }

    fn request(&self) -> GetLogEventsRequest {
        GetLogEventsRequest {
            log_group_name: Some(self.group.clone()),
            log_stream_name: self.name.clone(),
            start_from_head: Some(true),
            end_time: self.end.map(|end| end.0),
            next_token: self.token.clone(),
            ..Default::default()
        }
    }

    /// The next page of what was written, and whether there is nothing after it yet.
    async fn next_page(&mut self, client: &Client) -> Result<(Vec<OutputLogEvent>, bool)> {
        match client.in_region(&self.region).logs().get_log_events(&self.request()).await {
            Ok(answer) => {
                let is_last = answer.next_forward_token == self.token;
                self.token = answer.next_forward_token;
                Ok((answer.events.unwrap_or_default(), is_last))
            }
            // The stream is made just before its container starts.
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok((Vec::new(), true)),
            Err(error) => Err(error.into()),
        }
    }
}

/// Finds a task by its ARN, its id or the start of its id.
pub async fn find_task(client: &Client, wanted: &str, cluster: Option<&str>) -> Result<FoundTask> {
    let id = ps::last_part(Some(wanted));
    let clusters = match cluster {
        Some(cluster) => vec![cluster.to_owned()],
        None => client
            .ecs()
            .list_clusters(&ListClustersRequest::default())
            .await?
            .cluster_arns
            .unwrap_or_default(),
    };
    let mut found = Vec::new();
    for cluster in clusters {
        let tasks = ps::describe_all(client, &cluster, true).await?;
        found.extend(tasks.into_iter().filter(|t| ps::last_part(t.task_arn.as_deref()).starts_with(&id)));
    }
    match found.len() {
        1 => Ok(FoundTask::new(found.remove(0))),
        0 => bail!("there is no task {wanted}; `wharf ps --all` lists them"),
        n => bail!("{n} tasks have ids that start with {wanted}; give more of it"),
    }
}

impl FoundTask {
    /// From a described task.
    pub fn new(task: Task) -> Self {
        let arn = task.task_arn.clone().unwrap_or_default();
        Self {
            id: ps::last_part(Some(&arn)),
            cluster: task.cluster_arn.clone().unwrap_or_default(),
            arn,
            task,
        }
    }

    /// Describes it again.
    pub async fn describe(&self, client: &Client) -> Result<Task> {
        let request = DescribeTasksRequest {
            cluster: Some(self.cluster.clone()),
            tasks: vec![self.arn.clone()],
            ..Default::default()
        };
        let mut tasks = client.ecs().describe_tasks(&request).await?.tasks.unwrap_or_default();
        if tasks.is_empty() {
            bail!("task {} is no longer known", self.id);
        }
        Ok(tasks.remove(0))
    }

    async fn is_stopped(&self, client: &Client) -> Result<bool> {
        Ok(self.describe(client).await?.last_status.as_deref() == Some("STOPPED"))
    }

    /// Waits until its lastStatus is STOPPED.
    pub async fn wait_until_stopped(&self, client: &Client) -> Result<()> {
        while !self.is_stopped(client).await? {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_follows_is_given_what_comes_later() {
        let options = ["awslogs-group", "awslogs-region", "awslogs-stream-prefix"];
        let log = wire::ecs::LogConfiguration {
            log_driver: wire::ecs::LogDriver::Awslogs,
            options: Some(options.map(|name| (name.to_owned(), "x".to_owned())).into()),
        };
        let container = ContainerDefinition {
            name: Some("main".into()),
            log_configuration: Some(log),
            ..Default::default()
        };
        let mut stream = Stream::of(&container, "1").unwrap();
        assert_eq!(stream.request().end_time, None);
        stream.end_at(Timestamp(10_000));
        assert_eq!(stream.request().end_time, Some(11_000));
    }
}
