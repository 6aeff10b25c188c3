//! What must hold in every state of Wharf, as named predicates over plain records.
//!
//! What it is not: a repair, a log or a metric. A predicate looks at what it is handed and answers; tests, the
//! simulator and production decide what a [`Violation`] means to them. The ids are those of `docs/invariants.md`.
//!
//! Invariants of this crate itself: no predicate panics, whatever the records say; the answer depends on the
//! records only, not on their order.
//!
//! Start at [`check_task_change`] (one record, before and after) and [`check_all`] (a whole snapshot).

mod capacity;
mod change;
mod definition;
mod host;
mod network;
mod place;
mod record;
#[cfg(test)]
mod tests;
mod view;
mod violation;

pub use capacity::{instance_is_of_the_group, providers_have_their_shares};
pub use change::{
    check_task_change, containers_never_go_back, desired_never_returns, status_never_goes_back,
    version_counts_changes,
};
pub use definition::{revision_was_deleted, revisions_are_dense, revisions_are_immutable};
pub use host::{
    container_was_asked_for, executed_once, host_is_not_overcommitted, intent_is_kept, is_written_off,
    nothing_is_left, nothing_is_shared, request_counts_once, running_was_seen,
};
pub use network::{addresses_are_unique, interfaces_follow_tasks};
pub use place::{instance_took_tasks, instances_are_not_overcommitted, is_alone_of_group, tasks_have_hosts};
pub use record::{stopped_tasks_are_explained, times_are_ordered};
pub use view::{View, check_all};
pub use violation::{Check, Violation};
