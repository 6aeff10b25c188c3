//! StartTask: as RunTask, on instances that the caller chose.

use super::capacity::Capacity;
use super::order::Order;
use super::place;
use crate::{Ecs, Refusal, convert, lookup, names};
use core_place::Hosts;
use model::time::IdSource;
use model::{InstanceId, Timestamp, arn};
use store::Tx;
use wire::Cx;
use wire::ecs::{Failure, StartTaskRequest, StartTaskResponse};

/// Instances of one StartTask (ECS API Reference: StartTask).
const INSTANCES_MAX: usize = 10;

impl Ecs {
    /// StartTask: one task on each instance. Those that cannot take one are in `failures[]`.
    pub(crate) async fn start_task(
        &self,
        cx: &Cx,
        input: StartTaskRequest,
    ) -> Result<StartTaskResponse, Refusal> {
        let chosen = input.container_instances.clone();
        match chosen.len() {
            0 => return Err(Refusal::InstancesEmpty),
            n if n > INSTANCES_MAX => {
                return Err(Refusal::TooMany { what: "containerInstances", most: INSTANCES_MAX });
            }
            _ => {}
        }
        let order = Order::parse_start(cx, input)?;
        let named = |text: &String| names::instance(&cx.scope, &order.cluster, text);
        let instances = chosen.iter().map(named).collect::<Result<Vec<_>, _>>()?;
        let now = self.clock.now();
        let answer = self.store.commit(|tx| start(tx, order.clone(), &instances, &*self.ids, now)).await?;
        for task in answer.tasks.iter().flatten() {
            tracing::info!(task = task.task_arn, status = task.last_status, "task created");
        }
        Ok(answer)
    }
}

fn start(
    tx: &mut Tx,
    mut order: Order,
    instances: &[InstanceId],
    ids: &dyn IdSource,
    now: Timestamp,
) -> Result<StartTaskResponse, Refusal> {
    lookup::active_cluster(tx, &order.scope, &order.cluster)?;
    order.read_settings(tx);
    let definition = order.definition(tx)?;
    let capacity = Capacity::choose(tx, &order)?;
    order.check(&definition, capacity.launch_type)?;
    let share = &capacity.shares[0];
    let needs = place::needs(&order, &definition, &capacity, share, 0)?;
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for instance in instances {
        let instance_arn = arn::container_instance(&order.scope, &order.cluster, instance);
        let is_here = tx.instance(&order.scope, instance).is_some_and(|i| i.cluster == order.cluster);
        match is_here.then(|| tx.view::<Hosts>().plan_on(&needs, instance)).flatten() {
            Some(Ok(placed)) => {
                let task = place::task(&order, &definition, &needs, share, placed, ids, now)?;
                tasks.push(convert::task(tx, &task, true));
                tx.put(task);
            }
            Some(Err(reason)) => failures.push(Failure {
                arn: Some(instance_arn),
                reason: Some(reason.as_str().to_owned()),
                detail: None,
            }),
            None => failures.push(convert::missing(instance_arn)),
        }
    }
    Ok(StartTaskResponse { tasks: Some(tasks), failures: Some(failures) })
}
