//! What agents call: where to connect to, and what they saw. Reports are acknowledged whatever they say: an agent drops
//! a report that is refused for good, and what a report means for a record is for `core-task` to decide.

use crate::tasks::log_transition;
use crate::{Ecs, Refusal};
use core_task::report::{ContainerReport, Report, ReportedStatus, apply_report};
use model::arn::Arn;
use model::container::Protocol;
use model::task::{AttachmentStatus, NetworkBinding, Task};
use model::{AttachmentId, Scope, TaskId};
use store::State;
use wire::Cx;
use wire::ecs::{
    AttachmentStateChange, ContainerStateChange, DiscoverPollEndpointRequest, DiscoverPollEndpointResponse,
    SubmitAttachmentStateChangesRequest, SubmitAttachmentStateChangesResponse,
    SubmitContainerStateChangeRequest, SubmitContainerStateChangeResponse, SubmitTaskStateChangeRequest,
    SubmitTaskStateChangeResponse, TransportProtocol,
};
use wire::error::shortened;

const ACKNOWLEDGED: &str = "ACK";

/// What agents trim their reasons and their ids to. Longer ones are trimmed here: a report is never refused.
const REASON_LEN_MAX: usize = 1024;
const ID_LEN_MAX: usize = 255;

impl Ecs {
    /// DiscoverPollEndpoint: at the address at which the agent asks. It reaches that one, and the control plane, which
    /// may listen on all of a host's addresses, knows of no better one.
    pub(crate) async fn discover_poll_endpoint(
        &self,
        cx: &Cx,
        _: DiscoverPollEndpointRequest,
    ) -> Result<DiscoverPollEndpointResponse, Refusal> {
        Ok(DiscoverPollEndpointResponse {
            endpoint: Some(format!("{}{}", cx.origin, self.endpoints.acs)),
            telemetry_endpoint: Some(format!("{}{}", cx.origin, self.endpoints.tcs)),
            service_connect_endpoint: None,
        })
    }

    /// SubmitTaskStateChange.
    pub(crate) async fn submit_task_state_change(
        &self,
        cx: &Cx,
        input: SubmitTaskStateChangeRequest,
    ) -> Result<SubmitTaskStateChangeResponse, Refusal> {
        let report = Report {
            status: input.status.filter(|s| !s.is_empty()).map(|s| ReportedStatus::parse(&s)),
            reason: trimmed(input.reason, REASON_LEN_MAX),
            containers: input.containers.unwrap_or_default().into_iter().map(container).collect(),
            attachments: input.attachments.unwrap_or_default().iter().filter_map(attachment).collect(),
            pull_started_at: input.pull_started_at,
            pull_stopped_at: input.pull_stopped_at,
            execution_stopped_at: input.execution_stopped_at,
        };
        self.apply(cx, input.task.as_deref(), &report).await?;
        Ok(SubmitTaskStateChangeResponse { acknowledgment: Some(ACKNOWLEDGED.to_owned()) })
    }

    /// SubmitContainerStateChange: the older form, one container at a time.
    pub(crate) async fn submit_container_state_change(
        &self,
        cx: &Cx,
        input: SubmitContainerStateChangeRequest,
    ) -> Result<SubmitContainerStateChangeResponse, Refusal> {
        let change = ContainerStateChange {
            container_name: input.container_name,
            exit_code: input.exit_code,
            network_bindings: input.network_bindings,
            reason: input.reason,
            runtime_id: input.runtime_id,
            status: input.status,
            ..ContainerStateChange::default()
        };
        let report = Report { containers: vec![container(change)], ..Report::default() };
        self.apply(cx, input.task.as_deref(), &report).await?;
        Ok(SubmitContainerStateChangeResponse { acknowledgment: Some(ACKNOWLEDGED.to_owned()) })
    }

    /// SubmitAttachmentStateChanges: about what is attached to the instance itself. Nothing ever is: the interfaces of
    /// tasks come with SubmitTaskStateChange.
    pub(crate) async fn submit_attachment_state_changes(
        &self,
        _: &Cx,
        _: SubmitAttachmentStateChangesRequest,
    ) -> Result<SubmitAttachmentStateChangesResponse, Refusal> {
        Ok(SubmitAttachmentStateChangesResponse { acknowledgment: Some(ACKNOWLEDGED.to_owned()) })
    }

    async fn apply(&self, cx: &Cx, task: Option<&str>, report: &Report) -> Result<(), Refusal> {
        let Some(key) = task.and_then(|text| task_key(&cx.scope, text)) else {
            tracing::warn!(task = task.map(shortened), "report about no task");
            return Ok(());
        };
        let now = self.clock.now();
        let outcome = self
            .store
            .commit(|tx| {
                let Some(mut task) = reportable(tx, &cx.scope, &key) else { return Ok::<_, Refusal>(None) };
                let outcome = apply_report(&mut task, report, now);
                if outcome.changed {
                    tx.put(task);
                }
                Ok(Some(outcome))
            })
            .await?;
        match outcome {
            Some(outcome) => log_transition(&key.1, outcome, "SubmitTaskStateChange"),
            None => {
                tracing::warn!(
                    task = shortened(key.1.as_str()),
                    "report about a task that is not on the caller's instances"
                )
            }
        }
        Ok(())
    }
}

/// A copy of the task, when it is on an instance of the caller. The task may be of another account: FARGATE tasks of
/// all accounts share the instances.
fn reportable(state: &State, caller: &Scope, key: &(Scope, TaskId)) -> Option<Task> {
    let task = state.task(&key.0, &key.1)?;
    let host = state.instance_by_id(task.instance.as_ref()?)?;
    (host.scope == *caller).then(|| Task::clone(task))
}

/// The task's account and region are those of its ARN; a bare id is the caller's own.
fn task_key(caller: &Scope, text: &str) -> Option<(Scope, TaskId)> {
    match Arn::parse(text) {
        Some(arn) => {
            let id = arn.resource_after("task")?.rsplit('/').next()?.into();
            Some((arn.scope, id))
        }
        None => Some((caller.clone(), text.into())).filter(|_| !text.is_empty()),
    }
}

fn container(change: ContainerStateChange) -> ContainerReport {
    ContainerReport {
        name: change.container_name.unwrap_or_default().into(),
        status: ReportedStatus::parse(change.status.as_deref().unwrap_or_default()),
        exit_code: change.exit_code,
        reason: trimmed(change.reason, REASON_LEN_MAX),
        runtime_id: trimmed(change.runtime_id, ID_LEN_MAX),
        image_digest: trimmed(change.image_digest, ID_LEN_MAX),
        network_bindings: change
            .network_bindings
            .unwrap_or_default()
            .into_iter()
            .filter_map(binding)
            .collect(),
    }
}

/// A port or a range of ports; an entry with neither says nothing.
fn binding(binding: wire::ecs::NetworkBinding) -> Option<NetworkBinding> {
    let port = |port: Option<i32>| port.and_then(|p| u16::try_from(p).ok());
    let container_port = port(binding.container_port);
    let container_port_range = trimmed(binding.container_port_range, ID_LEN_MAX);
    if container_port.is_none() && container_port_range.is_none() {
        return None;
    }
    Some(NetworkBinding {
        bind_ip: trimmed(binding.bind_ip, ID_LEN_MAX).unwrap_or_default(),
        container_port,
        host_port: port(binding.host_port),
        container_port_range,
        host_port_range: trimmed(binding.host_port_range, ID_LEN_MAX),
        protocol: match binding.protocol {
            Some(TransportProtocol::Udp) => Protocol::Udp,
            Some(TransportProtocol::Tcp) | None => Protocol::Tcp,
        },
    })
}

/// At most `most` characters; empty is absent.
fn trimmed(text: Option<String>, most: usize) -> Option<String> {
    let text = text.filter(|t| !t.is_empty())?;
    Some(match text.char_indices().nth(most) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    })
}

/// Agents report ATTACHED and nothing else.
fn attachment(change: &AttachmentStateChange) -> Option<(AttachmentId, AttachmentStatus)> {
    let id = change.attachment_arn.rsplit('/').next().filter(|id| !id.is_empty())?;
    (change.status == "ATTACHED").then(|| (id.into(), AttachmentStatus::Attached))
}
