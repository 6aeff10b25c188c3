//! INV-LIVE-1: once every fault is healed and nobody asks for more, all that is wanted comes about within a bounded time.

use crate::world::World;
use invariants::Violation;
use model::instance::InstanceStatus;
use model::task::{DesiredStatus, Task, TaskStatus};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long it may take: the longest pull, and then some; less than a link lives at most, which mends much.
pub const BOUND: Duration = Duration::from_secs(15 * 60);

/// Waits until all that is wanted is so; after [`BOUND`], what is not is a violation.
pub async fn settle(world: &Arc<World>) {
    let began = Instant::now();
    loop {
        let missing = missing(world);
        let Some(missing) = missing else {
            world.trace.note(format_args!("settled after {} ms", began.elapsed().as_millis()));
            return;
        };
        if began.elapsed() > BOUND {
            let text = format!("{} s after the last fault: {missing}", BOUND.as_secs());
            return world.fail(Violation { id: "INV-LIVE-1", text });
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// The first thing that is not as it is wanted.
fn missing(world: &World) -> Option<String> {
    let Some(plane) = world.plane() else { return Some("no control plane".to_owned()) };
    let state = plane.store.snapshot();
    let mut connected = vec![0; world.nodes().len()];
    for instance in
        state.all_instances().filter(|i| i.status != InstanceStatus::Inactive && i.agent_connected)
    {
        if let Some(host) = world.check.host_of(instance.id.as_str()) {
            connected[host] += 1;
        }
    }
    if let Some(host) = connected.iter().position(|count| *count != 1) {
        return Some(format!("host {host} is {} connected instances", connected[host]));
    }
    if let Some(text) = state.all_tasks().find_map(|task| unfinished(task)) {
        return Some(text);
    }
    world.nodes().iter().find_map(|node| {
        let live = state.all_tasks().filter(|task| task.last_status == TaskStatus::Running);
        let is_here = |task: &Task| {
            let instance = task.instance.as_ref();
            instance.and_then(|id| world.check.host_of(id.as_str())) == Some(node.index)
        };
        node.disagreement(&live.map(|task| (task.id.to_string(), is_here(task))).collect())
    })
}

/// Why a task is not where it is wanted.
fn unfinished(task: &Task) -> Option<String> {
    let is_there = match task.desired_status {
        DesiredStatus::Stopped => task.last_status == TaskStatus::Stopped,
        DesiredStatus::Running => task.last_status == TaskStatus::Running,
    };
    let (wanted, is) = (task.desired_status.as_str(), task.last_status.as_str());
    (!is_there).then(|| format!("task {} on {:?} is wanted {wanted} and is {is}", task.id, task.instance))
}
