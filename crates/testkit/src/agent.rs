//! What the official agent answers to each message of ACS, and what it remembers. Pure.

use crate::strict::{
    AttachInterfaces, ConfirmAttachment, Credentials, Manifest, Payload, RoleCredentials, ServerMessage, Task,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is wanted of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Desired {
    /// RUNNING.
    Running,
    /// STOPPED.
    Stopped,
}

/// An agent's memory: with it a process restarts, but for the credentials.
#[derive(Debug, Default)]
pub struct Agent {
    /// The tasks that it has, by ARN.
    pub tasks: BTreeMap<String, Desired>,
    /// The credentials that it has, by task and id. In memory only.
    pub credentials: BTreeMap<(String, String), RoleCredentials>,
    /// What it would tell by SubmitTaskStateChange without having run anything.
    pub reports: Vec<StopReport>,
    /// The highest of the payloads' sequence numbers and the manifests' timelines.
    pub highest: i64,
}

/// A STOPPED task that never ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopReport {
    /// The task.
    pub task: String,
    /// The task's reason.
    pub reason: String,
}

/// What became of a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// What it was; `Err` says why it was dropped.
    pub message: Result<ServerMessage, String>,
    /// The frames to send for it.
    pub answers: Vec<String>,
}

impl Agent {
    /// Takes a frame.
    pub fn hear(&mut self, frame: &str) -> Heard {
        let answered = ServerMessage::read(frame).and_then(|message| {
            let answers = self.answer(&message)?;
            Ok((message, answers))
        });
        match answered {
            Ok((message, answers)) => Heard { message: Ok(message), answers },
            Err(why) => Heard { message: Err(why), answers: Vec::new() },
        }
    }

    /// The process ends and another one begins with what was on disk.
    pub fn restart(&mut self) {
        self.credentials.clear();
    }

    fn answer(&mut self, message: &ServerMessage) -> Result<Vec<String>, String> {
        match message {
            ServerMessage::Heartbeat(heartbeat) => {
                Ok(vec![frame("HeartbeatAckRequest", &json!({ "messageId": heartbeat.message_id }))])
            }
            ServerMessage::Payload(payload) => self.payload(payload),
            ServerMessage::Credentials(message) => self.new_credentials(message),
            ServerMessage::Manifest(manifest) => self.manifest(manifest),
            ServerMessage::StopVerificationAck(ack) => {
                for task in ack.stop_tasks.iter().flatten() {
                    self.stop(task.task_arn.as_deref().unwrap_or_default());
                }
                Ok(Vec::new())
            }
            ServerMessage::AttachInterfaces(message) => attach(message),
            ServerMessage::ConfirmAttachment(message) => confirm(message),
            ServerMessage::Update(update) => {
                let mut nack =
                    ack_body(&update.cluster_arn, &update.container_instance_arn, &update.message_id);
                nack["reason"] = json!("Updates are disabled");
                Ok(vec![frame("NackRequest", &nack)])
            }
            ServerMessage::Notice(_) => Ok(Vec::new()),
        }
    }

    /// Acknowledged only when every task could be loaded; those that could not are reported one by one.
    fn payload(&mut self, payload: &Payload) -> Result<Vec<String>, String> {
        required(&[&payload.message_id, &payload.cluster_arn, &payload.container_instance_arn])?;
        self.highest = self.highest.max(payload.seq_num.unwrap_or(0));
        let tasks = payload.tasks.as_deref().unwrap_or_default();
        let is_stop = |task: &&Task| task.desired_status.as_deref() == Some("STOPPED");
        tasks.iter().filter(is_stop).for_each(|task| self.stop(task.arn.as_deref().unwrap_or_default()));
        let (mut answers, mut all_loaded) = (Vec::new(), true);
        for task in tasks.iter().filter(|task| !is_stop(task)) {
            let arn = task.arn.clone().unwrap_or_default();
            if let Err(why) = task.check() {
                let reason = format!("UnrecogniedTaskError: Error loading task - {why}");
                self.reports.push(StopReport { task: arn, reason });
                all_loaded = false;
                continue;
            }
            self.tasks.entry(arn.clone()).or_insert(Desired::Running);
            for set in [&task.role_credentials, &task.execution_role_credentials].into_iter().flatten() {
                answers.push(self.keep(&arn, set, &payload.message_id));
            }
        }
        if all_loaded {
            let ack = ack_body(&payload.cluster_arn, &payload.container_instance_arn, &payload.message_id);
            answers.push(frame("AckRequest", &ack));
        }
        Ok(answers)
    }

    fn stop(&mut self, arn: &str) {
        match self.tasks.get_mut(arn) {
            Some(desired) => *desired = Desired::Stopped,
            None => {
                let reason = "TaskStateError: Agent could not progress task's state to stopped".to_owned();
                self.reports.push(StopReport { task: arn.to_owned(), reason });
            }
        }
    }

    fn new_credentials(&mut self, message: &Credentials) -> Result<Vec<String>, String> {
        required(&[&message.message_id, &message.task_arn])?;
        let role = message.role_type.as_deref().unwrap_or_default();
        if !matches!(role, "TaskApplication" | "TaskExecution") {
            return Err(format!("the role type {role:?}"));
        }
        let set = message.role_credentials.as_ref().ok_or("no credentials")?;
        let arn = message.task_arn.clone().unwrap_or_default();
        let is_known = self.tasks.contains_key(&arn);
        Ok(if is_known { vec![self.keep(&arn, set, &message.message_id)] } else { Vec::new() })
    }

    fn keep(&mut self, task: &str, set: &RoleCredentials, message_id: &Option<String>) -> String {
        let id = set.credentials_id.clone().unwrap_or_default();
        self.credentials.insert((task.to_owned(), id.clone()), set.clone());
        let body = json!({ "messageId": message_id, "credentialsId": id, "expiration": set.expiration });
        frame("IAMRoleCredentialsAckRequest", &body)
    }

    /// A manifest that is not newer than everything heard is dropped without a word.
    fn manifest(&mut self, manifest: &Manifest) -> Result<Vec<String>, String> {
        required(&[&manifest.message_id, &manifest.cluster_arn, &manifest.container_instance_arn])?;
        let timeline = manifest.timeline.unwrap_or(0);
        if timeline <= self.highest {
            return Err(format!("the timeline {timeline} is not above {}", self.highest));
        }
        self.highest = timeline;
        let listed = |arn: &str| {
            let mut tasks = manifest.tasks.iter().flatten();
            tasks
                .any(|t| t.task_arn.as_deref() == Some(arn) && t.desired_status.as_deref() == Some("RUNNING"))
        };
        let unlisted =
            self.tasks.iter().filter(|(arn, desired)| **desired == Desired::Running && !listed(arn));
        let candidates: Vec<Value> =
            unlisted.map(|(arn, _)| json!({ "taskArn": arn, "desiredStatus": "STOPPED" })).collect();
        let ack = ack_body(&manifest.cluster_arn, &manifest.container_instance_arn, &manifest.message_id);
        let mut answers = vec![frame("AckRequest", &ack)];
        if !candidates.is_empty() {
            let body = json!({ "messageId": manifest.message_id, "stopCandidates": candidates });
            answers.push(frame("TaskStopVerificationMessage", &body));
        }
        Ok(answers)
    }
}

fn attach(message: &AttachInterfaces) -> Result<Vec<String>, String> {
    let AttachInterfaces { message_id, cluster_arn, container_instance_arn, task_arn, .. } = message;
    required(&[message_id, cluster_arn, container_instance_arn, task_arn])?;
    let has_interfaces = message.elastic_network_interfaces.as_ref().is_some_and(|list| !list.is_empty());
    if message.wait_timeout_ms.unwrap_or(0) <= 0 || !has_interfaces {
        return Err("no time or no interface".to_owned());
    }
    Ok(vec![frame("AckRequest", &ack_body(cluster_arn, container_instance_arn, message_id))])
}

fn confirm(message: &ConfirmAttachment) -> Result<Vec<String>, String> {
    let attachment = message.attachment.as_ref().ok_or("no attachment")?;
    required(&[
        &message.message_id,
        &message.cluster_arn,
        &message.container_instance_arn,
        &attachment.attachment_arn,
    ])?;
    let ack = ack_body(&message.cluster_arn, &message.container_instance_arn, &message.message_id);
    Ok(vec![frame("AckRequest", &ack)])
}

fn required(members: &[&Option<String>]) -> Result<(), String> {
    let is_there = |member: &&Option<String>| member.as_deref().is_some_and(|text| !text.is_empty());
    if members.iter().all(is_there) { Ok(()) } else { Err("a required member is missing".to_owned()) }
}

fn ack_body(cluster: &Option<String>, instance: &Option<String>, message_id: &Option<String>) -> Value {
    json!({ "cluster": cluster, "containerInstance": instance, "messageId": message_id })
}

/// The text of a frame.
fn frame(kind: &str, message: &Value) -> String {
    json!({ "type": kind, "message": message }).to_string()
}
