//! StopTask.

use super::log_transition;
use crate::{Ecs, Refusal, convert, lookup, names};
use core_task::report::apply_stop;
use model::task::{StopCode, Task};
use wire::Cx;
use wire::ecs::{StopTaskRequest, StopTaskResponse};

/// The longest `reason`.
const REASON_LEN_MAX: usize = 1024;

impl Ecs {
    /// StopTask: the task is wanted STOPPED. A task that is so already is returned as it is.
    pub(crate) async fn stop_task(
        &self,
        cx: &Cx,
        input: StopTaskRequest,
    ) -> Result<StopTaskResponse, Refusal> {
        if input.reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON_LEN_MAX) {
            return Err(Refusal::parameter(format!("reason can have at most {REASON_LEN_MAX} characters.")));
        }
        let cluster = names::cluster(&cx.scope, input.cluster.as_deref())?;
        let key = (cx.scope.clone(), names::task(&cx.scope, &cluster, &input.task)?);
        let now = self.clock.now();
        let (answer, outcome) = self
            .store
            .commit(|tx| {
                lookup::cluster(tx, &cx.scope, &cluster)?;
                let found = tx.get::<Task>(&key).filter(|t| t.cluster == cluster);
                let mut task = Task::clone(found.ok_or(Refusal::TaskNotFound)?);
                let outcome = apply_stop(&mut task, StopCode::UserInitiated, input.reason.as_deref(), now);
                let answer = StopTaskResponse { task: Some(convert::task(tx, &task, true)) };
                if outcome.changed {
                    tx.put(task);
                }
                Ok::<_, Refusal>((answer, outcome))
            })
            .await?;
        log_transition(&key.1, outcome, "StopTask");
        Ok(answer)
    }
}
