//! RunTask: placement and the tasks' records in one transaction.

use super::capacity::{Capacity, Share};
use super::order::Order;
use super::place;
use crate::{Ecs, Refusal, convert, lookup};
use core_place::{Hosts, Needs};
use model::reason::FailureReason;
use model::task_definition::LaunchType;
use model::time::IdSource;
use model::{Timestamp, arn};
use store::{State, Tx};
use wire::Cx;
use wire::ecs::{Failure, RunTaskRequest, RunTaskResponse};

/// What FARGATE answers when nothing has room (Amazon ECS Developer Guide: API failure reasons).
const NO_CAPACITY: &str =
    "Capacity is unavailable at this time. Please try again later or in a different availability zone";
/// What a repeated request hears of each task that it asked for and that is not there.
const NOT_REPLAYED: &str =
    "The first request with this clientToken did not start this task, or it stopped long ago.";

impl Ecs {
    /// RunTask. Tasks that no instance takes are in `failures[]`; the others have their instance when this answers.
    pub(crate) async fn run_task(&self, cx: &Cx, input: RunTaskRequest) -> Result<RunTaskResponse, Refusal> {
        let order = Order::parse(cx, input)?;
        let now = self.clock.now();
        let answer = self.store.commit(|tx| run(tx, order.clone(), &*self.ids, now)).await?;
        for task in answer.tasks.iter().flatten() {
            tracing::info!(task = task.task_arn, status = task.last_status, "task created");
        }
        Ok(answer)
    }
}

fn run(
    tx: &mut Tx,
    mut order: Order,
    ids: &dyn IdSource,
    now: Timestamp,
) -> Result<RunTaskResponse, Refusal> {
    lookup::active_cluster(tx, &order.scope, &order.cluster)?;
    if let Some(answer) = replay(tx, &order)? {
        return Ok(answer);
    }
    order.read_settings(tx);
    let definition = order.definition(tx)?;
    let capacity = Capacity::choose(tx, &order)?;
    order.check(&definition, capacity.launch_type)?;
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for share in &capacity.shares {
        let seed = if order.placement.is_random() { ids.next_u128() as u64 } else { 0 };
        let needs = place::needs(&order, &definition, &capacity, share, seed)?;
        for placed in tx.view::<Hosts>().plan(&needs, share.count).tasks {
            match placed {
                Ok(placed) => {
                    let task = place::task(&order, &definition, &needs, share, placed, ids, now)?;
                    tasks.push(convert::task(tx, &task, true));
                    tx.put(task);
                }
                Err(refusal) => failures.push(failure(&needs, share, &refusal)?),
            }
        }
    }
    Ok(RunTaskResponse { tasks: Some(tasks), failures: Some(failures) })
}

/// The answer of an earlier call with the same `clientToken`: its tasks as they are now, STOPPED ones included until
/// they are forgotten. A call that started no task has left nothing to find, so its token starts anew.
fn replay(state: &State, order: &Order) -> Result<Option<RunTaskResponse>, Refusal> {
    let Some(request) = &order.client_request else { return Ok(None) };
    let made: Vec<_> = state.tasks_by_client_token(&order.scope, &order.cluster, &request.token).collect();
    if made.is_empty() {
        return Ok(None);
    }
    if made.iter().any(|task| task.client_request.as_ref() != Some(request)) {
        let arns = made.iter().map(|task| arn::task(&task.scope, &task.cluster, &task.id));
        return Err(Refusal::ClientTokenInUse { tasks: arns.collect() });
    }
    // What the earlier call could not place it did not keep; that there are fewer tasks is said again.
    let lacking = || Failure { arn: None, reason: Some(NOT_REPLAYED.to_owned()), detail: None };
    let failures = (made.len()..order.count as usize).map(|_| lacking()).collect();
    let tasks = made.into_iter().map(|task| convert::task(state, task, true)).collect();
    Ok(Some(RunTaskResponse { tasks: Some(tasks), failures: Some(failures) }))
}

fn failure(needs: &Needs, share: &Share, refusal: &core_place::Refusal) -> Result<Failure, Refusal> {
    let reason = match needs.launch_type {
        LaunchType::Fargate => NO_CAPACITY,
        LaunchType::Ec2 | LaunchType::External => match (&share.provider, refusal.nearest()) {
            (None, None) => return Err(Refusal::NoInstances),
            (Some(_), None) => FailureReason::EmptyCapacityProvider.as_str(),
            (Some(_), Some((core_place::Reason::Inactive, _))) => FailureReason::NoActiveInstances.as_str(),
            (_, Some((reason, _))) => reason.as_str(),
        },
    };
    let instance = refusal.nearest().filter(|_| needs.launch_type != LaunchType::Fargate);
    Ok(Failure {
        arn: instance.map(|(_, id)| arn::container_instance(&needs.scope, &needs.cluster, id)),
        reason: Some(reason.to_owned()),
        detail: Some(refusal.to_string()),
    })
}
