//! Every task of the instance.

use crate::blueprint::{Blueprint, Unacceptable, parse_arn};
use crate::effects::{Effects, exit_of};
use crate::host::Host;
use crate::ledger::{LedgerError, Record};
use crate::task::{Mail, TaskShell};
use acs::payload;
use agent_driver::{RuntimeError, RuntimeState, Seen, VolumeError};
use core_task::report::{Report, ReportedStatus};
use core_task::run::{Desired, Fact, Phase, Resource, State};
use model::Timestamp;
use model::reason::{ContainerError, STOP_OF_UNKNOWN_TASK};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// How long a finished task is remembered: its payload may have been under way.
const REMEMBER_MS: i64 = 10 * 60 * 1000;

/// The tasks that the agent has accepted. Dropping it ends their shells, and leaves their containers running.
pub(crate) struct Tasks {
    host: Arc<Host>,
    known: Mutex<BTreeMap<String, Known>>,
    shells: Mutex<JoinSet<()>>,
    live: watch::Sender<usize>,
    health_changes: watch::Sender<u64>,
}

enum Known {
    Live(Handle),
    Over(Timestamp),
}

#[derive(Clone)]
struct Handle {
    effects: Arc<Effects>,
    mail: mpsc::UnboundedSender<Mail>,
    seen: watch::Receiver<Arc<State>>,
}

/// A task that is not over, as it was when it was looked at.
pub(crate) struct LiveTask {
    pub(crate) effects: Arc<Effects>,
    pub(crate) state: Arc<State>,
}

impl LiveTask {
    pub(crate) fn blueprint(&self) -> &Blueprint {
        &self.effects.blueprint
    }
}

/// What is reported of a task that can never be run.
pub(crate) fn refusal(error: &Unacceptable) -> String {
    ContainerError::UnrecognisedTask.because(format_args!("Error loading task - {error}"))
}

impl Tasks {
    pub(crate) fn new(host: Arc<Host>, live: watch::Sender<usize>) -> Arc<Self> {
        let (known, shells, health_changes) = (Mutex::default(), Mutex::default(), watch::Sender::new(0));
        Arc::new(Self { host, known, shells, live, health_changes })
    }

    /// Adopts what the ledger knows and removes from the host what it does not.
    pub(crate) async fn adopt(self: &Arc<Self>) -> Result<(), AdoptError> {
        let runtime = &self.host.drivers.runtime;
        let seen = runtime.list().await?;
        let mut by_task: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
        for container in &seen {
            by_task.entry(&container.task).or_default().push(container);
        }
        let (mut readable, mut unreadable) = (Vec::new(), Vec::new());
        for record in self.host.ledger.tasks().await? {
            let (_, id) = parse_arn(&record.task.arn).map_err(|e| AdoptError::Record(e.to_string()))?;
            if let Some(at) = record.over_at {
                self.known().insert(id, Known::Over(at));
                continue;
            }
            match Blueprint::read(&record.task, &self.spool_dir()) {
                Ok(blueprint) => {
                    let blueprint = Arc::new(blueprint);
                    if record.state.observed.cgroup == Resource::Ready {
                        self.host.disk.keep(&blueprint);
                    }
                    readable.push((blueprint, record, by_task.remove(id.as_str()).unwrap_or_default()));
                }
                // What is left of it is removed with what is unknown.
                Err(error) => unreadable.push((id, record, error)),
            }
        }
        // Only now, that all promises of the disk are known.
        for (blueprint, record, seen) in readable {
            self.adopt_one(blueprint, record, &seen);
        }
        for (task, containers) in by_task {
            tracing::warn!(task, containers = containers.len(), "an unknown task is removed");
            for container in containers {
                runtime.remove(&container.id).await?;
            }
            runtime.remove_task(task).await?;
        }
        self.detach_unknown().await?;
        self.release_unknown().await?;
        for (id, record, error) in unreadable {
            runtime.remove_task(&id).await?;
            self.give_up(id, record, error);
        }
        self.forget_old().await;
        Ok(())
    }

    /// An earlier agent took the task on, and this one cannot read it: it is over, and never begun again.
    fn give_up(&self, id: String, mut record: Record, error: Unacceptable) {
        tracing::error!(task = id, %error, "a task of an earlier agent cannot be run");
        self.known().insert(id.clone(), Known::Over(self.host.now()));
        let report = stopped(&refusal(&error));
        let host = self.host.clone();
        self.shells().spawn(async move {
            host.submit(&record.task.arn, &report).await;
            record.over_at = Some(host.now());
            // Until it is written down, the next agent does all of this again.
            if let Err(error) = host.ledger.save_task(&id, &record).await {
                tracing::warn!(task = id, %error, "the ledger cannot be written");
            }
        });
    }

    fn adopt_one(self: &Arc<Self>, blueprint: Arc<Blueprint>, mut record: Record, seen: &[&Seen]) {
        tracing::info!(task = blueprint.id, containers = seen.len(), "task adopted");
        // Of what ran before a reboot the host may know nothing.
        let is_same_boot = record.boot_id == self.host.ledger.boot_id();
        record.boot_id = self.host.ledger.boot_id().to_owned();
        let fact = |n: usize| {
            let container = &record.state.observed.containers[n];
            let is_restarting = container.phase == Phase::Restarting;
            match seen.iter().find(|s| s.id == blueprint.containers[n].draft.id).map(|s| s.state) {
                // The restart is outstanding, and will be asked for.
                Some(RuntimeState::Unstarted) if is_same_boot && is_restarting => None,
                None | Some(RuntimeState::Unstarted) if is_same_boot => Some(Fact::Absent(n)),
                None | Some(RuntimeState::Unstarted) => Some(Fact::Lost(n)),
                Some(RuntimeState::Running) => Some(Fact::Started(n)),
                Some(RuntimeState::Exited(exit)) => Some(Fact::Exited(n, container.restarts, exit_of(exit))),
                Some(RuntimeState::Lost) => Some(Fact::Lost(n)),
            }
        };
        let found = (0..blueprint.containers.len()).filter_map(fact).collect();
        self.spawn(blueprint, record, found);
    }

    async fn detach_unknown(&self) -> Result<(), AdoptError> {
        let network = &self.host.drivers.network;
        for task in network.list().await? {
            if !matches!(self.known().get(&task), Some(Known::Live(_))) {
                tracing::warn!(task, "an unknown task's network is removed");
                network.detach(&task).await?;
            }
        }
        Ok(())
    }

    async fn release_unknown(&self) -> Result<(), AdoptError> {
        let volumes = &self.host.drivers.volumes;
        for task in volumes.list().await? {
            if !matches!(self.known().get(&task), Some(Known::Live(_))) {
                tracing::warn!(task, "an unknown task's volumes are removed");
                volumes.release(&task).await?;
            }
        }
        Ok(())
    }

    /// Takes tasks on; durable when this answers. Those that are known already are left as they are; those that can never
    /// be run are handed back, by their ARNs. When they cannot be written down, none is taken on.
    pub(crate) async fn accept(
        self: &Arc<Self>,
        tasks: Vec<payload::Task>,
    ) -> Result<Vec<(String, Unacceptable)>, LedgerError> {
        let (mut fresh, mut unacceptable) = (BTreeMap::new(), Vec::new());
        for task in tasks {
            let arn = task.arn.clone();
            match self.read(task) {
                Ok(Some((blueprint, record))) => {
                    fresh.entry(blueprint.id.clone()).or_insert((blueprint, record));
                }
                Ok(None) => {}
                Err(error) => unacceptable.push((arn, error)),
            }
        }
        let records: Vec<_> = fresh.iter().map(|(id, (_, record))| (id.as_str(), record)).collect();
        if !records.is_empty() {
            self.host.ledger.save_tasks(&records).await?;
        }
        for (blueprint, record) in fresh.into_values() {
            tracing::info!(task = blueprint.id, "task accepted");
            self.spawn(blueprint, record, Vec::new());
        }
        Ok(unacceptable)
    }

    /// A task as it is to be written down; `None` when it is known.
    fn read(&self, mut task: payload::Task) -> Result<Option<(Arc<Blueprint>, Record)>, Unacceptable> {
        let blueprint = Arc::new(Blueprint::read(&task, &self.spool_dir())?);
        let credentials = task.execution_role_credentials.take();
        task.role_credentials = None;
        let known = self.known().get(&blueprint.id).map(|known| matches!(known, Known::Live(_)));
        if let (None | Some(true), Some(credentials)) = (known, &credentials) {
            self.host.vault.put(&blueprint.id, credentials);
        }
        if known.is_some() {
            return Ok(None);
        }
        let unacceptable = |e: core_task::run::SpecError| Unacceptable(e.to_string());
        let state = State::new(blueprint.spec.clone(), self.host.now()).map_err(unacceptable)?;
        let boot_id = self.host.ledger.boot_id().to_owned();
        Ok(Some((blueprint, Record { task, state, boot_id, over_at: None })))
    }

    /// Stops a task; durable when this answers. One that nobody knows is reported STOPPED, as the Amazon ECS agent
    /// does; one that is over has been.
    pub(crate) async fn stop(self: &Arc<Self>, task_arn: &str) {
        let Ok((_, id)) = parse_arn(task_arn) else {
            tracing::warn!(task = task_arn, "a stop names no task");
            return;
        };
        let handle = match self.known().get(&id) {
            Some(Known::Live(handle)) => Some(handle.clone()),
            Some(Known::Over(_)) => return,
            None => None,
        };
        match handle {
            Some(handle) => {
                let (answer, answered) = oneshot::channel();
                // Both fail when the task has just ended by itself.
                if handle.mail.send(Mail::Stop(answer)).is_ok() {
                    let _ = answered.await;
                }
            }
            None => self.report_stopped(task_arn, &ContainerError::TaskState.because(STOP_OF_UNKNOWN_TASK)),
        }
    }

    /// Stops every task that is not over.
    pub(crate) async fn stop_all(self: &Arc<Self>) {
        let live = |known: &Known| match known {
            Known::Live(handle) => Some(handle.effects.blueprint.arn.clone()),
            Known::Over(_) => None,
        };
        let arns: Vec<String> = self.known().values().filter_map(live).collect();
        for arn in arns {
            self.stop(&arn).await;
        }
    }

    /// The instance was deregistered: what has begun runs on, an orphan, and nothing else is begun (Amazon ECS API
    /// Reference: DeregisterContainerInstance, `force`).
    pub(crate) async fn orphan(self: &Arc<Self>) {
        for task in self.live_tasks().into_iter().filter(|task| !task.state.has_begun()) {
            tracing::warn!(task = task.blueprint().id, "a task that has not begun is given up");
            self.stop(&task.blueprint().arn).await;
        }
    }

    /// Ends every task of an instance that was deregistered before this agent started; answers once the host is free of
    /// them. Nobody sends credentials for such a task any more, so lines that are left cannot be shipped.
    pub(crate) async fn end_orphans(self: &Arc<Self>) {
        self.stop_all().await;
        let handles: Vec<Handle> = self.known().values().filter_map(Known::handle).cloned().collect();
        for Handle { effects, mail, mut seen } in handles {
            // It fails when the task has ended.
            let Ok(has_lines) = seen.wait_for(|s| s.has_left()).await.map(|s| s.observed.logs_given_up)
            else {
                continue;
            };
            if has_lines {
                tracing::warn!(task = effects.blueprint.id, "the last lines of an orphan are lost");
                let containers = 0..effects.blueprint.containers.len();
                containers.for_each(|n| drop(mail.send(Mail::Fact(Fact::LogFinished(n)))));
            }
        }
    }

    /// Reports a task STOPPED that is not run here. Takes as long as it takes, in the background.
    pub(crate) fn report_stopped(&self, task_arn: &str, reason: &str) {
        let report = stopped(reason);
        let (host, arn) = (self.host.clone(), task_arn.to_owned());
        self.shells().spawn(async move { host.submit(&arn, &report).await });
    }

    /// The ARNs of the tasks that are to run.
    pub(crate) fn wanted_running(&self) -> Vec<String> {
        let known = self.known();
        let running = known.values().filter_map(|known| match known {
            Known::Live(handle) if handle.seen.borrow().desired == Desired::Running => {
                Some(handle.effects.blueprint.arn.clone())
            }
            _ => None,
        });
        running.collect()
    }

    /// Whether a task is under way here.
    pub(crate) fn is_live(&self, id: &str) -> bool {
        matches!(self.known().get(id), Some(Known::Live(_)))
    }

    /// Every task that is not over.
    pub(crate) fn live_tasks(&self) -> Vec<LiveTask> {
        self.known().values().filter_map(Known::live).collect()
    }

    /// A task that is not over.
    pub(crate) fn live_task(&self, id: &str) -> Option<LiveTask> {
        self.known().get(id).and_then(Known::live)
    }

    /// Counts changes of containers' health.
    pub(crate) fn health_changes(&self) -> watch::Receiver<u64> {
        self.health_changes.subscribe()
    }

    fn spawn(self: &Arc<Self>, blueprint: Arc<Blueprint>, record: Record, found: Vec<Fact>) {
        let (sender, mail) = mpsc::unbounded_channel();
        let (show, seen) = watch::channel(Arc::new(record.state.clone()));
        let id = blueprint.id.clone();
        let effects = Arc::new(Effects::new(self.host.clone(), blueprint));
        let handle = Handle { effects: effects.clone(), mail: sender.clone(), seen };
        self.known().insert(id.clone(), Known::Live(handle));
        self.live.send_modify(|n| *n += 1);
        let shell = TaskShell::new(effects, record, (sender, mail), show, self.health_changes.clone());
        // The set of shells belongs to the tasks; a shell that held them would keep itself alive.
        let tasks = Arc::downgrade(self);
        let mut shells = self.shells();
        while shells.try_join_next().is_some() {}
        shells.spawn(async move {
            shell.run(found).await;
            if let Some(tasks) = tasks.upgrade() {
                tasks.ended(&id).await;
            }
        });
    }

    async fn ended(&self, id: &str) {
        tracing::info!(task = id, "task is over");
        self.host.vault.forget(id);
        self.host.disk.forget(id);
        if let Some(task) = self.live_task(id) {
            task.blueprint().containers.iter().for_each(|c| self.host.meter.forget(&c.draft.id));
        }
        self.known().insert(id.to_owned(), Known::Over(self.host.now()));
        self.live.send_modify(|n| *n -= 1);
        self.forget_old().await;
    }

    /// Finished tasks are forgotten after a while.
    async fn forget_old(&self) {
        let now = self.host.now();
        let is_old = |known: &Known| matches!(known, Known::Over(at) if now.millis_since(*at) > REMEMBER_MS);
        let old: Vec<String> =
            self.known().iter().filter(|(_, k)| is_old(k)).map(|(id, _)| id.clone()).collect();
        for id in old {
            match self.host.ledger.forget_task(&id).await {
                Ok(()) => {
                    self.known().remove(&id);
                }
                Err(error) => tracing::warn!(task = id, %error, "a finished task cannot be forgotten"),
            }
        }
    }

    fn spool_dir(&self) -> PathBuf {
        self.host.config.data_dir.join("spool")
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shells(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.shells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a task that is not run here.
fn stopped(reason: &str) -> Report {
    Report { status: Some(ReportedStatus::Stopped), reason: Some(reason.to_owned()), ..Report::default() }
}

impl Known {
    fn handle(&self) -> Option<&Handle> {
        match self {
            Self::Live(handle) => Some(handle),
            Self::Over(_) => None,
        }
    }

    fn live(&self) -> Option<LiveTask> {
        let handle = self.handle()?;
        Some(LiveTask { effects: handle.effects.clone(), state: handle.seen.borrow().clone() })
    }
}

/// Why a restarted agent cannot take over.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// The ledger.
    #[error("the ledger cannot be read: {0}")]
    Ledger(#[from] LedgerError),
    /// A record in it.
    #[error("the ledger holds what is no task: {0}")]
    Record(String),
    /// The runtime.
    #[error("the host's containers cannot be listed: {0}")]
    Runtime(#[from] RuntimeError),
    /// The network.
    #[error("the host's networks cannot be listed: {0}")]
    Network(#[from] agent_driver::NetworkError),
    /// The volumes.
    #[error("the host's volumes cannot be listed: {0}")]
    Volumes(#[from] VolumeError),
}
