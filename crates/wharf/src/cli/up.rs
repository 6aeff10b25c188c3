//! `wharf up`, `wharf server`, `wharf agent`.

use super::Common;
use crate::data_dir::{DataDir, Endpoint, Part};
use crate::host::join::Join;
use crate::host::{self, Offer};
use crate::server::{Server, ServerConfig, until};
use agent::Agent;
use anyhow::{Context, Result, bail};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Which parts this process is, and how it lives.
pub struct Parts {
    /// The control plane.
    pub server: Option<ServerConfig>,
    /// The container instance.
    pub agent: Option<Offer>,
    /// The Wharf of another machine, when the agent is one of its.
    pub join: Option<Join>,
    /// Whether nothing is left behind at the end.
    pub ephemeral: bool,
}

/// Runs until SIGINT or SIGTERM.
pub fn up(common: &Common, parts: Parts) -> Result<ExitCode> {
    init_tracing();
    raise_open_files();
    if parts.agent.is_some() && !nix::unistd::geteuid().is_root() {
        bail!(
            "running containers needs root (namespaces, cgroups, mounts); start it with sudo, or `wharf server` alone without"
        );
    }
    let temporary = (parts.ephemeral && common.data_dir.is_none()).then(tempfile::tempdir).transpose()?;
    if let (true, Some(dir)) = (parts.ephemeral, &common.data_dir) {
        refuse_used(dir)?;
    }
    let data = match &temporary {
        Some(dir) => DataDir::open(Some(dir.path()))?,
        None => common.data_dir()?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (ephemeral, has_agent) = (parts.ephemeral, parts.agent.is_some());
    let served = runtime.block_on(serve(&data, parts));
    if ephemeral {
        if has_agent {
            runtime.block_on(host::sweep(&data))?;
        }
        std::fs::remove_dir_all(data.root()).context("removing the temporary data directory")?;
    }
    served.map(|()| ExitCode::SUCCESS)
}

/// A task takes some descriptors and a client one; the usual soft limit of 1,024 is for programs that call `select`. Containers
/// are given ECS's limit.
pub fn raise_open_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files cannot be raised to its hard limit");
    }
}

/// An ephemeral Wharf removes its data directory, so it takes none that holds something already.
fn refuse_used(dir: &Path) -> Result<()> {
    let is_used = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    match is_used {
        true => {
            bail!("--ephemeral removes its data directory at the end, and {} is not empty", dir.display())
        }
        false => Ok(()),
    }
}

/// How tasks fare when this process ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// They run on; the next start adopts them.
    KeepTasks,
    /// They are stopped first.
    StopTasks,
}

async fn serve(data: &DataDir, parts: Parts) -> Result<()> {
    let mut ending = Box::pin(ending(parts.ephemeral)?);
    let _server_lock = parts.server.as_ref().map(|_| data.lock(Part::Server)).transpose()?;
    let _agent_lock = parts.agent.as_ref().map(|_| data.lock(Part::Agent)).transpose()?;
    let (stop, stopping) = watch::channel(false);
    let server = match parts.server {
        Some(config) => Some(open_server(data, config).await?),
        None => None,
    };
    if let Some(join) = &parts.join {
        join.ensure(data).await?;
    }
    let failed = server.as_ref().map(Server::failed);
    let server = server.map(|server| tokio::spawn(server.run(stopping.clone())));
    let endpoint = data.endpoint()?;
    let agent = match parts.agent {
        Some(offer) => Some(Arc::new(host::open_agent(data, &endpoint, offer).await?)),
        None => None,
    };
    let endpoints = match &agent {
        Some(agent) => Some(tokio::spawn(host::endpoints::open(agent.metadata(), stopping.clone()).await?)),
        None => None,
    };
    let mut agent_run =
        agent.clone().map(|agent| tokio::spawn(async move { agent.run(until(stopping)).await }));
    let how = tokio::select! {
        how = announce_and_wait(agent.as_deref(), &endpoint, data, &mut ending) => how?,
        error = async { failed.expect("there is a server").await }, if failed.is_some() => {
            // Not a service that refuses everything and looks alive: whoever supervises it starts it anew.
            bail!("{error}; check the disk of {}, then start again. Tasks run on", data.root().display());
        }
        ended = async { agent_run.as_mut().expect("there is an agent").await }, if agent.is_some() => {
            ended??;
            bail!("the agent ended by itself");
        }
    };
    if let (Some(agent), Some(run), Ending::StopTasks) = (&agent, &mut agent_run, how) {
        agent.leave();
        tokio::select! {
            ended = run => {
                ended??;
                agent_run = None;
            }
            // Whoever cannot wait for the tasks' stopTimeout asks twice.
            _ = self::ending(true)? => tracing::warn!("tasks are left as they are"),
        }
    }
    stop.send_replace(true);
    if let Some(run) = agent_run {
        run.await??;
    }
    for part in [server, endpoints].into_iter().flatten() {
        part.await?;
    }
    Ok(())
}

async fn open_server(data: &DataDir, config: ServerConfig) -> Result<Server> {
    let server = Server::open(data, config).await?;
    server.ensure_default_cluster().await?;
    data.publish_endpoint(&server.endpoint)?;
    Ok(server)
}

/// Prints the ready line once there is something to use, then waits for the end.
async fn announce_and_wait(
    agent: Option<&Agent>,
    endpoint: &Endpoint,
    data: &DataDir,
    ending: &mut (impl Future<Output = Ending> + Unpin),
) -> Result<Ending> {
    if let Some(agent) = agent {
        let mut connected = agent.connected();
        tokio::select! {
            connected = connected.wait_for(|connected| *connected) => drop(connected?),
            how = &mut *ending => return Ok(how),
        }
    }
    println!(
        "Wharf is ready at {}; for the AWS clients: eval \"$(wharf env{})\"",
        endpoint.url,
        data.option()
    );
    Ok(ending.await)
}

/// SIGINT and SIGTERM end the process and leave tasks running, unless it is ephemeral; SIGUSR1 (`wharf down`) stops them.
fn ending(ephemeral: bool) -> Result<impl Future<Output = Ending>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut down = signal(SignalKind::user_defined1())?;
    let asked = if ephemeral { Ending::StopTasks } else { Ending::KeepTasks };
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => asked,
            _ = terminate.recv() => asked,
            _ = down.recv() => Ending::StopTasks,
        }
    })
}

fn init_tracing() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(is_terminal)
        .with_writer(std::io::stderr)
        .init();
}
