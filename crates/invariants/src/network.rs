//! Addresses.

use crate::violation::{Check, Violation, ensure};
use model::TaskId;
use model::network::Eni;
use model::task::{Task, TaskStatus};
use std::collections::BTreeMap;

/// INV-NET-1: an address belongs to at most one task.
pub fn addresses_are_unique<'a>(enis: impl IntoIterator<Item = &'a Eni>) -> Check {
    let mut owners = BTreeMap::new();
    enis.into_iter().try_for_each(|eni| match owners.insert(eni.address, &eni.task) {
        None => Ok(()),
        Some(other) => {
            let text = format!("{} belongs to task {other} and to task {}", eni.address, eni.task);
            Err(Violation { id: "INV-NET-1", text })
        }
    })
}

/// INV-NET-2: exactly the tasks that have an interface and are not STOPPED hold a network interface's row, and the
/// row says what the task says.
pub fn interfaces_follow_tasks<'a>(
    tasks: impl IntoIterator<Item = &'a Task>,
    enis: impl IntoIterator<Item = &'a Eni>,
) -> Check {
    let mut rows: BTreeMap<&TaskId, &Eni> = enis.into_iter().map(|e| (&e.task, e)).collect();
    for task in tasks.into_iter().filter(|t| t.last_status != TaskStatus::Stopped) {
        let Some(interface) = task.eni.as_ref().and_then(|a| a.interface.as_ref()) else { continue };
        let row = rows.remove(&task.id);
        let agrees = row.is_some_and(|r| r.address == interface.address && r.id == interface.eni);
        ensure("INV-NET-2", agrees, || format!("task {} has {interface:?}, its row is {row:?}", task.id))?;
    }
    match rows.values().next() {
        None => Ok(()),
        Some(row) => {
            let text = format!("{} is held by task {}, which is over or never had it", row.address, row.task);
            Err(Violation { id: "INV-NET-2", text })
        }
    }
}
