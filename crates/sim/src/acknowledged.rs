//! INV-ACS-5: a task that an agent has written down is known to be there before long, or the session ends.

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
    // By task and session.
    let mut since: BTreeMap<(String, i64), Instant> = BTreeMap::new();
    loop {
        sleep(PERIOD).await;
        let Some(plane) = world.plane() else { continue };
        let state = plane.store.snapshot();
        let mut unknown = BTreeMap::new();
        for session in state.all_instances().filter(|instance| instance.agent_connected) {
            let Some(host) = world.check.host_of(session.id.as_str()) else { continue };
            let disk = &world.nodes()[host].disk;
            // A payload of which one task cannot be written down is not acknowledged.
            if disk.had_trouble_within(BOUND * 2) {
                continue;
            }
            for task in state.tasks_to_tell(&session.id) {
                let is_unknown =
                    task.last_status == TaskStatus::Pending && task.times.connectivity_at.is_none();
                if is_unknown && disk.holds(task.id.as_str()) {
                    let key = (task.id.to_string(), session.timeline);
                    let at = since.get(&key).copied().unwrap_or_else(Instant::now);
                    unknown.insert(key, at);
                }
            }
        }
        since = unknown;
        if let Some(((task, _), _)) = since.iter().find(|(_, at)| at.elapsed() > BOUND) {
            let text = format!("task {task} is in its agent's ledger for a minute, and nobody knows");
            return world.fail(Violation { id: "INV-ACS-5", text });
        }
    }
}
