//! DescribeTasks.

use crate::batch::each_once;
use crate::{Ecs, Refusal, convert, lookup, names};
use model::arn;
use wire::Cx;
use wire::ecs::{DescribeTasksRequest, DescribeTasksResponse, TaskField};

/// The most tasks of one call (ECS API Reference: DescribeTasks).
const TASKS_MAX: usize = 100;

impl Ecs {
    /// DescribeTasks. What is not there is in `failures[]` as MISSING.
    pub(crate) async fn describe_tasks(
        &self,
        cx: &Cx,
        input: DescribeTasksRequest,
    ) -> Result<DescribeTasksResponse, Refusal> {
        if input.tasks.is_empty() {
            return Err(Refusal::Empty("Tasks"));
        }
        let cluster = names::cluster(&cx.scope, input.cluster.as_deref())?;
        let with_tags = input.include.unwrap_or_default().contains(&TaskField::Tags);
        let read = |text: &str| names::task(&cx.scope, &cluster, text);
        let named = each_once("tasks", TASKS_MAX, &input.tasks, read)?;
        let state = self.store.snapshot();
        lookup::cluster(&state, &cx.scope, &cluster)?;
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for (_, id) in named {
            match state.task(&cx.scope, &id).filter(|task| task.cluster == cluster) {
                Some(task) => tasks.push(convert::task(&state, task, with_tags)),
                None => failures.push(convert::missing(arn::task(&cx.scope, &cluster, &id))),
            }
        }
        Ok(DescribeTasksResponse { tasks: Some(tasks), failures: Some(failures) })
    }
}
