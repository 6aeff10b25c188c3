//! The control plane that is measured: this very binary as `wharf server`, a process of its own.

use super::super::subject::client_of;
use crate::data_dir::DataDir;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use wire::client::Client;

/// The magic number of a file system in memory (statfs(2)).
const TMPFS_MAGIC: i64 = 0x0102_1994;

/// A running `wharf server` on a data directory of its own.
pub(super) struct Server {
    /// Signs as its administrator.
    pub client: Client,
    child: Child,
    _dir: tempfile::TempDir,
}

/// What a process has used so far.
#[derive(Clone, Copy)]
pub(super) struct Usage {
    /// Resident memory in bytes.
    pub rss: u64,
    /// Of user and system.
    pub cpu: Duration,
}

impl Server {
    /// Starts one below `scratch` and waits until it is ready.
    pub(super) async fn start(scratch: &Path) -> Result<Self> {
        if nix::sys::statfs::statfs(scratch)?.filesystem_type().0 == TMPFS_MAGIC {
            bail!(
                "{} is in memory, and this measures a disk too; choose another --scratch",
                scratch.display()
            );
        }
        let dir = tempfile::tempdir_in(scratch)?;
        let data = dir.path().join("data");
        let mut child = Command::new(std::env::current_exe()?)
            .args(["server", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&data)
            .env("RUST_LOG", std::env::var("RUST_LOG").unwrap_or_else(|_| "error".to_owned()))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().context("the child has a standard output")?;
        if BufReader::new(stdout).lines().next_line().await?.is_none() {
            bail!("wharf server ended before it was ready");
        }
        let endpoint = DataDir::open(Some(&data))?.endpoint()?;
        Ok(Self { client: client_of(&endpoint)?, child, _dir: dir })
    }

    /// What it has used so far.
    pub(super) fn usage(&self) -> Result<Usage> {
        usage(&self.child.id().context("wharf server has ended")?.to_string())
    }

    /// SIGTERM, and wait.
    pub(super) async fn end(mut self) -> Result<()> {
        let pid = i32::try_from(self.child.id().context("wharf server has ended")?)?;
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM)?;
        self.child.wait().await?;
        Ok(())
    }
}

/// What a process has used so far; `process` is an id or `self`.
pub(super) fn usage(process: &str) -> Result<Usage> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = rss.trim().trim_end_matches(" kB").parse()?;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second member is a name in parentheses; utime and stime are the 14th and 15th (proc(5)).
    let (_, rest) = stat.rsplit_once(')').context("no name in stat")?;
    let ticks: u64 = rest.split_whitespace().skip(11).take(2).map(|t| t.parse().unwrap_or(0)).sum();
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?.unwrap_or(100);
    Ok(Usage { rss: kib * 1024, cpu: Duration::from_secs_f64(ticks as f64 / per_second as f64) })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_process_that_works_has_used_memory_and_time() {
        let before = super::usage("self").unwrap();
        assert!(before.rss > 1 << 20);
        let began = std::time::Instant::now();
        while began.elapsed().as_millis() < 50 {
            std::hint::black_box(began);
        }
        assert!(super::usage("self").unwrap().cpu > before.cpu);
    }
}
