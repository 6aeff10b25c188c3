//! DescribeTasks.

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
        match input.tasks.len() {
            0 => return Err(Refusal::Empty("Tasks")),
            n if n > TASKS_MAX => return Err(Refusal::TooMany { what: "tasks", most: TASKS_MAX }),
            _ => {}
        }
        let cluster = names::cluster(&cx.scope, input.cluster.as_deref())?;
        let with_tags = input.include.unwrap_or_default().contains(&TaskField::Tags);
        let state = self.store.snapshot();
        lookup::cluster(&state, &cx.scope, &cluster)?;
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for text in &input.tasks {
            let id = names::task(&cx.scope, &cluster, text)?;
            match state.task(&cx.scope, &id).filter(|task| task.cluster == cluster) {
                Some(task) => tasks.push(convert::task(&state, task, with_tags)),
                None => failures.push(convert::missing(arn::task(&cx.scope, &cluster, &id))),
            }
        }
        Ok(DescribeTasksResponse { tasks: Some(tasks), failures: Some(failures) })
    }
}
