//! Programs in running containers: a short-lived shim runs each.

use super::{Host, host};
use crate::dir::ContainerDir;
use crate::exec::Report;
use crate::shim;
use agent_driver::{ExecEnd, ExecSpec, RuntimeError, RuntimeId};
use std::ffi::OsStr;
use std::process::Stdio;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// Dropping the future ends the program: its shim sees that nobody waits.
pub(super) async fn run(
    at: &Host,
    dir: &ContainerDir,
    id: &RuntimeId,
    spec: &ExecSpec,
) -> Result<ExecEnd, RuntimeError> {
    let timeout_ms = spec.timeout_ms.to_string();
    let first = [OsStr::new(shim::EXEC), dir.state.as_os_str(), dir.data.as_os_str(), timeout_ms.as_ref()];
    let args: Vec<&OsStr> = first.into_iter().chain(spec.args.iter().map(OsStr::new)).collect();
    let mut command = Command::from(at.shim(&args));
    let mut shim = command.stderr(Stdio::null()).spawn().map_err(host("start the shim"))?;
    let (stdin, stdout) = (shim.stdin.take(), shim.stdout.take());
    let mut report = Vec::new();
    if let Some(mut stdout) = stdout {
        stdout.read_to_end(&mut report).await.map_err(host("the shim's report"))?;
    }
    drop(stdin);
    shim.wait().await.map_err(host("wait for the shim"))?;
    match serde_json::from_slice(&report) {
        Ok(Report::Ended { code, output }) => Ok(ExecEnd { code, output }),
        Ok(Report::NotFound) => Err(RuntimeError::NotFound(id.clone())),
        Ok(Report::NotExecuted(why)) => Err(RuntimeError::Start(why)),
        Ok(Report::Failed(why)) => Err(RuntimeError::Host(why)),
        Err(_) => Err(RuntimeError::Host("the shim of a program was killed".to_owned())),
    }
}
