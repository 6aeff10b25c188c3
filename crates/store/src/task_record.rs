//! A task on disk: as in memory, but with its definition's key in place of the definition, which is stored once.

use crate::record::Record;
use crate::state::State;
use model::task::{
    ClientRequest, Container, DesiredStatus, EniAttachment, Overrides, StopCode, Task, TaskStatus, Times,
};
use model::task_definition::LaunchType;
use model::{ClusterName, Family, InstanceId, Scope, Tags, TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredTask<'a> {
    scope: Cow<'a, Scope>,
    id: Cow<'a, TaskId>,
    cluster: Cow<'a, ClusterName>,
    definition: (Scope, Family, u32),
    overrides: Cow<'a, Overrides>,
    launch_type: LaunchType,
    #[serde(default)]
    capacity_provider: Cow<'a, Option<String>>,
    instance: Cow<'a, Option<InstanceId>>,
    desired_status: DesiredStatus,
    last_status: TaskStatus,
    containers: Cow<'a, [Container]>,
    eni: Cow<'a, Option<EniAttachment>>,
    group: Cow<'a, str>,
    started_by: Cow<'a, Option<String>>,
    tags: Cow<'a, Tags>,
    #[serde(default)]
    client_request: Cow<'a, Option<ClientRequest>>,
    #[serde(default)]
    protected_until: Option<Timestamp>,
    #[serde(default)]
    logs_block_by_default: bool,
    version: u64,
    stop_code: Option<StopCode>,
    stopped_reason: Cow<'a, Option<String>>,
    times: Cow<'a, Times>,
}

impl<'a> From<&'a Task> for StoredTask<'a> {
    fn from(task: &'a Task) -> Self {
        // Taken apart by name, so that a new member of `Task` does not compile until it is stored too.
        let Task {
            scope,
            id,
            cluster,
            definition,
            overrides,
            launch_type,
            capacity_provider,
            instance,
            desired_status,
            last_status,
            containers,
            eni,
            group,
            started_by,
            tags,
            client_request,
            protected_until,
            logs_block_by_default,
            version,
            stop_code,
            stopped_reason,
            times,
        } = task;
        Self {
            scope: Cow::Borrowed(scope),
            id: Cow::Borrowed(id),
            cluster: Cow::Borrowed(cluster),
            definition: definition.key(),
            overrides: Cow::Borrowed(overrides),
            launch_type: *launch_type,
            capacity_provider: Cow::Borrowed(capacity_provider),
            instance: Cow::Borrowed(instance),
            desired_status: *desired_status,
            last_status: *last_status,
            containers: Cow::Borrowed(containers),
            eni: Cow::Borrowed(eni),
            group: Cow::Borrowed(group),
            started_by: Cow::Borrowed(started_by),
            tags: Cow::Borrowed(tags),
            client_request: Cow::Borrowed(client_request),
            protected_until: *protected_until,
            logs_block_by_default: *logs_block_by_default,
            version: *version,
            stop_code: *stop_code,
            stopped_reason: Cow::Borrowed(stopped_reason),
            times: Cow::Borrowed(times),
        }
    }
}

impl StoredTask<'_> {
    /// The task, with the definition that all tasks of its revision share.
    pub(crate) fn into_task(self, state: &State) -> Result<Task, String> {
        let (scope, family, revision) = &self.definition;
        let definition = state.task_definition(scope, family, *revision).cloned();
        let definition = definition.ok_or_else(|| {
            format!(
                "task {} has no definition {}",
                self.id,
                model::arn::task_definition(scope, family, *revision)
            )
        })?;
        Ok(Task {
            scope: self.scope.into_owned(),
            id: self.id.into_owned(),
            cluster: self.cluster.into_owned(),
            definition,
            overrides: self.overrides.into_owned(),
            launch_type: self.launch_type,
            capacity_provider: self.capacity_provider.into_owned(),
            instance: self.instance.into_owned(),
            desired_status: self.desired_status,
            last_status: self.last_status,
            containers: self.containers.into_owned(),
            eni: self.eni.into_owned(),
            group: self.group.into_owned(),
            started_by: self.started_by.into_owned(),
            tags: self.tags.into_owned(),
            client_request: self.client_request.into_owned(),
            protected_until: self.protected_until,
            logs_block_by_default: self.logs_block_by_default,
            version: self.version,
            stop_code: self.stop_code,
            stopped_reason: self.stopped_reason.into_owned(),
            times: self.times.into_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Change;
    use crate::record::{Record, decode, encode};

    /// The members are younger than the format.
    #[test]
    fn a_row_without_a_client_request_or_a_capacity_provider_reads() {
        let task = model::fixture::task(&["app!"]);
        let mut row = serde_json::to_value(StoredTask::from(&task)).expect("a task serialises");
        for member in ["client_request", "capacity_provider"] {
            row.as_object_mut().and_then(|members| members.remove(member)).expect("the member");
        }
        let mut state = State::default();
        Change::new(&state, task.definition.key(), Some(task.definition.clone())).apply(&mut state);
        let stored: StoredTask<'_> = decode(&encode(&row)).expect("the row reads");
        assert_eq!(stored.into_task(&state), Ok(task));
    }
}
