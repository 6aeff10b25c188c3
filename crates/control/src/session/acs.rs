//! ACS: one agent is told what to run, for as long as its link lasts.

use crate::context::Context;
use crate::credentials::{ensure_keys, execution_credentials, key_of};
use crate::payload::{Extras, compile, manifest};
use crate::plan::{put_task, task_key};
use crate::presence;
use crate::session::frames::{Either, alternate, by};
use crate::session::pulse::{Pulse, Question};
use crate::session::telemetry::parse_task;
use crate::session::told::{Due, Told, is_held};
use crate::session::{Frame, Frames, Link, Peer, SessionEnd, close};
use acs::link::{AcsQuery, DOCKER_VERSION_NONE};
use acs::{
    AgentMessage, HeartbeatMessage, IamRoleCredentialsMessage, PayloadMessage, RoleType, ServerMessage,
    TaskIdentifier, TaskManifestMessage, TaskStopVerificationAck, TaskStopVerificationMessage,
};
use core_task::report::{Outcome, apply_accepted, apply_stop_sent};
use model::InstanceId;
use model::arn;
use model::instance::{ContainerInstance, InstanceStatus};
use model::task::{DesiredStatus, Task};
use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use store::{State, TaskKey, Tx};
use tokio::time::{Instant, sleep_until};

/// So many tasks fit into a frame whatever their definitions' size.
const TASKS_PER_PAYLOAD_MAX: usize = 32;

/// Serves one link to its end, which it returns.
pub(crate) async fn serve(
    context: Arc<Context>,
    mut frames: impl Frames,
    peer: Peer,
    query: AcsQuery,
    origin: String,
) -> SessionEnd {
    let mut link = context.links.open(&peer.instance.1);
    let mut session = match Session::begin(&context, &link, peer, &query, origin).await {
        Ok(session) => session,
        Err(end) => {
            drop(link);
            close(frames, &end).await;
            return end;
        }
    };
    tracing::info!(instance = %session.instance.id, timeline = session.timeline, "agent connected");
    let end = match session.serve(&mut frames, &mut link, query.send_credentials).await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    tracing::info!(instance = %session.instance.id, timeline = session.timeline, %end, "agent disconnected");
    // The place is given up first: a link that is slow to close is no session.
    drop(link);
    close(frames, &end).await;
    end
}

struct Session<'a> {
    context: &'a Context,
    instance: Arc<ContainerInstance>,
    access_key: String,
    instance_arn: String,
    cluster_arn: String,
    timeline: i64,
    /// Where a Docker daemon below the agent ships logs to: it reaches what its agent reaches. Without one it would ship
    /// them to AWS, with keys that AWS does not know.
    logs_endpoint: Option<String>,
    told: Told,
    pulse: Pulse,
}

impl<'a> Session<'a> {
    async fn begin(
        context: &'a Context,
        link: &Link,
        peer: Peer,
        query: &AcsQuery,
        origin: String,
    ) -> Result<Self, SessionEnd> {
        let Peer { instance: key, access_key } = peer;
        let timeline = presence::connect(context, link, &key, query).await?;
        let snapshot = context.store.snapshot();
        let instance = snapshot.get::<ContainerInstance>(&key).ok_or(SessionEnd::Deregistered)?.clone();
        Ok(Self {
            context,
            instance_arn: arn::container_instance(&instance.scope, &instance.cluster, &instance.id),
            cluster_arn: arn::cluster(&instance.scope, &instance.cluster),
            instance,
            access_key,
            timeline,
            logs_endpoint: has_docker(query).then_some(origin),
            told: Told::default(),
            pulse: Pulse::new(&context.config, Instant::now()),
        })
    }

    async fn serve(
        &mut self,
        frames: &mut impl Frames,
        link: &mut Link,
        send_credentials: bool,
    ) -> Result<std::convert::Infallible, SessionEnd> {
        self.send_manifest(frames).await?;
        if send_credentials {
            self.send_credentials(frames).await?;
        }
        let mut watch = self.context.store.watch_instance(&self.instance.id);
        let mut closed = pin!(self.context.closed());
        let access_key = self.access_key.clone();
        let mut revoked = pin!(self.context.revoked(&access_key));
        let mut timer = pin!(sleep_until(self.pulse.next_at()));
        let mut state_first = false;
        loop {
            let frames_first = !state_first;
            let event = tokio::select! {
                biased;
                () = link.superseded() => return Err(SessionEnd::Superseded),
                () = &mut closed => return Err(SessionEnd::Shutdown),
                () = &mut revoked => return Err(SessionEnd::Revoked),
                event = alternate(&mut state_first, frames.next(), watch.changed()) => Some(event),
                () = &mut timer => None,
            };
            // An answer that is there counts, even when this task was late to look.
            let none_is_there = match event {
                Some(Either::First(_)) => false,
                Some(Either::Second(_)) => frames_first,
                None => true,
            };
            if none_is_there && self.pulse.is_silent(Instant::now()) {
                return Err(SessionEnd::Silent);
            }
            match event {
                Some(Either::First(frame)) => self.receive(frames, frame?).await?,
                Some(Either::Second(snapshot)) => self.tell(frames, &snapshot).await?,
                None => {}
            }
            self.ask(frames).await?;
            if timer.is_elapsed() || self.pulse.next_at() < timer.deadline() {
                timer.as_mut().reset(self.pulse.next_at());
            }
        }
    }

    /// Asks for a sign of life, when it is time to.
    async fn ask(&mut self, frames: &mut impl Frames) -> Result<(), SessionEnd> {
        let now = Instant::now();
        match self.pulse.question(now) {
            Some(Question::Heartbeat) => {
                let message_id = self.context.ids.uuid();
                self.send(frames, HeartbeatMessage { healthy: true, message_id }).await
            }
            Some(Question::Ping) => by(self.pulse.take_by(now), frames.ping()).await,
            None => Ok(()),
        }
    }

    /// Compares what the instance should know with what this link has said, and says the rest.
    async fn tell(&mut self, frames: &mut impl Frames, snapshot: &State) -> Result<(), SessionEnd> {
        self.check_registration(snapshot)?;
        let due = self.told.due(snapshot.tasks_to_tell(&self.instance.id));
        if due.is_empty() {
            return Ok(());
        }
        let accounts: BTreeSet<_> = due.start.iter().map(|task| &task.scope.account).collect();
        ensure_keys(self.context, &accounts).await?;
        let state = self.context.store.snapshot();
        let stops: Vec<TaskKey> = due.stop.iter().map(|task| task_key(task)).collect();
        for part in due.split(TASKS_PER_PAYLOAD_MAX) {
            let payload = self.payload(&state, &part);
            self.told.sent(payload.message_id.clone(), &part);
            self.send(frames, payload).await?;
        }
        self.record(&stops, "its agent was told to stop it", apply_stop_sent).await
    }

    /// A deregistered instance's agent is told nothing more.
    fn check_registration(&self, snapshot: &State) -> Result<(), SessionEnd> {
        let instance = snapshot.instance(&self.instance.scope, &self.instance.id);
        let is_registered = instance.is_some_and(|i| i.status != InstanceStatus::Inactive);
        if is_registered { Ok(()) } else { Err(SessionEnd::Deregistered) }
    }

    async fn receive(&mut self, frames: &mut impl Frames, frame: Frame) -> Result<(), SessionEnd> {
        self.pulse.heard(Instant::now());
        let Frame::Text(text) = frame else { return Ok(()) };
        let message = match acs::decode_agent(&text) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!(instance = %self.instance.id, %error, "a frame was dropped");
                return Ok(());
            }
        };
        self.pulse.answered();
        match message {
            AgentMessage::Ack(ack) => {
                let tasks = self.told.acknowledged(&ack.message_id);
                let now = self.context.now();
                self.record(&tasks, "its agent accepted it", |task| apply_accepted(task, now)).await
            }
            AgentMessage::TaskStopVerification(question) => {
                let state = self.context.store.snapshot();
                let answer = verify_stops(&state, &self.instance.id, question, self.context.now().0);
                self.send(frames, answer).await
            }
            AgentMessage::Nack(nack) => {
                tracing::warn!(instance = %self.instance.id, nack.message_id, nack.reason, "a message was refused");
                Ok(())
            }
            AgentMessage::HeartbeatAck(_) | AgentMessage::IamRoleCredentialsAck(_) => Ok(()),
            AgentMessage::Unknown { kind } => {
                tracing::debug!(instance = %self.instance.id, kind, "a message of an unknown type was dropped");
                Ok(())
            }
        }
    }

    /// Applies a fact to some tasks, in one commit.
    async fn record(
        &self,
        tasks: &[TaskKey],
        reason: &str,
        apply: impl Fn(&mut Task) -> Outcome,
    ) -> Result<(), SessionEnd> {
        if tasks.is_empty() {
            return Ok(());
        }
        self.context
            .store
            .commit(|tx: &mut Tx| {
                for key in tasks {
                    let Some(task) = tx.get::<Task>(key) else { continue };
                    let mut after = Task::clone(task);
                    if apply(&mut after).changed {
                        put_task(tx, after, reason);
                    }
                }
                Ok(())
            })
            .await
    }

    fn payload(&self, state: &State, due: &Due) -> PayloadMessage {
        let stops = due.stop.iter().map(|t| acs::payload::Task::stop(arn::task(&t.scope, &t.cluster, &t.id)));
        let starts = due.start.iter().map(|task| {
            let key = key_of(state, &task.scope.account);
            let execution_credentials = key.map(|key| execution_credentials(task, key));
            compile(task, Extras { execution_credentials, logs_endpoint: self.logs_endpoint.clone() })
        });
        PayloadMessage {
            message_id: self.context.ids.uuid(),
            cluster_arn: self.cluster_arn.clone(),
            container_instance_arn: self.instance_arn.clone(),
            // Not above the timeline, or the agent would take the next session's manifest for an old one.
            seq_num: Some(self.timeline),
            generated_at: Some(self.context.now().0),
            tasks: stops.chain(starts).collect(),
        }
    }

    async fn send_manifest(&self, frames: &mut impl Frames) -> Result<(), SessionEnd> {
        let snapshot = self.context.store.snapshot();
        let tasks = snapshot.active_tasks_on(&self.instance.id).filter(|task| is_held(task));
        let message = TaskManifestMessage {
            message_id: self.context.ids.uuid(),
            timeline: self.timeline,
            cluster_arn: self.cluster_arn.clone(),
            container_instance_arn: self.instance_arn.clone(),
            generated_at: Some(self.context.now().0),
            tasks: tasks.map(|task| manifest(task)).collect(),
        };
        self.send(frames, message).await
    }

    async fn send(
        &self,
        frames: &mut impl Frames,
        message: impl Into<ServerMessage>,
    ) -> Result<(), SessionEnd> {
        let text = acs::encode(&message.into());
        by(self.pulse.take_by(Instant::now()), frames.send(text)).await
    }

    /// The agent has just started and keeps credentials in memory only: those of the tasks that it has are sent again.
    async fn send_credentials(&self, frames: &mut impl Frames) -> Result<(), SessionEnd> {
        let snapshot = self.context.store.snapshot();
        for task in snapshot.active_tasks_on(&self.instance.id).filter(|task| is_held(task)) {
            let Some(key) = key_of(&snapshot, &task.scope.account) else { continue };
            let message = IamRoleCredentialsMessage {
                message_id: self.context.ids.uuid(),
                task_arn: arn::task(&task.scope, &task.cluster, &task.id),
                task_cluster_arn: arn::cluster(&task.scope, &task.cluster),
                role_type: RoleType::TaskExecution,
                role_credentials: execution_credentials(task, key),
            };
            self.send(frames, message).await?;
        }
        Ok(())
    }
}

/// Of the tasks that an agent has and that its manifest did not list as RUNNING, those to stop: the ones that are not
/// this instance's, that are over, or that are wanted STOPPED. Judged now, not when the manifest was made.
fn verify_stops(
    state: &State,
    instance: &InstanceId,
    question: TaskStopVerificationMessage,
    generated_at: i64,
) -> TaskStopVerificationAck {
    let is_wanted = |candidate: &TaskIdentifier| {
        let task = parse_task(&candidate.task_arn).and_then(|(scope, id)| state.task(&scope, &id));
        task.is_some_and(|task| {
            task.instance.as_ref() == Some(instance)
                && is_held(task)
                && task.desired_status == DesiredStatus::Running
        })
    };
    let stop =
        |candidate| TaskIdentifier { desired_status: acs::payload::DesiredStatus::Stopped, ..candidate };
    let unwanted = question.stop_candidates.into_iter().filter(|candidate| !is_wanted(candidate));
    TaskStopVerificationAck {
        message_id: question.message_id,
        generated_at: Some(generated_at),
        stop_tasks: unwanted.map(stop).collect(),
    }
}

/// Whether a Docker daemon, and not the agent itself, runs the containers and ships their logs.
fn has_docker(query: &AcsQuery) -> bool {
    !query.docker_version.is_empty() && query.docker_version != DOCKER_VERSION_NONE
}
