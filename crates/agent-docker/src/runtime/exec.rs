//! A program in a container that runs. The Engine leaves behind what the program leaves behind, and what did not end in
//! time; here it is found by a variable that the program's children inherit, among the processes of the container's
//! control group, and killed.

use super::host;
use crate::cgroup;
use crate::engine::{Engine, EngineError};
use crate::name;
use agent_driver::{EXEC_OUTPUT_BYTES_MAX, ExecEnd, ExecSpec, RuntimeError, RuntimeId};
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::models::ExecInspectResponse;
use futures_util::StreamExt as _;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout, timeout_at};

const MARK: &str = "WHARF_EXEC";
/// How often a program whose output stays open is looked at: a child may hold it.
const RECHECK: Duration = Duration::from_millis(250);
/// How long a program that was killed may take to be gone.
const KILL_PATIENCE: Duration = Duration::from_secs(10);
const KILL_RECHECK: Duration = Duration::from_millis(10);

static COUNT: AtomicU64 = AtomicU64::new(0);

/// One program.
struct Exec {
    engine: Arc<Engine>,
    /// The process that the container's program is.
    container: i64,
    /// `NAME=value`, in the environment of what belongs to it.
    mark: String,
    id: String,
    kept: Vec<u8>,
}

/// Goes on, and ends what it began, also when nobody waits for it any more.
pub(super) async fn run(
    engine: Arc<Engine>,
    id: &RuntimeId,
    container: i64,
    spec: &ExecSpec,
) -> Result<ExecEnd, RuntimeError> {
    let name = name::container(id).map_err(RuntimeError::Create)?;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mark = format!("{MARK}={}-{count}", std::process::id());
    let options = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        env: Some(vec![mark.clone()]),
        cmd: Some(spec.args.clone()),
        ..Default::default()
    };
    let made = engine.ask(|| engine.docker.create_exec(&name, options.clone()));
    let made = match made.await {
        Err(EngineError::Conflict(_) | EngineError::NotFound(_)) => {
            return Err(RuntimeError::NotFound(id.clone()));
        }
        other => other.map_err(host)?,
    };
    let exec = Exec { engine, container, mark, id: made.id, kept: Vec::new() };
    let deadline = Instant::now() + Duration::from_millis(spec.timeout_ms);
    tokio::spawn(exec.run(deadline)).await.map_err(|e| RuntimeError::Host(format!("exec: {e}")))?
}

impl Exec {
    async fn run(mut self, deadline: Instant) -> Result<ExecEnd, RuntimeError> {
        let ended = self.follow(deadline).await;
        let left = self.end().await;
        let ended = ended.map_err(host)?;
        left.map_err(|e| RuntimeError::Host(format!("exec: {e}")))?;
        let code = ended.map(|ended| ended.exit_code.and_then(|code| i32::try_from(code).ok()).unwrap_or(-1));
        Ok(ExecEnd { code, output: String::from_utf8_lossy(&self.kept).into_owned() })
    }

    /// Starts the program and reads what it writes; `None` when its time is up.
    async fn follow(&mut self, deadline: Instant) -> Result<Option<ExecInspectResponse>, EngineError> {
        let docker = self.engine.docker.clone();
        let start = docker.start_exec(&self.id, None::<StartExecOptions>);
        let Ok(started) = timeout_at(deadline, start).await else { return Ok(None) };
        let StartExecResults::Attached { mut output, .. } = started? else {
            return Err(EngineError::Refused("the Engine did not attach to the program".to_owned()));
        };
        loop {
            let next = timeout(RECHECK.min(deadline - Instant::now()), output.next()).await;
            let is_closed = matches!(next, Ok(None));
            match next {
                Ok(Some(Ok(item))) => {
                    let bytes = item.into_bytes();
                    let room = EXEC_OUTPUT_BYTES_MAX - self.kept.len();
                    self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
                }
                Ok(Some(Err(error))) => return Err(error.into()),
                Ok(None) | Err(_) => {
                    let seen = self.inspect().await?;
                    if seen.running != Some(true) && seen.exit_code.is_some() {
                        return Ok(Some(seen));
                    }
                }
            }
            if is_closed {
                // Its end takes a moment to show.
                sleep(KILL_RECHECK).await;
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }

    async fn inspect(&self) -> Result<ExecInspectResponse, EngineError> {
        self.engine.ask(|| self.engine.docker.inspect_exec(&self.id)).await
    }

    /// Kills what is left of it, until there is nothing more.
    async fn end(&self) -> io::Result<()> {
        let deadline = Instant::now() + KILL_PATIENCE;
        loop {
            let left = self.processes()?;
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("processes {left:?} do not end")));
            }
            for pid in left {
                // It may be gone by now.
                let _ = kill(pid);
            }
            sleep(KILL_RECHECK).await;
        }
    }

    fn processes(&self) -> io::Result<Vec<i32>> {
        let all = match cgroup::neighbours(self.container) {
            // The container has ended, and all that was in it.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let has_mark = |pid: &i32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|b| *b == 0).any(|variable| variable == self.mark.as_bytes())
        };
        Ok(all.into_iter().filter(has_mark).collect())
    }
}

fn kill(pid: i32) -> nix::Result<()> {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL)
}
