//! Placement: which container instance takes a task, and, when none does, why each of them refused.
//!
//! What it is not: it neither reads the store nor writes a task, and it starts nothing. [`plan`] names an instance
//! for each task; whoever applies the plan checks the versions that the hosts were built from.
//!
//! Invariants: a plan never overcommits an instance (INV-PLACE-1), not even by the tasks of the same plan; the same
//! hosts and needs give the same plan; every refusal is explained for every instance that was considered.
//!
//! Start at [`Hosts`] (the view), [`Needs`] (the question) and [`plan`]; [`plan_on`] when the caller chose the host. The
//! README states the problem.

mod attributes;
#[cfg(feature = "bench")]
pub mod bench;
pub mod capacity;
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
pub use plan::{Place, Placement, plan, plan_on};
pub use refusal::{Reason, Refusal};
pub use stops::plan_stops;
