//! INV-PLACE-4: what placement knows of each instance is what a look at all records gives, after whatever changes.

use crate::plane::Plane;
use core_place::Hosts;
use invariants::{Check as Verdict, Violation};
use store::{Store, StoreError};

/// How many commits there are from one look to the next. A look costs some commits for each instance: this keeps it to a
/// tenth of all. It only delays what is found: what a view knows wrongly, it goes on knowing.
pub fn commits_per_look(instances: usize) -> u64 {
    16 * instances.max(2) as u64
}

/// Looks at the view that the control plane places by, in a transaction that writes nothing.
pub async fn look(plane: &Plane) -> Verdict {
    look_in(&plane.store).await
}

async fn look_in(store: &Store) -> Verdict {
    let looked = store.commit(|tx| {
        let (instances, tasks) = (tx.all_instances().map(|i| &**i), tx.all_tasks().map(|t| &**t));
        let fresh = Hosts::from_records(instances, tasks);
        Ok::<_, StoreError>(tx.view::<Hosts>().difference(&fresh))
    });
    match looked.await {
        Ok(Some(text)) => Err(Violation { id: "INV-PLACE-4", text }),
        // A store that has failed is opened anew, without its views.
        Ok(None) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::fixture::{instance, task};
    use model::view::View;
    use store::{Committer, MemoryJournal};

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
        assert_eq!(look_in(&store).await, Ok(()));
        let spoil = store.commit(|tx| {
            tx.view::<Hosts>().observe_task(Some(&placed()), None);
            Ok::<_, StoreError>(())
        });
        spoil.await.unwrap();
        assert_eq!(look_in(&store).await.map_err(|violation| violation.id), Err("INV-PLACE-4"));
    }
}
