//! INV-ACS-4: a task that an agent has written down is known to be there before long, or the session ends.

use crate::world::World;
use invariants::Violation;
use model::task::TaskStatus;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often it is looked at.
const PERIOD: Duration = Duration::from_secs(5);
/// How long an acknowledgement may take on a session that lives on.
const BOUND: Duration = Duration::from_secs(60);

/// Looks for ever.
pub async fn watch(world: Arc<World>) {
    let scope = world.scope();
    // By task and session.
    let mut since: BTreeMap<(String, i64), Instant> = BTreeMap::new();
    loop {
        sleep(PERIOD).await;
        let Some(plane) = world.plane() else { continue };
        let state = plane.store.snapshot();
        let mut unknown = BTreeMap::new();
        for node in world.nodes() {
            // A payload of which one task cannot be written down is not acknowledged.
            if node.disk.had_trouble_within(BOUND * 2) {
                continue;
            }
            for id in node.disk.live_tasks() {
                let Some(task) = state.task(&scope, &id.as_str().into()) else { continue };
                let is_unknown =
                    task.last_status == TaskStatus::Pending && task.times.connectivity_at.is_none();
                let instance = task.instance.as_ref().and_then(|instance| state.instance_by_id(instance));
                let session = instance.filter(|instance| instance.agent_connected);
                if let Some(session) = session.filter(|_| is_unknown) {
                    let key = (id, session.timeline);
                    let at = since.get(&key).copied().unwrap_or_else(Instant::now);
                    unknown.insert(key, at);
                }
            }
        }
        since = unknown;
        if let Some(((task, _), _)) = since.iter().find(|(_, at)| at.elapsed() > BOUND) {
            let text = format!("task {task} is in its agent's ledger for a minute, and nobody knows");
            return world.fail(Violation { id: "INV-ACS-4", text });
        }
    }
}
