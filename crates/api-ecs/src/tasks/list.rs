//! ListTasks.

use crate::page::Page;
use crate::{Ecs, Refusal, convert, lookup, names};
use model::task::{DesiredStatus, Task};
use model::task_definition::LaunchType;
use model::{ClusterName, Family, InstanceId, Scope, TaskId, arn};
use std::sync::Arc;
use store::State;
use wire::Cx;
use wire::ecs::{self, ListTasksRequest, ListTasksResponse};

/// What a task has to be to be listed.
struct Filter {
    scope: Scope,
    cluster: ClusterName,
    desired_status: DesiredStatus,
    family: Option<Family>,
    started_by: Option<String>,
    launch_type: Option<ecs::LaunchType>,
    instance: Option<InstanceId>,
}

impl Ecs {
    /// ListTasks: by id; those that are wanted RUNNING unless STOPPED is asked for. PENDING gives none, as on AWS.
    pub(crate) async fn list_tasks(
        &self,
        cx: &Cx,
        input: ListTasksRequest,
    ) -> Result<ListTasksResponse, Refusal> {
        let token = input.next_token.clone();
        let query =
            ("tasks", &cx.scope, ListTasksRequest { next_token: None, max_results: None, ..input.clone() });
        let page = Page::open(query, token.as_deref(), input.max_results)?;
        let cluster = names::cluster(&cx.scope, input.cluster.as_deref())?;
        let state = self.store.snapshot();
        lookup::cluster(&state, &cx.scope, &cluster)?;
        if input.service_name.is_some_and(|name| !name.is_empty()) {
            return Err(Refusal::ServiceNotFound);
        }
        let none = ListTasksResponse { task_arns: Some(Vec::new()), next_token: None };
        // There are no daemons, and there is no error for one that is missing.
        if input.daemon_name.is_some_and(|name| !name.is_empty()) {
            return Ok(none);
        }
        let desired_status = match input.desired_status {
            Some(ecs::DesiredStatus::Running) | None => DesiredStatus::Running,
            Some(ecs::DesiredStatus::Stopped) => DesiredStatus::Stopped,
            Some(ecs::DesiredStatus::Pending) => return Ok(none),
        };
        let instance = input.container_instance.map(|text| names::instance(&cx.scope, &cluster, &text));
        let filter = Filter {
            scope: cx.scope.clone(),
            cluster,
            desired_status,
            family: input.family.map(Family::from),
            started_by: input.started_by,
            launch_type: input.launch_type,
            instance: instance.transpose()?,
        };
        let after = page.after().map(TaskId::from);
        let (tasks, next_token) = page.take(filter.tasks(&state, after.as_ref()), |task| task.id.to_string());
        let arns = tasks.into_iter().map(|task| arn::task(&task.scope, &task.cluster, &task.id)).collect();
        Ok(ListTasksResponse { task_arns: Some(arns), next_token })
    }
}

impl Filter {
    /// The tasks by id that match, through the index that reads least.
    fn tasks<'a>(
        &'a self,
        state: &'a State,
        after: Option<&'a TaskId>,
    ) -> impl Iterator<Item = &'a Arc<Task>> {
        let (scope, cluster) = (&self.scope, &self.cluster);
        let tasks: Box<dyn Iterator<Item = &'a Arc<Task>>> =
            match (&self.instance, &self.started_by, &self.family, self.desired_status) {
                // What is wanted RUNNING is not over (INV-STOP-2).
                (Some(instance), _, _, DesiredStatus::Running) => Box::new(
                    state
                        .active_tasks_on(instance)
                        .filter(|task| task.scope == self.scope && task.cluster == self.cluster),
                ),
                (_, Some(started_by), _, _) => {
                    Box::new(state.tasks_by_started_by(scope, cluster, started_by))
                }
                (_, None, Some(family), DesiredStatus::Stopped) => {
                    Box::new(state.tasks_by_family(scope, cluster, family))
                }
                (_, None, _, desired) => {
                    Box::new(state.tasks_by_desired_status(scope, cluster, desired, after))
                }
            };
        tasks.filter(move |task| after.is_none_or(|after| task.id > *after) && self.matches(task))
    }

    fn matches(&self, task: &Task) -> bool {
        // FARGATE tasks are not shown to be on any instance.
        let on_instance =
            |id: &InstanceId| task.launch_type == LaunchType::Ec2 && task.instance.as_ref() == Some(id);
        task.desired_status == self.desired_status
            && self.family.as_ref().is_none_or(|f| task.definition.family == *f)
            && self.started_by.as_ref().is_none_or(|s| task.started_by.as_ref() == Some(s))
            && self.launch_type.is_none_or(|l| convert::launch_type(task.launch_type) == l)
            && self.instance.as_ref().is_none_or(on_instance)
    }
}
