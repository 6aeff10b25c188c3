//! A Wharf to measure: this very binary as `wharf up --ephemeral`, and a client of it.

use crate::data_dir::{DataDir, Endpoint};
use anyhow::{Context, Result, bail};
use model::Scope;
use model::network::DefaultVpc;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use wire::client::Client;
use wire::ecs::{
    AwsVpcConfiguration, DescribeTasksRequest, NetworkConfiguration, RegisterTaskDefinitionRequest,
    RunTaskRequest, StopTaskRequest, Task,
};

/// A running `wharf up --ephemeral`.
pub struct Subject {
    /// Signs as its administrator.
    pub client: Client,
    child: Child,
    _dir: tempfile::TempDir,
}

impl Subject {
    /// Starts one and waits until it is ready.
    pub async fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let data = dir.path().join("data");
        let mut child = Command::new(std::env::current_exe()?)
            .args(["up", "--ephemeral", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&data)
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().context("the child has a standard output")?;
        let line = BufReader::new(stdout).lines().next_line().await?;
        if line.is_none() {
            bail!("wharf up ended before it was ready");
        }
        let endpoint = DataDir::open(Some(&data))?.endpoint()?;
        Ok(Self { client: client_of(&endpoint)?, child, _dir: dir })
    }

    /// Its process id.
    pub fn pid(&self) -> Result<u32> {
        self.child.id().context("wharf up has ended")
    }

    /// Registers a definition.
    pub async fn register(&self, definition: &RegisterTaskDefinitionRequest) -> Result<()> {
        self.client.ecs().register_task_definition(definition).await?;
        Ok(())
    }

    /// RunTask.
    pub async fn run_task(&self, request: &RunTaskRequest) -> Result<Vec<Task>> {
        let answer = self.client.ecs().run_task(request).await?;
        if let Some(failure) = answer.failures.unwrap_or_default().first() {
            bail!("a task was not placed: {}", failure.reason.as_deref().unwrap_or_default());
        }
        Ok(answer.tasks.unwrap_or_default())
    }

    /// Asks again and again until every task has this lastStatus.
    pub async fn wait_for(&self, tasks: &[String], status: &str, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        for chunk in tasks.chunks(100) {
            let request = DescribeTasksRequest { tasks: chunk.to_vec(), ..Default::default() };
            loop {
                let found = self.client.ecs().describe_tasks(&request).await?.tasks.unwrap_or_default();
                if found.len() == chunk.len()
                    && found.iter().all(|t| t.last_status.as_deref() == Some(status))
                {
                    break;
                }
                if let Some(stopped) =
                    found.iter().find(|t| status != "STOPPED" && t.last_status.as_deref() == Some("STOPPED"))
                {
                    bail!("a task stopped: {}", stopped.stopped_reason.as_deref().unwrap_or_default());
                }
                if Instant::now() > deadline {
                    bail!("not {status} within {} s", limit.as_secs());
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        Ok(())
    }

    /// Stops tasks and waits until they have.
    pub async fn stop(&self, tasks: &[String]) -> Result<()> {
        for task in tasks {
            self.client
                .ecs()
                .stop_task(&StopTaskRequest { task: task.clone(), ..Default::default() })
                .await?;
        }
        self.wait_for(tasks, "STOPPED", Duration::from_secs(120)).await
    }

    /// SIGTERM, and wait: an ephemeral Wharf removes everything.
    pub async fn end(mut self) -> Result<()> {
        let pid = i32::try_from(self.pid()?)?;
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM)?;
        self.child.wait().await?;
        Ok(())
    }
}

/// Signs as an endpoint's administrator.
pub fn client_of(endpoint: &Endpoint) -> Result<Client> {
    endpoint.client()
}

/// The first default subnet, as RunTask takes it.
pub fn default_network() -> NetworkConfiguration {
    let vpc = DefaultVpc::of(&Scope::new(crate::server::ACCOUNT, "us-east-1"));
    NetworkConfiguration {
        awsvpc_configuration: Some(AwsVpcConfiguration {
            subnets: vpc.subnets.iter().map(|subnet| subnet.id.to_string()).collect(),
            ..Default::default()
        }),
    }
}
