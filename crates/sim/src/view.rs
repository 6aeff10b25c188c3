//! INV-PLACE-4: what placement knows of each instance is what a look at all records gives, after whatever changes.

use crate::plane::Plane;
use crate::witness::peek;
use crate::world::World;
use core_place::Hosts;
use invariants::{Check as Verdict, Violation};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::Store;
use tokio::time::sleep;

/// A look costs some commits for each instance: this keeps it to a tenth of all. It only delays what is found: what a view
/// knows wrongly, it goes on knowing.
const COMMITS_PER_INSTANCE: u64 = 16;

/// Looks after every so many commits, for ever.
pub async fn watch(world: Arc<World>) {
    let commits = || world.tally.commits.load(Ordering::Relaxed);
    let between = COMMITS_PER_INSTANCE * world.knobs.nodes.max(2) as u64;
    let mut looked_at = 0;
    loop {
        sleep(Duration::from_millis(250)).await;
        if commits() < looked_at + between {
            continue;
        }
        if let Some(plane) = world.plane().filter(|plane| !plane.life.is_dead()) {
            looked_at = commits();
            world.verdict(look(&plane));
        }
    }
}

/// Looks at the view that the control plane places by.
pub fn look(plane: &Plane) -> Verdict {
    look_in(&plane.store)
}

fn look_in(store: &Store) -> Verdict {
    let difference = peek(store, |tx| {
        let (instances, tasks) = (tx.all_instances().map(|i| &**i), tx.all_tasks().map(|t| &**t));
        let fresh = Hosts::from_records(instances, tasks);
        tx.view::<Hosts>().difference(&fresh)
    });
    match difference.flatten() {
        Some(text) => Err(Violation { id: "INV-PLACE-4", text }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::fixture::{instance, task};
    use model::view::View;
    use store::{Committer, MemoryJournal, StoreError};

    #[tokio::test]
    async fn a_view_that_somebody_spoiled_is_found() {
        let store = Store::open(Box::new(MemoryJournal::new()), Committer::Inline).unwrap();
        let placed = || model::task::Task { instance: Some("i1".into()), ..task(&["app!"]) };
        let write = store.commit(|tx| {
            tx.view::<Hosts>();
            tx.put(model::task_definition::TaskDefinition::clone(&placed().definition));
            tx.put(instance("i1", 4096, 8192));
            tx.put(placed());
            Ok::<_, StoreError>(())
        });
        write.await.unwrap();
        assert_eq!(look_in(&store), Ok(()));
        let spoil = store.commit(|tx| {
            tx.view::<Hosts>().observe_task(Some(&placed()), None);
            Ok::<_, StoreError>(())
        });
        spoil.await.unwrap();
        assert_eq!(look_in(&store).map_err(|violation| violation.id), Err("INV-PLACE-4"));
    }
}
