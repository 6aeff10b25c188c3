//! Placement: which container instance takes a task, and, when none does, why each of them refused; which tasks to stop when
//! there are to be fewer; how a capacity provider strategy divides them; and the cluster query language.
//!
//! What it is not: it neither reads the store nor writes a task, and it starts nothing. [`Hosts`] is a view of the records
//! ([`model::view::View`]); [`Hosts::plan`] names an instance for each task, and whoever applies the plan writes records
//! that the view is told of.
//!
//! Invariants
//! - INV-PLACE-1: a plan never overcommits an instance, not even by the tasks of the same plan.
//! - INV-PLACE-2: a plan follows from the records and the needs alone: it is the same for a view that was kept up to date
//!   and for a fresh one, for one that has made other plans and for one that has not, and is what a scan of all instances
//!   would answer.
//! - INV-PLACE-3: when a task is refused, every instance that was asked is counted under exactly one reason.
//! - INV-PLACE-4: what the view knows is what a look at all records would give ([`Hosts::difference`]).
//!
//! Start at [`Hosts`] (the view), [`Needs`] (the question), [`Hosts::plan`] and [`plan_stops`]; [`Hosts::plan_on`] when the
//! caller chose the instance. The README states the problem and how it is solved.

mod attributes;
#[cfg(feature = "bench")]
pub mod bench;
pub mod capacity;
mod difference;
mod eni;
mod fit;
mod host;
mod hosts;
mod intern;
mod judge;
mod kept;
mod needs;
mod order;
mod plan;
mod pool;
pub mod query;
mod ranking;
mod refusal;
mod standings;
mod stops;
#[cfg(test)]
mod tests;
mod winners;

pub use attributes::required_attributes;
pub use hosts::Hosts;
pub use needs::{Constraint, Needs};
pub use plan::{Place, Placement};
pub use refusal::{Reason, Refusal};
pub use stops::plan_stops;
