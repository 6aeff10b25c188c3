//! One task: facts in, commands out, the ledger before the effects.

use crate::backoff::Backoff;
use crate::blueprint::Networking;
use crate::effects::Effects;
use crate::ledger::Record;
use agent_driver::{PortBinding, Protocol};
use core_task::report::{Report, ReportedStatus};
use core_task::run::{Command, Fact, Resource, State, step};
use model::task::{HealthStatus, NetworkBinding};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};

/// What others tell a task.
pub(crate) enum Mail {
    /// An effect's fact.
    Fact(Fact),
    /// Upstream wants it stopped; answered once that is durable.
    Stop(oneshot::Sender<()>),
}

/// The shell of one task's machine. Dropping it ends its effects, and leaves its containers running.
pub(crate) struct TaskShell {
    effects: Arc<Effects>,
    record: Record,
    mail: mpsc::UnboundedReceiver<Mail>,
    sender: mpsc::UnboundedSender<Mail>,
    /// What others may see of it.
    seen: watch::Sender<Arc<State>>,
    /// Counts changes of health, of all tasks.
    health_changes: watch::Sender<u64>,
    issued: BTreeMap<Command, AbortHandle>,
    running: JoinSet<()>,
    status: ReportedStatus,
}

/// What is to be done after some facts.
#[derive(Default)]
struct Batch {
    begin: BTreeSet<Command>,
    persist: bool,
    stops: Vec<oneshot::Sender<()>>,
}

impl TaskShell {
    pub(crate) fn new(
        effects: Arc<Effects>,
        record: Record,
        mail: (mpsc::UnboundedSender<Mail>, mpsc::UnboundedReceiver<Mail>),
        seen: watch::Sender<Arc<State>>,
        health_changes: watch::Sender<u64>,
    ) -> Self {
        let (sender, mail) = mail;
        let status = record.state.status();
        let (issued, running) = (BTreeMap::new(), JoinSet::new());
        Self { effects, record, mail, sender, seen, health_changes, issued, running, status }
    }

    /// Runs the task to its end. `found` is what a restarted agent saw on the host.
    pub(crate) async fn run(mut self, found: Vec<Fact>) {
        let mut batch = Batch { persist: !found.is_empty(), ..Batch::default() };
        for fact in found {
            step(&mut self.record.state, fact, self.effects.host.now());
        }
        batch.begin = self.record.state.outstanding();
        self.recall(&batch).await;
        self.execute(batch).await;
        while !self.record.state.is_over() {
            // Never None: the shell holds a sender itself.
            let Some(mail) = self.mail.recv().await else { return };
            let mut batch = Batch::default();
            self.hear(mail, &mut batch);
            while let Ok(mail) = self.mail.try_recv() {
                self.hear(mail, &mut batch);
            }
            self.execute(batch).await;
        }
        self.record.over_at = Some(self.effects.host.now());
        self.save().await;
    }

    fn hear(&mut self, mail: Mail, batch: &mut Batch) {
        let fact = match mail {
            Mail::Fact(fact) => fact,
            Mail::Stop(answer) => {
                batch.stops.push(answer);
                Fact::StopAsked
            }
        };
        let delta = step(&mut self.record.state, fact, self.effects.host.now());
        batch.persist |= delta.persist;
        for command in delta.end {
            batch.begin.remove(&command);
            if let Some(handle) = self.issued.remove(&command) {
                handle.abort();
            }
        }
        batch.begin.extend(delta.begin);
    }

    /// What does not need the ledger goes on while it is written.
    async fn execute(&mut self, batch: Batch) {
        self.show();
        self.note_status();
        let (later, at_once): (Vec<Command>, Vec<Command>) =
            batch.begin.into_iter().partition(|command| command.needs_ledger());
        at_once.into_iter().for_each(|command| self.begin(command));
        if batch.persist {
            self.save().await;
        }
        later.into_iter().for_each(|command| self.begin(command));
        for answer in batch.stops {
            // Whoever asked may have gone.
            let _ = answer.send(());
        }
        while self.running.try_join_next().is_some() {}
    }

    fn begin(&mut self, command: Command) {
        tracing::debug!(task = self.effects.blueprint.id, ?command, "command begun");
        let report = matches!(command, Command::Report(_)).then(|| self.report()).flatten();
        let (effects, sender) = (self.effects.clone(), self.sender.clone());
        let handle = self.running.spawn(async move {
            if let Some(fact) = effects.carry_out(command, report).await {
                // The shell ends before its effects only when the agent does.
                let _ = sender.send(Mail::Fact(fact));
            }
        });
        self.issued.insert(command, handle);
    }

    fn report(&self) -> Option<Report> {
        let mut report = self.record.state.next_report()?;
        let containers = self.record.state.observed.containers.iter().zip(&self.effects.blueprint.containers);
        for (told, (seen, container)) in report.containers.iter_mut().zip(containers) {
            told.runtime_id = seen.was_started.then(|| container.draft.id.0.clone());
            told.network_bindings = self.effects.bindings(container).iter().map(network_binding).collect();
        }
        Some(report)
    }

    /// A bridge's endpoints that an earlier agent has attached are asked for again, so that their ports can be told;
    /// unless they are about to be detached.
    async fn recall(&self, batch: &Batch) {
        let is_held = self.record.state.observed.network == Resource::Ready;
        let is_bridge = matches!(self.effects.blueprint.networking, Networking::Bridge(_));
        if is_bridge && is_held && !batch.begin.contains(&Command::DetachNetwork) {
            self.effects.recall_network().await;
        }
    }

    /// Lets others see how it is.
    fn show(&self) {
        let health = |state: &State| -> Vec<Option<HealthStatus>> {
            state.observed.containers.iter().map(|c| c.health.as_ref().map(|h| h.status)).collect()
        };
        let state = Arc::new(self.record.state.clone());
        let before = self.seen.send_replace(state.clone());
        if health(&before) != health(&state) {
            self.health_changes.send_modify(|n| *n += 1);
        }
    }

    /// Nothing goes on before it is durable, however long the disk is full.
    async fn save(&self) {
        let mut backoff = Backoff::standard();
        let (host, id) = (&self.effects.host, &self.effects.blueprint.id);
        while let Err(error) = host.ledger.save_task(id, &self.record).await {
            tracing::error!(task = id, %error, "the ledger cannot be written");
            backoff.wait(&*host.ids).await;
        }
    }

    fn note_status(&mut self) {
        let status = self.record.state.status();
        if status != self.status {
            let from = std::mem::replace(&mut self.status, status);
            let task = &self.effects.blueprint.id;
            tracing::info!(task, from = from.as_str(), to = status.as_str(), "task changed");
        }
    }
}

/// As the API writes it: ports alone, or ranges.
fn network_binding(binding: &PortBinding) -> NetworkBinding {
    let is_single = binding.container_first == binding.container_last;
    let single = |port: u16| is_single.then_some(port);
    let range = |first: u16, last: u16| (!is_single).then(|| format!("{first}-{last}"));
    NetworkBinding {
        bind_ip: binding.bind_ip.to_string(),
        container_port: single(binding.container_first),
        host_port: single(binding.host_first),
        container_port_range: range(binding.container_first, binding.container_last),
        host_port_range: range(binding.host_first, binding.host_last),
        protocol: match binding.protocol {
            Protocol::Tcp => model::container::Protocol::Tcp,
            Protocol::Udp => model::container::Protocol::Udp,
        },
    }
}
