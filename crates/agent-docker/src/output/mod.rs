//! What containers write, on its way from the Engine into their spools.
//!
//! A container with a spool logs with Docker's driver `local`; a copier follows that log and writes the spool as the
//! embedded runtime's shim would. It holds the spool's lock until it has copied what there is, so that a log driver
//! that is told to finish waits for it. It writes no end marker: a container may be started again.
//!
//! The Engine cannot make a container wait for its log. While no agent runs, or a full spool is not shipped, it keeps
//! the newest [`retained`] bytes.

mod copier;
mod frame;
mod mark;

use crate::engine::{Engine, EngineError};
use crate::name;
use agent_driver::{RuntimeId, SpoolMode, SpoolSpec};
use bollard::query_parameters::ListContainersOptions;
use copier::Copier;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Files that the Engine's log of a container is split into.
pub(crate) const LOG_FILES: u32 = 4;
const LOG_BYTES_MIN: u64 = 64 << 20;

/// How much of a container's output the Engine keeps.
pub(crate) fn retained(spool: &SpoolSpec) -> u64 {
    let (SpoolMode::Blocking { max_bytes } | SpoolMode::NonBlocking { max_bytes }) = spool.mode;
    max_bytes.max(LOG_BYTES_MIN)
}

/// The copiers of all containers. Dropping it stops them; the next ones resume.
pub(crate) struct Outputs {
    engine: Arc<Engine>,
    copying: Mutex<HashMap<RuntimeId, Copying>>,
}

struct Copying {
    /// The container has ended: a full spool is no reason to wait any more.
    ended: watch::Sender<bool>,
    /// Closed when everything is copied.
    done: watch::Receiver<()>,
    task: AbortHandle,
    dir: PathBuf,
}

impl Outputs {
    /// Goes on where an earlier agent was killed. Every spool that may grow is locked when this answers.
    pub(crate) async fn resume(engine: Arc<Engine>) -> Result<Arc<Self>, EngineError> {
        let options = ListContainersOptions {
            all: true,
            filters: Some(engine.filter(name::SPOOL)),
            ..Default::default()
        };
        let found = engine.ask(|| engine.docker.list_containers(Some(options.clone())));
        let found = found.await?;
        let outputs = Arc::new(Self { engine, copying: Mutex::default() });
        for container in found {
            let labels = container.labels.unwrap_or_default();
            let (Some(id), Some(spool)) = (labels.get(name::CONTAINER), spool_of(&labels)) else { continue };
            let id = RuntimeId(id.clone());
            outputs.ensure(&id, &spool).map_err(EngineError::here("a container's spool"))?;
        }
        Ok(outputs)
    }

    /// Copies a container's output from now on, if nobody does already.
    pub(crate) fn ensure(&self, id: &RuntimeId, spool: &SpoolSpec) -> io::Result<()> {
        let mut copying = self.copying();
        if copying.get(id).is_some_and(|copying| copying.done.has_changed().is_ok()) {
            return Ok(());
        }
        let (ended, ended_seen) = watch::channel(false);
        let (running, done) = watch::channel(());
        let name = name::container(id).map_err(io::Error::other)?;
        let copier = Copier::open(self.engine.clone(), name, spool, ended_seen)?;
        let task = tokio::spawn(async move {
            copier.run().await;
            drop(running);
        });
        let dir = spool.dir.clone();
        copying.insert(id.clone(), Copying { ended, done, task: task.abort_handle(), dir });
        Ok(())
    }

    /// A container has ended: answers when everything that it wrote is in its spool.
    pub(crate) async fn drained(&self, id: &RuntimeId) {
        let done = self.copying().get(id).map(|copying| {
            copying.ended.send_replace(true);
            copying.done.clone()
        });
        if let Some(mut done) = done {
            // Nothing is ever sent: it fails when the copier is gone.
            let _ = done.changed().await;
        }
    }

    /// Stops copying, for a container that is to be removed; answers where the spool is, if it was copied.
    pub(crate) async fn forget(&self, id: &RuntimeId) -> Option<PathBuf> {
        let Copying { mut done, task, dir, .. } = self.copying().remove(id)?;
        task.abort();
        let _ = done.changed().await;
        Some(dir)
    }

    fn copying(&self) -> MutexGuard<'_, HashMap<RuntimeId, Copying>> {
        self.copying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        self.copying().values().for_each(|copying| copying.task.abort());
    }
}

/// The spool that a container's label names.
pub(crate) fn spool_of(labels: &HashMap<String, String>) -> Option<SpoolSpec> {
    serde_json::from_str(labels.get(name::SPOOL)?).ok()
}
