//! ListContainerInstances.

use crate::page::Page;
use crate::{Ecs, Refusal, lookup, names};
use core_place::query::{Expression, Subject};
use model::instance::{ContainerInstance, InstanceStatus};
use model::task::{DesiredStatus, Task, TaskStatus};
use model::task_definition::LaunchType;
use model::{Timestamp, arn};
use store::State;
use wire::Cx;
use wire::ecs::{ContainerInstanceStatus, ListContainerInstancesRequest, ListContainerInstancesResponse};

impl Ecs {
    /// ListContainerInstances: by id; all but INACTIVE ones unless a status is asked for, and of those the ones that the
    /// filter means.
    pub(crate) async fn list_container_instances(
        &self,
        cx: &Cx,
        input: ListContainerInstancesRequest,
    ) -> Result<ListContainerInstancesResponse, Refusal> {
        let cluster = names::cluster(&cx.scope, input.cluster.as_deref())?;
        let filter = input.filter.as_deref().map(Expression::parse).transpose();
        let filter = filter.map_err(|error| Refusal::parameter(error.to_string()))?;
        let query = ("instances", &cx.scope, &cluster, input.status, &input.filter);
        let page = Page::open(query, input.next_token.as_deref(), input.max_results)?;
        let state = self.store.snapshot();
        lookup::cluster(&state, &cx.scope, &cluster)?;
        let listed = state.instances(&cx.scope, &cluster).filter(|i| has_status(i.status, input.status));
        let rest = listed.filter(|i| page.after().is_none_or(|after| i.id.as_str() > after));
        let meant = rest.filter(|i| {
            filter.as_ref().is_none_or(|filter| filter.matches(&Filtered { state: &state, instance: i }))
        });
        let (instances, next_token) = page.take(meant, |i| i.id.to_string());
        let arns =
            instances.into_iter().map(|i| arn::container_instance(&i.scope, &i.cluster, &i.id)).collect();
        Ok(ListContainerInstancesResponse { container_instance_arns: Some(arns), next_token })
    }
}

/// Instances are registered and deregistered at once, so none is ever on its way there.
fn has_status(status: InstanceStatus, asked: Option<ContainerInstanceStatus>) -> bool {
    match asked {
        None => status != InstanceStatus::Inactive,
        Some(ContainerInstanceStatus::Active) => status == InstanceStatus::Active,
        Some(ContainerInstanceStatus::Draining) => status == InstanceStatus::Draining,
        Some(
            ContainerInstanceStatus::Registering
            | ContainerInstanceStatus::Deregistering
            | ContainerInstanceStatus::RegistrationFailed,
        ) => false,
    }
}

/// An instance as a filter sees it, its tasks those that DescribeContainerInstances counts.
struct Filtered<'a> {
    state: &'a State,
    instance: &'a ContainerInstance,
}

impl Filtered<'_> {
    fn tasks(&self) -> impl Iterator<Item = &Task> {
        let tasks = self.state.active_tasks_on(&self.instance.id).map(|task| &**task);
        tasks.filter(|task| task.launch_type != LaunchType::Fargate)
    }
}

impl Subject for Filtered<'_> {
    fn attribute(&self, name: &str) -> Option<Option<&str>> {
        self.instance.attributes.get(name).map(Option::as_deref)
    }

    fn agent_connected(&self) -> bool {
        self.instance.agent_connected
    }

    fn agent_version(&self) -> &str {
        &self.instance.agent_version
    }

    fn ec2_instance_id(&self) -> Option<&str> {
        self.instance.ec2_instance_id.as_deref()
    }

    fn registered_at(&self) -> Timestamp {
        self.instance.registered_at
    }

    fn running_tasks_count(&self) -> u32 {
        let running = self.tasks().filter(|task| task.last_status == TaskStatus::Running);
        running.count().try_into().unwrap_or(u32::MAX)
    }

    fn any_task_group(&self, wanted: &mut dyn FnMut(&str) -> bool) -> bool {
        let mut stays = self.tasks().filter(|task| task.desired_status == DesiredStatus::Running);
        stays.any(|task| wanted(&task.group))
    }
}
