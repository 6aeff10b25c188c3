//! A control plane in memory: it tells agents what to run, and hears what they report.

use crate::upstream::{
    Endpoints, Link, LinkEnd, ProtectionChange, Registered, Registration, Upstream, UpstreamError,
};
use acs::link::{AcsQuery, TcsQuery};
use acs::payload::Task;
use acs::tcs::TelemetryMessage;
use acs::{
    AgentMessage, PayloadMessage, RefusalKind, ServerMessage, TaskIdentifier, TaskManifestMessage,
    TaskStopVerificationAck,
};
use agent_metadata::{Protection, ProtectionAnswer};
use async_trait::async_trait;
use core_task::report::{Report, ReportedStatus};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, watch};

/// The ARN of the only instance.
const INSTANCE: &str = "arn:aws:ecs:us-east-1:000000000000:container-instance/default/i1";
const CLUSTER: &str = "arn:aws:ecs:us-east-1:000000000000:cluster/default";

/// A control plane for one agent.
pub struct FakeControl {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    offline: bool,
    /// Opens links, and says nothing on them.
    silent: bool,
    wanted: BTreeMap<String, Task>,
    stopping: BTreeSet<String>,
    acknowledged: BTreeSet<String>,
    payloads: BTreeMap<String, Vec<String>>,
    reports: Vec<(String, Report)>,
    link: Option<mpsc::UnboundedSender<String>>,
    registrations: Vec<Registration>,
    /// The instance was deregistered and cannot be registered again; how its links are refused.
    deregistered: Option<RefusalKind>,
    refusals: usize,
    /// The Availability Zone that the instance has.
    zone: Option<String>,
    /// Takes the next registration, and its answer never arrives.
    loses_registration: bool,
    telemetry: Vec<TelemetryMessage>,
    /// Of links so far: the manifests' timeline.
    count: i64,
    ids: u64,
}

impl FakeControl {
    /// A control plane that wants nothing yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), changes: watch::Sender::new(0) })
    }

    /// Wants a task to run.
    pub fn run(&self, task: Task) {
        self.change(|state| {
            state.wanted.insert(task.arn.clone(), task.clone());
            state.send_payload(vec![task]);
        });
    }

    /// Wants a task to stop.
    pub fn stop(&self, arn: &str) {
        self.change(|state| {
            state.stopping.insert(arn.to_owned());
            state.send_payload(vec![Task::stop(arn.to_owned())]);
        });
    }

    /// Knows nothing of a task any more.
    pub fn forget(&self, arn: &str) {
        self.change(|state| {
            state.wanted.remove(arn);
        });
    }

    /// Answers nothing, or answers again. Links break.
    pub fn set_offline(&self, offline: bool) {
        self.change(|state| {
            state.offline = offline;
            if offline {
                state.link = None;
            }
        });
    }

    /// Says nothing on links that agents open, or begins to speak.
    pub fn set_silent(&self, silent: bool) {
        self.change(|state| {
            state.silent = silent;
            if !silent && state.link.is_some() {
                state.connected();
            }
        });
    }

    /// Breaks the link.
    pub fn cut(&self) {
        self.change(|state| state.link = None);
    }

    /// Every report that was acknowledged, in order.
    pub fn reports(&self) -> Vec<(String, Report)> {
        self.lock().reports.clone()
    }

    /// The furthest status that was reported of a task.
    pub fn status(&self, arn: &str) -> Option<ReportedStatus> {
        let state = self.lock();
        state.reports.iter().filter(|(of, _)| of == arn).filter_map(|(_, report)| report.status).max()
    }

    /// Whether a task's payload was acknowledged.
    pub fn is_acknowledged(&self, arn: &str) -> bool {
        self.lock().acknowledged.contains(arn)
    }

    /// Every telemetry frame, in order.
    pub fn telemetry(&self) -> Vec<TelemetryMessage> {
        self.lock().telemetry.clone()
    }

    /// DeregisterContainerInstance by force: the link ends, and the tasks are nobody's.
    pub fn deregister(&self) {
        self.change(|state| {
            state.deregistered = Some(RefusalKind::InactiveInstanceException);
            state.link = None;
            state.wanted.clear();
        });
    }

    /// What was deregistered was so long ago that it is not known any more.
    pub fn forget_instance(&self) {
        self.change(|state| state.deregistered = Some(RefusalKind::InvalidInstanceException));
    }

    /// Somebody named the instance's Availability Zone.
    pub fn set_zone(&self, zone: &str) {
        self.change(|state| state.zone = Some(zone.to_owned()));
    }

    /// How many upgrades were refused.
    pub fn refusals(&self) -> usize {
        self.lock().refusals
    }

    /// The next registration is taken, and its answer lost.
    pub fn lose_registration(&self) {
        self.change(|state| state.loses_registration = true);
    }

    /// Every registration.
    pub fn registrations(&self) -> Vec<Registration> {
        self.lock().registrations.clone()
    }

    /// Whether an agent's link is open.
    pub fn is_connected(&self) -> bool {
        self.lock().link.as_ref().is_some_and(|link| !link.is_closed())
    }

    /// Waits until `holds`, looking after each change.
    pub async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let mut changes = self.changes.subscribe();
        while !holds(self) {
            changes.mark_unchanged();
            if holds(self) {
                return;
            }
            // The sender is held by self.
            let _ = changes.changed().await;
        }
    }

    fn registered(&self) -> Registered {
        Registered { arn: INSTANCE.to_owned(), availability_zone: self.lock().zone.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let answer = change(&mut self.lock());
        self.changes.send_modify(|n| *n += 1);
        answer
    }

    fn reachable(&self) -> Result<(), UpstreamError> {
        let offline = self.lock().offline;
        if offline { Err(UpstreamError::Transport("offline".to_owned())) } else { Ok(()) }
    }
}

impl State {
    /// An agent has connected: a manifest, what it has not acknowledged, and every stop.
    fn connected(&mut self) {
        self.count += 1;
        let (message_id, timeline) = (self.next_id(), self.count);
        let tasks = self.wanted.keys().map(|arn| TaskIdentifier {
            task_arn: arn.clone(),
            task_cluster_arn: CLUSTER.to_owned(),
            desired_status: if self.stopping.contains(arn) {
                acs::payload::DesiredStatus::Stopped
            } else {
                acs::payload::DesiredStatus::Running
            },
        });
        let manifest = TaskManifestMessage {
            message_id,
            timeline,
            cluster_arn: CLUSTER.to_owned(),
            container_instance_arn: INSTANCE.to_owned(),
            generated_at: None,
            tasks: tasks.collect(),
        };
        self.send(manifest.into());
        let unknown: Vec<Task> =
            self.wanted.values().filter(|t| !self.acknowledged.contains(&t.arn)).cloned().collect();
        let stops = self.stopping.iter().map(|arn| Task::stop(arn.clone()));
        let tasks: Vec<Task> = unknown.into_iter().chain(stops).collect();
        self.send_payload(tasks);
    }

    fn send_payload(&mut self, tasks: Vec<Task>) {
        if tasks.is_empty() || self.link.is_none() {
            return;
        }
        let message_id = self.next_id();
        self.payloads.insert(message_id.clone(), tasks.iter().map(|t| t.arn.clone()).collect());
        let payload = PayloadMessage {
            message_id,
            cluster_arn: CLUSTER.to_owned(),
            container_instance_arn: INSTANCE.to_owned(),
            seq_num: Some(self.count),
            generated_at: None,
            tasks,
        };
        self.send(payload.into());
    }

    fn receive(&mut self, text: &str) {
        let message = acs::decode_agent(text).expect("agents send well-formed frames");
        match message {
            AgentMessage::Ack(ack) => {
                self.acknowledged.extend(self.payloads.remove(&ack.message_id).unwrap_or_default());
            }
            AgentMessage::TaskStopVerification(question) => {
                let unwanted = |t: &TaskIdentifier| {
                    !self.wanted.contains_key(&t.task_arn) || self.stopping.contains(&t.task_arn)
                };
                let answer = TaskStopVerificationAck {
                    message_id: question.message_id,
                    generated_at: None,
                    stop_tasks: question.stop_candidates.into_iter().filter(unwanted).collect(),
                };
                self.send(answer.into());
            }
            _ => {}
        }
    }

    fn send(&mut self, message: ServerMessage) {
        if let Some(link) = &self.link {
            // An agent that has gone is told again when it comes back.
            let _ = link.send(acs::encode(&message));
        }
    }

    fn next_id(&mut self) -> String {
        self.ids += 1;
        format!("m{}", self.ids)
    }
}

/// The agent's end of a link.
struct FakeLink {
    control: Arc<FakeControl>,
    frames: mpsc::UnboundedReceiver<String>,
}

#[async_trait]
impl Link for FakeLink {
    async fn send(&mut self, text: String) -> Result<(), LinkEnd> {
        if self.frames.is_closed() {
            return Err(LinkEnd::Closed);
        }
        self.control.change(|state| state.receive(&text));
        Ok(())
    }

    async fn next(&mut self) -> Result<String, LinkEnd> {
        self.frames.recv().await.ok_or(LinkEnd::Closed)
    }

    async fn close(&mut self, _: &str) {
        self.frames.close();
    }
}

#[async_trait]
impl Upstream for Arc<FakeControl> {
    async fn register(&self, registration: &Registration) -> Result<Registered, UpstreamError> {
        self.reachable()?;
        self.change(|state| state.registrations.push(registration.clone()));
        if std::mem::take(&mut self.lock().loses_registration) {
            return Err(UpstreamError::Transport("the connection broke".to_owned()));
        }
        if self.lock().deregistered.is_none() {
            return Ok(self.registered());
        }
        if registration.instance_arn.is_some() {
            return Err(UpstreamError::Service {
                code: "ClientException".to_owned(),
                message: "Container instance i1 is inactive.".to_owned(),
                status: 400,
            });
        }
        self.change(|state| state.deregistered = None);
        Ok(self.registered())
    }

    async fn discover(&self, _: &str, _: &str) -> Result<Endpoints, UpstreamError> {
        self.reachable()?;
        Ok(Endpoints { acs: "acs".to_owned(), tcs: "tcs".to_owned() })
    }

    async fn submit(&self, _: &str, task_arn: &str, report: &Report) -> Result<(), UpstreamError> {
        self.reachable()?;
        self.change(|state| {
            state.reports.push((task_arn.to_owned(), report.clone()));
            if report.status == Some(ReportedStatus::Stopped) {
                state.wanted.remove(task_arn);
                state.stopping.remove(task_arn);
            }
        });
        Ok(())
    }

    async fn open_acs(&self, _: &str, _: &AcsQuery) -> Result<Box<dyn Link>, UpstreamError> {
        self.reachable()?;
        let refused = self.lock().deregistered;
        if let Some(kind) = refused {
            self.change(|state| state.refusals += 1);
            return Err(UpstreamError::Refused {
                kind,
                message: "The container instance was deregistered.".into(),
            });
        }
        let (sender, frames) = mpsc::unbounded_channel();
        self.change(|state| {
            state.link = Some(sender);
            if !state.silent {
                state.connected();
            }
        });
        Ok(Box::new(FakeLink { control: self.clone(), frames }))
    }

    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, UpstreamError> {
        self.reachable()?;
        Ok(BTreeMap::from([("of".to_owned(), arn.to_owned())]))
    }

    async fn protection(
        &self,
        _: &str,
        task_arn: &str,
        change: Option<ProtectionChange>,
    ) -> Result<ProtectionAnswer, UpstreamError> {
        self.reachable()?;
        Ok(ProtectionAnswer::Protection(Protection {
            task_arn: task_arn.to_owned(),
            enabled: change.is_some_and(|change| change.enabled),
            expires_unix_ms: None,
        }))
    }

    async fn open_tcs(&self, _: &str, _: &TcsQuery) -> Result<Box<dyn Link>, UpstreamError> {
        self.reachable()?;
        Ok(Box::new(FakeTelemetry { control: self.clone() }))
    }
}

/// A TCS link that hears everything and acknowledges at its own pace, so that it never falls silent.
struct FakeTelemetry {
    control: Arc<FakeControl>,
}

#[async_trait]
impl Link for FakeTelemetry {
    async fn send(&mut self, text: String) -> Result<(), LinkEnd> {
        self.control.reachable().map_err(|error| LinkEnd::Failed(error.to_string()))?;
        let message = acs::decode(&text).map_err(|error| LinkEnd::Failed(error.to_string()))?;
        self.control.change(|state| state.telemetry.push(message));
        Ok(())
    }

    async fn next(&mut self) -> Result<String, LinkEnd> {
        tokio::time::sleep(HEARTBEAT).await;
        Ok(String::new())
    }

    async fn close(&mut self, _: &str) {}
}

const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(30);
