//! Containers of the Engine.

mod exec;
mod plan;
mod state;
mod stats;

use crate::cgroup::TaskGroups;
use crate::engine::{Engine, EngineError, PAUSE, present};
use crate::output::{Outputs, spool_of};
use crate::{name, record, sandbox};
use agent_driver::{
    ContainerSpec, ExecEnd, ExecSpec, Exit, LogOutput, Runtime, RuntimeError, RuntimeId, RuntimeState,
    Sandbox, Seen, Stats, StopSignal, TaskSpec,
};
use async_trait::async_trait;
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, KillContainerOptionsBuilder, ListContainersOptions,
    RemoveContainerOptions, WaitContainerOptionsBuilder,
};
use futures_util::StreamExt as _;
use plan::Surroundings;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::time::sleep;

/// Docker's own default, for images that say nothing.
const STOP_SIGNAL: &str = "SIGTERM";

/// Runs containers in the Engine. Cheap to clone.
#[derive(Clone)]
pub(crate) struct DockerRuntime {
    engine: Arc<Engine>,
    groups: TaskGroups,
    outputs: Arc<Outputs>,
    /// A directory for each container: files that are mounted, and how often it was restarted.
    dir: PathBuf,
}

/// A restart that was begun.
#[derive(Serialize, Deserialize)]
struct Restarted {
    attempt: u32,
    /// When the container had been started before: if it says so still, the restart was not carried out.
    after: String,
}

impl DockerRuntime {
    pub(crate) fn new(engine: Arc<Engine>, groups: TaskGroups, outputs: Arc<Outputs>, dir: PathBuf) -> Self {
        Self { engine, groups, outputs, dir }
    }

    pub(crate) fn groups(&self) -> &TaskGroups {
        &self.groups
    }

    /// Removes every container of this installation, but no sandbox.
    pub(crate) async fn remove_all(&self) -> Result<(), EngineError> {
        for seen in self.list().await.map_err(|e| EngineError::Here(e.to_string()))? {
            self.remove(&seen.id).await.map_err(|e| EngineError::Here(e.to_string()))?;
        }
        Ok(())
    }

    async fn inspect(&self, id: &RuntimeId) -> Result<Option<ContainerInspectResponse>, RuntimeError> {
        let name = name::container(id).map_err(RuntimeError::Create)?;
        let found = self.engine.ask(|| self.engine.docker.inspect_container(&name, None));
        present(found.await).map_err(host)
    }

    async fn found(&self, id: &RuntimeId) -> Result<(ContainerInspectResponse, RuntimeState), RuntimeError> {
        let found = self.inspect(id).await?.ok_or_else(|| RuntimeError::NotFound(id.clone()))?;
        let state = state::of(&found);
        Ok((found, state))
    }

    /// A container that runs, and the process id of its program.
    async fn running(&self, id: &RuntimeId) -> Result<i64, RuntimeError> {
        let (found, state) = self.found(id).await?;
        let pid = found.state.and_then(|state| state.pid).filter(|pid| *pid > 0);
        pid.filter(|_| state == RuntimeState::Running).ok_or_else(|| RuntimeError::NotFound(id.clone()))
    }

    /// Makes a container that is not there.
    async fn create(&self, spec: &ContainerSpec) -> Result<(), RuntimeError> {
        let refused = RuntimeError::Create;
        let own = self.dir.join(&spec.id.0);
        let around = Surroundings {
            labels: self.engine.labels(&spec.task),
            cgroup: self.groups.of_task(&spec.task),
            sandbox: name::sandbox(&spec.task).map_err(refused)?,
            dir: &own,
        };
        let body = plan::body(spec, around).map_err(refused)?;
        plan::write_files(spec, &own).map_err(|e| refused(format!("{}: {e}", own.display())))?;
        let name = name::container(&spec.id).map_err(refused)?;
        let options = CreateContainerOptions { name: Some(name), ..Default::default() };
        let made =
            self.engine.ask(|| self.engine.docker.create_container(Some(options.clone()), body.clone()));
        match made.await {
            // An earlier attempt of this request was carried out, and its answer was lost.
            Err(EngineError::Conflict(text)) if !text.contains("already in use") => Err(refused(text)),
            Err(EngineError::Conflict(_)) | Ok(_) => Ok(()),
            Err(error) => Err(refused(error.to_string())),
        }
    }

    /// Executes the program of a container that does not run.
    async fn begin(&self, id: &RuntimeId) -> Result<(), RuntimeError> {
        let name = name::container(id).map_err(RuntimeError::Create)?;
        let begun = self.engine.ask(|| self.engine.docker.start_container(&name, None));
        begun.await.map_err(|error| match error {
            EngineError::Away(_) => host(error),
            error => RuntimeError::Start(error.to_string()),
        })
    }

    fn copy_output(&self, id: &RuntimeId, log: &LogOutput) -> Result<(), RuntimeError> {
        let LogOutput::Spool(spool) = log else { return Ok(()) };
        self.outputs.ensure(id, spool).map_err(|e| RuntimeError::Create(format!("spool: {e}")))
    }

    async fn force_away(&self, name: &str) -> Result<(), RuntimeError> {
        let options = RemoveContainerOptions { force: true, v: true, link: false };
        loop {
            let removed =
                self.engine.ask(|| self.engine.docker.remove_container(name, Some(options.clone())));
            match present(removed.await) {
                // Somebody removes it at this moment.
                Err(EngineError::Conflict(_)) => sleep(PAUSE).await,
                other => return other.map(|_| ()).map_err(host),
            }
        }
    }

    fn restarts(&self, id: &RuntimeId) -> PathBuf {
        self.dir.join(&id.0).join("restarted.json")
    }

    /// Writes down that a restart is begun; `false` when it was carried out before.
    fn note_restart(
        &self,
        id: &RuntimeId,
        attempt: u32,
        found: &ContainerInspectResponse,
        state: RuntimeState,
    ) -> Result<bool, RuntimeError> {
        let path = self.restarts(id);
        let started_at = found.state.as_ref().and_then(|state| state.started_at.clone()).unwrap_or_default();
        let known: Option<Restarted> = record::read(&path).map_err(here("restarted.json"))?;
        match known {
            Some(known) if known.attempt > attempt => return Ok(false),
            Some(known) if known.attempt == attempt => return Ok(known.after == started_at),
            _ => {}
        }
        if !matches!(state, RuntimeState::Exited(_)) {
            return Err(RuntimeError::Host(format!("{id} has not ended, it cannot be restarted")));
        }
        let begun = Restarted { attempt, after: started_at };
        record::write(&path, &begun).map_err(here("restarted.json"))?;
        Ok(true)
    }
}

#[async_trait]
impl Runtime for DockerRuntime {
    fn makes_network_namespaces(&self) -> bool {
        true
    }

    /// As the Engine lists them: `name=apparmor`, `name=seccomp,profile=default`.
    async fn security_modules(&self) -> Vec<&'static str> {
        let info = self.engine.ask(|| self.engine.docker.info()).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the Engine does not say which security modules it uses");
            Default::default()
        });
        let options = info.security_options.unwrap_or_default();
        let is_used = |module: &&str| options.contains(&format!("name={module}"));
        ["apparmor", "selinux"].into_iter().filter(is_used).collect()
    }

    async fn ensure_task(&self, task: &TaskSpec) -> Result<Sandbox, RuntimeError> {
        name::check(&task.id).map_err(RuntimeError::Create)?;
        let (groups, spec) = (self.groups.clone(), task.clone());
        blocking(move || groups.ensure(&spec))
            .await
            .map_err(|e| RuntimeError::Create(format!("cgroup: {e}")))?;
        if !task.shares_pid && !task.shares_ipc && !task.has_network {
            return Ok(Sandbox::default());
        }
        let pid = sandbox::ensure(&self.engine, task, &self.groups.of_task(&task.id)).await;
        let pid = pid.map_err(|e| RuntimeError::Create(e.to_string()))?;
        let netns = task.has_network.then(|| PathBuf::from(format!("/proc/{pid}/ns/net")));
        Ok(Sandbox { netns })
    }

    async fn start(&self, spec: ContainerSpec) -> Result<(), RuntimeError> {
        match self.inspect(&spec.id).await?.map(|found| state::of(&found)) {
            Some(RuntimeState::Running | RuntimeState::Exited(_)) => {
                return self.copy_output(&spec.id, &spec.log);
            }
            Some(RuntimeState::Lost) => return Err(lost(&spec.id)),
            // Made from what was known then.
            Some(RuntimeState::Unstarted) => self.remove(&spec.id).await?,
            None => {}
        }
        let begun = async {
            self.create(&spec).await?;
            self.copy_output(&spec.id, &spec.log)?;
            self.begin(&spec.id).await
        };
        let begun = begun.await;
        if let Err(RuntimeError::Create(_) | RuntimeError::Start(_)) = &begun {
            self.remove(&spec.id).await?;
        }
        begun
    }

    async fn restart(&self, id: &RuntimeId, attempt: u32) -> Result<(), RuntimeError> {
        let (found, state) = self.found(id).await?;
        if !self.note_restart(id, attempt, &found, state)? {
            return Ok(());
        }
        // Who copies what it wrote before is about to end, and whoever comes too early would end at once.
        self.outputs.drained(id).await;
        self.begin(id).await?;
        match found.config.and_then(|config| spool_of(&config.labels?)) {
            Some(spool) => self.copy_output(id, &LogOutput::Spool(spool)),
            None => Ok(()),
        }
    }

    async fn exec(&self, id: &RuntimeId, spec: &ExecSpec) -> Result<ExecEnd, RuntimeError> {
        let pid = self.running(id).await?;
        exec::run(self.engine.clone(), id, pid, spec).await
    }

    async fn stats(&self, id: &RuntimeId) -> Result<Stats, RuntimeError> {
        let pid = self.running(id).await?;
        stats::read(&self.engine, id, pid).await
    }

    async fn written_bytes(&self, id: &RuntimeId) -> Result<u64, RuntimeError> {
        let name = name::container(id).map_err(RuntimeError::Create)?;
        let sized = Some(InspectContainerOptions { size: true });
        let found = self.engine.ask(|| self.engine.docker.inspect_container(&name, sized.clone()));
        let written = present(found.await).map_err(host)?.and_then(|found| found.size_rw);
        Ok(written.map_or(0, |bytes| bytes.max(0).unsigned_abs()))
    }

    async fn stop(&self, id: &RuntimeId, stop_signal: StopSignal) -> Result<(), RuntimeError> {
        let (found, state) = self.found(id).await?;
        match state {
            RuntimeState::Exited(_) | RuntimeState::Unstarted => return Ok(()),
            RuntimeState::Lost => return Err(lost(id)),
            RuntimeState::Running => {}
        }
        let own = found.config.and_then(|config| config.stop_signal).filter(|signal| !signal.is_empty());
        let signal = match stop_signal {
            StopSignal::Terminate => own.unwrap_or_else(|| STOP_SIGNAL.to_owned()),
            StopSignal::Kill => "SIGKILL".to_owned(),
        };
        let name = name::container(id).map_err(RuntimeError::Create)?;
        let options = KillContainerOptionsBuilder::default().signal(&signal).build();
        let sent = self.engine.ask(|| self.engine.docker.kill_container(&name, Some(options.clone())));
        match sent.await {
            // It has ended meanwhile.
            Ok(()) | Err(EngineError::Conflict(_)) => Ok(()),
            Err(EngineError::NotFound(_)) => Err(RuntimeError::NotFound(id.clone())),
            Err(error) => Err(host(error)),
        }
    }

    /// An Engine that is away is waited for: it will say how the container ended.
    async fn wait(&self, id: &RuntimeId) -> Result<Exit, RuntimeError> {
        let name = name::container(id).map_err(RuntimeError::Create)?;
        let not_running = WaitContainerOptionsBuilder::default().condition("not-running").build();
        loop {
            let found = self.engine.docker.inspect_container(&name, None).await;
            match present(found.map_err(EngineError::from)) {
                Err(EngineError::Away(_)) => sleep(PAUSE).await,
                Err(error) => return Err(host(error)),
                Ok(None) => return Err(RuntimeError::NotFound(id.clone())),
                Ok(Some(found)) => match state::of(&found) {
                    RuntimeState::Exited(exit) => {
                        self.outputs.drained(id).await;
                        return Ok(exit);
                    }
                    RuntimeState::Unstarted | RuntimeState::Lost => return Err(lost(id)),
                    RuntimeState::Running => {
                        let docker = self.engine.docker.clone();
                        let mut ended =
                            std::pin::pin!(docker.wait_container(&name, Some(not_running.clone())));
                        // Its code is asked for above. An error with a code is one that was not zero.
                        if let Some(Err(error)) = ended.next().await
                            && let EngineError::Away(_) = error.into()
                        {
                            sleep(PAUSE).await;
                        }
                    }
                },
            }
        }
    }

    async fn remove(&self, id: &RuntimeId) -> Result<(), RuntimeError> {
        let name = name::container(id).map_err(RuntimeError::Create)?;
        let copied = self.outputs.forget(id).await;
        let named = self.inspect(id).await?.and_then(|found| spool_of(&found.config?.labels?));
        // The container's label goes last: only it tells where the rest is.
        let own = self.dir.join(&id.0);
        let left = copied.into_iter().chain(named.map(|spool| spool.dir)).chain([own]);
        for path in left {
            record::remove(&path).map_err(here("remove files"))?;
        }
        self.force_away(&name).await
    }

    async fn remove_task(&self, task: &str) -> Result<(), RuntimeError> {
        let name = name::sandbox(task).map_err(RuntimeError::Host)?;
        sandbox::remove(&self.engine, &name).await.map_err(host)?;
        let (groups, task) = (self.groups.clone(), task.to_owned());
        blocking(move || groups.remove(&task)).await.map_err(here("remove cgroup"))
    }

    async fn list(&self) -> Result<Vec<Seen>, RuntimeError> {
        let filters = Some(self.engine.filter(name::CONTAINER));
        let options = ListContainersOptions { all: true, filters, ..Default::default() };
        let found = self.engine.ask(|| self.engine.docker.list_containers(Some(options.clone())));
        let mut all = Vec::new();
        for container in found.await.map_err(host)? {
            let mut labels = container.labels.unwrap_or_default();
            let (Some(id), Some(task)) = (labels.remove(name::CONTAINER), labels.remove(name::TASK)) else {
                continue;
            };
            let id = RuntimeId(id);
            // Removed meanwhile, if it is gone.
            if let Some(found) = self.inspect(&id).await? {
                all.push(Seen { id, task, state: state::of(&found) });
            }
        }
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(io::Error::other(e)))
}

fn lost(id: &RuntimeId) -> RuntimeError {
    RuntimeError::Host(format!("the Docker Engine does not know how {id} ended"))
}

fn host(error: EngineError) -> RuntimeError {
    RuntimeError::Host(error.to_string())
}

fn here(step: &'static str) -> impl Fn(io::Error) -> RuntimeError {
    move |error| RuntimeError::Host(format!("{step}: {error}"))
}
