//! `wharf down`: ask the running parts to end with their tasks, then sweep the host.

use super::{Common, output::spinner};
use crate::data_dir::{DataDir, Part};
use crate::host;
use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Options of `wharf down`.
#[derive(clap::Args)]
pub struct Down {
    /// Seconds that tasks may take to stop before they are killed
    #[arg(long, default_value_t = 130, value_name = "SECONDS")]
    timeout: u64,
}

impl Down {
    pub async fn run(self, common: &Common) -> Result<ExitCode> {
        if !nix::unistd::geteuid().is_root() {
            bail!("removing containers and networks needs root; use sudo");
        }
        let data = common.data_dir()?;
        let progress = spinner("looking for what runs");
        // The agent first: it stops its tasks while there is a control plane to report to.
        for (part, end) in [(Part::Agent, Signal::SIGUSR1), (Part::Server, Signal::SIGTERM)] {
            if let Some(pid) = data.running(part) {
                progress.set_message("stopping tasks");
                kill(Pid::from_raw(pid), end).with_context(|| format!("signalling process {pid}"))?;
                wait_until_over(&data, part, Duration::from_secs(self.timeout)).await?;
            }
        }
        progress.set_message("removing what is left");
        let removed = host::sweep(&data).await?;
        progress.finish_and_clear();
        let text = match removed {
            0 => "Wharf is down; nothing is left behind.".to_owned(),
            n => format!(
                "Wharf is down; {n} container(s) that no agent was there to stop were killed. Nothing is left behind."
            ),
        };
        common.output.one(&text, &serde_json::json!({ "containersKilled": removed }))?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn wait_until_over(data: &DataDir, part: Part, limit: Duration) -> Result<()> {
    let deadline = Instant::now() + limit;
    while let Some(pid) = data.running(part) {
        if Instant::now() > deadline {
            bail!(
                "process {pid} has not ended within {} s; look at its log, or end it and try again",
                limit.as_secs()
            );
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
