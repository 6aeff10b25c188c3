//! One task: what an agent's report means for its record ([`report`]), and how an agent runs it ([`run`]).
//!
//! What it is not: it neither reads the store nor touches a host. [`report`] changes a record that it is handed;
//! [`run`] answers facts with commands that a shell carries out.
//!
//! Invariants: a status never goes back, whatever is reported in whatever order, and however often (INV-TASK-1,
//! INV-TASK-3); a record's version grows exactly when something of it changed (INV-TASK-4); an agent starts a
//! container once, and again only when its restart policy says so (INV-RUN-1); a task that is told to stop stops and
//! leaves nothing (INV-RUN-3); STOPPED means that its address may be used again (INV-RUN-2).
//!
//! Start at [`report::apply_report`] and [`run::step`].

pub mod report;
pub mod run;
