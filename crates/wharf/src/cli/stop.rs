//! `wharf stop`: StopTask, then wait until it has stopped.

use super::{Common, client, logs, output::spinner};
use anyhow::Result;
use std::process::ExitCode;
use wire::ecs::StopTaskRequest;

/// Options of `wharf stop`.
#[derive(clap::Args)]
pub struct Stop {
    /// A task's id, the start of one, or its ARN
    task: String,
    /// The cluster to look in [default: all]
    #[arg(long)]
    cluster: Option<String>,
    /// Shown as the task's stoppedReason
    #[arg(long)]
    reason: Option<String>,
    /// Do not wait until it has stopped
    #[arg(long)]
    no_wait: bool,
}

impl Stop {
    pub async fn run(self, common: &Common) -> Result<ExitCode> {
        let client = client::connect(common)?;
        let found = logs::find_task(&client, &self.task, self.cluster.as_deref()).await?;
        let request = StopTaskRequest {
            cluster: Some(found.cluster.clone()),
            task: found.arn.clone(),
            reason: self.reason,
        };
        client.ecs().stop_task(&request).await?;
        if !self.no_wait {
            let progress = spinner(&format!("waiting until task {} has stopped", found.id));
            found.wait_until_stopped(&client).await?;
            progress.finish_and_clear();
        }
        common.output.one(&found.id, &serde_json::json!({ "taskArn": found.arn }))?;
        Ok(ExitCode::SUCCESS)
    }
}
