//! A task on disk: as in memory, but with its definition's key in place of the definition, which is stored once.

use crate::record::{Record, decode, encode};
use crate::state::State;
use crate::task_index::TaskKey;
use model::task::{
    ClientRequest, Container, DesiredStatus, EniAttachment, Overrides, StopCode, Task, TaskStatus, Times,
};
use model::task_definition::LaunchType;
use model::{ClusterName, Family, InstanceId, Scope, Tags, TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Members that are absent or empty are left out: most are, and a row is written twice before its task runs.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredTask<'a> {
    scope: Cow<'a, Scope>,
    id: Cow<'a, TaskId>,
    cluster: Cow<'a, ClusterName>,
    definition: (Scope, Family, u32),
    #[serde(default, skip_serializing_if = "is_default")]
    overrides: Cow<'a, Overrides>,
    launch_type: LaunchType,
    #[serde(default, skip_serializing_if = "is_default")]
    capacity_provider: Cow<'a, Option<String>>,
    #[serde(default, skip_serializing_if = "is_default")]
    instance: Cow<'a, Option<InstanceId>>,
    desired_status: DesiredStatus,
    last_status: TaskStatus,
    containers: Cow<'a, [Container]>,
    #[serde(default, skip_serializing_if = "is_default")]
    eni: Cow<'a, Option<Box<EniAttachment>>>,
    group: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "is_default")]
    started_by: Cow<'a, Option<String>>,
    #[serde(default, skip_serializing_if = "is_default")]
    tags: Cow<'a, Tags>,
    #[serde(default, skip_serializing_if = "is_default")]
    client_request: Cow<'a, Option<ClientRequest>>,
    #[serde(default, skip_serializing_if = "is_default")]
    protected_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_default")]
    logs_block_by_default: bool,
    version: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    stop_code: Option<StopCode>,
    #[serde(default, skip_serializing_if = "is_default")]
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

/// By age, the oldest first.
pub(crate) fn disk_key(created_at: Timestamp, scope: &Scope, id: &TaskId) -> Vec<u8> {
    encode(&(created_at, scope, id))
}

pub(crate) fn key_of(disk_key: &[u8]) -> Result<TaskKey, String> {
    let (_, scope, id): (Timestamp, Scope, TaskId) = decode(disk_key)?;
    Ok((scope, id))
}

impl StoredTask<'_> {
    pub(crate) fn disk_key(&self) -> Vec<u8> {
        disk_key(self.times.created_at, &self.scope, &self.id)
    }

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
            instance: self.instance.into_owned().map(|id| state.shared_instance_id(id)),
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

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Change;
    use model::task_definition::TaskDefinition;
    use serde_json::{Value, json};

    fn read(task: &Task, row: &Value) -> Task {
        let mut state = State::default();
        Change::put(&state, TaskDefinition::clone(&task.definition)).apply(&mut state);
        let stored: StoredTask<'_> = decode(&encode(row)).expect("the row reads");
        stored.into_task(&state).expect("its definition is there")
    }

    fn row(task: &Task) -> Value {
        serde_json::to_value(StoredTask::from(task)).expect("a task serialises")
    }

    #[test]
    fn on_disk_the_older_comes_first_whatever_the_ids() {
        let key =
            |at, id: &str| disk_key(Timestamp(at), &Scope::new("000000000000", "us-east-1"), &id.into());
        let days = [0, 1, 40, 366, 20_000].map(|day| key(day * 86_400_000, &format!("{}", 9 - day % 7)));
        assert!(days.is_sorted());
        assert_eq!(key_of(&days[4]).map(|(_, id)| id), Ok("8".into()));
    }

    #[test]
    fn members_that_are_absent_are_left_out() {
        let mut task = Task { eni: None, ..model::fixture::task(&["app!"]) };
        assert!(row(&task).get("eni").is_none() && row(&task)["times"].get("stopped_at").is_none());
        assert_eq!(read(&task, &row(&task)), task);
        task.started_by = Some(String::new());
        task.times.stopped_at = Some(Timestamp(0));
        task.containers[0].exit_code = Some(0);
        assert_eq!(read(&task, &row(&task)), task, "what is there but empty is kept");
    }

    /// Releases before format 4 wrote each member, whether there was anything to say or not.
    #[test]
    fn a_row_of_an_older_release_reads() {
        let task = Task { eni: None, ..model::fixture::task(&["app!"]) };
        let mut row = row(&task);
        let none = ["instance", "eni", "started_by", "protected_until", "stop_code", "stopped_reason"];
        none.into_iter().for_each(|member| row[member] = Value::Null);
        row["overrides"] = json!({ "cpu_units": null, "memory_mib": null, "containers": [] });
        row["tags"] = json!({});
        row["logs_block_by_default"] = json!(false);
        let never = ["pull_started_at", "pull_stopped_at", "started_at", "stopping_at"];
        never.into_iter().for_each(|member| row["times"][member] = Value::Null);
        let never = ["execution_stopped_at", "stopped_at", "connectivity_at"];
        never.into_iter().for_each(|member| row["times"][member] = Value::Null);
        let unknown = ["exit_code", "reason", "runtime_id", "image_digest", "health"];
        unknown.into_iter().for_each(|member| row["containers"][0][member] = Value::Null);
        row["containers"][0]["network_bindings"] = json!([]);
        assert_eq!(read(&task, &row), task);
    }
}
