//! `wharf run`: register a definition, run it, print its logs, return its exit code.

use super::logs::{FoundTask, Stream, follow};
use super::output::{self, Output, spinner};
use super::{Common, client};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;
use wire::client::Client;
use wire::ecs::{
    AssignPublicIp, AwsVpcConfiguration, Compatibility, ContainerDefinition, CreateClusterRequest,
    KeyValuePair, LaunchType, LogConfiguration, LogDriver, NetworkConfiguration, NetworkMode,
    RegisterTaskDefinitionRequest, RunTaskRequest, StopTaskRequest, Task,
};
use wire::sts::GetCallerIdentityRequest;

/// Options of `wharf run`.
#[derive(clap::Args)]
pub struct Run {
    /// The image
    image: String,
    /// The command, after `--`; the image's own when absent
    #[arg(last = true)]
    command: Vec<String>,
    /// The cluster, created when it is missing
    #[arg(long, default_value = "default")]
    cluster: String,
    /// CPU units, as Fargate takes them
    #[arg(long, default_value = "256")]
    cpu: String,
    /// Memory in MiB, as Fargate takes it
    #[arg(long, default_value = "512")]
    memory: String,
    /// An environment variable, NAME=VALUE
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    environment: Vec<String>,
    /// Print the task's id and return at once
    #[arg(short, long)]
    detach: bool,
}

/// The log group and the family prefix of tasks that `wharf run` starts.
const LOG_GROUP: &str = "/wharf/run";
const CONTAINER: &str = "main";

impl Run {
    pub async fn run(self, common: &Common) -> Result<ExitCode> {
        let client = client::connect(common)?;
        let region = client::endpoint(common)?.region;
        let create = CreateClusterRequest { cluster_name: Some(self.cluster.clone()), ..Default::default() };
        client.ecs().create_cluster(&create).await?;
        let definition = client.ecs().register_task_definition(&self.definition(&region)?).await?;
        let arn = definition
            .task_definition
            .and_then(|d| d.task_definition_arn)
            .context("no task definition was registered")?;
        let found = FoundTask::new(self.start(&client, arn, &region).await?);
        if self.detach {
            common.output.one(&found.id, &serde_json::json!({ "taskArn": found.arn }))?;
            return Ok(ExitCode::SUCCESS);
        }
        let (code, reason) = tokio::select! {
            watched = watch(&client, &found, common.output) => match watched {
                Err(error) if output::reader_is_gone(&error) => (output::READER_IS_GONE, "nobody reads what wharf run prints"),
                watched => return watched,
            },
            _ = tokio::signal::ctrl_c() => (130, "wharf run was interrupted"),
        };
        let request = StopTaskRequest {
            cluster: Some(found.cluster.clone()),
            task: found.arn.clone(),
            reason: Some(reason.into()),
        };
        client.ecs().stop_task(&request).await?;
        found.wait_until_stopped(&client).await?;
        Ok(ExitCode::from(code))
    }

    fn definition(&self, region: &str) -> Result<RegisterTaskDefinitionRequest> {
        let options = [
            ("awslogs-group", LOG_GROUP),
            ("awslogs-region", region),
            ("awslogs-stream-prefix", "run"),
            ("awslogs-create-group", "true"),
        ];
        let container = ContainerDefinition {
            name: Some(CONTAINER.into()),
            image: Some(self.image.clone()),
            command: (!self.command.is_empty()).then(|| self.command.clone()),
            environment: Some(self.environment.iter().map(|pair| key_value(pair)).collect::<Result<_>>()?),
            log_configuration: Some(LogConfiguration {
                log_driver: LogDriver::Awslogs,
                options: Some(
                    options
                        .map(|(k, v)| (k.to_owned(), v.to_owned()))
                        .into_iter()
                        .collect::<BTreeMap<_, _>>(),
                ),
            }),
            ..Default::default()
        };
        Ok(RegisterTaskDefinitionRequest {
            family: family_of(&self.image),
            network_mode: Some(NetworkMode::Awsvpc),
            requires_compatibilities: Some(vec![Compatibility::Fargate]),
            cpu: Some(self.cpu.clone()),
            memory: Some(self.memory.clone()),
            container_definitions: vec![container],
            ..Default::default()
        })
    }

    async fn start(&self, client: &Client, task_definition: String, region: &str) -> Result<Task> {
        let account = client.sts().get_caller_identity(&GetCallerIdentityRequest::default()).await?.account;
        let account = account.context("the endpoint did not say which account this is")?;
        let vpc = model::network::DefaultVpc::of(&model::Scope::new(&account, region));
        let request = RunTaskRequest {
            cluster: Some(self.cluster.clone()),
            task_definition,
            launch_type: Some(LaunchType::Fargate),
            network_configuration: Some(NetworkConfiguration {
                awsvpc_configuration: Some(AwsVpcConfiguration {
                    subnets: vpc.subnets.iter().map(|s| s.id.to_string()).collect(),
                    assign_public_ip: Some(AssignPublicIp::Disabled),
                    ..Default::default()
                }),
            }),
            started_by: Some("wharf-run".into()),
            ..Default::default()
        };
        let answer = client.ecs().run_task(&request).await?;
        if let Some(failure) = answer.failures.unwrap_or_default().first() {
            bail!("the task was not placed: {}", failure.reason.as_deref().unwrap_or("no reason was given"));
        }
        answer.tasks.unwrap_or_default().pop().context("RunTask answered with neither a task nor a failure")
    }
}

/// Shows where the task is until it runs, then its output until it has stopped.
async fn watch(client: &Client, found: &FoundTask, output: Output) -> Result<ExitCode> {
    let progress = spinner("");
    loop {
        let status = found.describe(client).await?.last_status.unwrap_or_default();
        progress.set_message(format!("task {} is {status}", found.id));
        if !matches!(status.as_str(), "PROVISIONING" | "PENDING" | "ACTIVATING") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    progress.finish_and_clear();
    let mut streams = Stream::all_of(client, &found.task, None).await?;
    follow(client, found, &mut streams, true, output).await?;
    let task = found.describe(client).await?;
    let container = task.containers.unwrap_or_default().into_iter().next();
    match container.as_ref().and_then(|c| c.exit_code) {
        Some(code) => Ok(ExitCode::from(u8::try_from(code).unwrap_or(1))),
        None => bail!(
            "the container never ran: {}",
            container
                .and_then(|c| c.reason)
                .or(task.stopped_reason)
                .unwrap_or_else(|| "no reason was reported".into())
        ),
    }
}

fn key_value(pair: &str) -> Result<KeyValuePair> {
    let (name, value) = pair.split_once('=').with_context(|| format!("--env {pair} is not NAME=VALUE"))?;
    Ok(KeyValuePair { name: Some(name.to_owned()), value: Some(value.to_owned()) })
}

/// A family's name that tells the image: `run-` and its last part.
fn family_of(image: &str) -> String {
    let name = image.rsplit('/').next().unwrap_or(image);
    let name = name.split(['@', ':']).next().unwrap_or(name);
    let letters: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    format!("run-{letters}").chars().take(255).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_tells_its_image() {
        let families =
            ["nginx", "docker.io/library/nginx:1.27", "127.0.0.1:5000/a/b.c@sha256:00"].map(family_of);
        assert_eq!(families, ["run-nginx", "run-nginx", "run-b-c"]);
    }

    #[test]
    fn an_environment_variable_needs_a_name() {
        assert!(key_value("A").is_err());
        assert_eq!(key_value("A=b=c").unwrap().value.as_deref(), Some("b=c"));
    }
}
