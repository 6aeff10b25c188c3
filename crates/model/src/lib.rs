//! The vocabulary of every other crate: ids, ARNs, the records that Wharf keeps, and the ordered states
//! with their transition tables. AWS nouns are used exactly as AWS uses them.
//!
//! What it is not: wire shapes (crate `wire`), storage (crate `store`), or behaviour. Nothing here does I/O,
//! reads a clock or draws a random number.
//!
//! Start at [`task::Task`] and [`task::TaskStatus`].

pub mod account_setting;
pub mod arn;
pub mod capacity_provider;
pub mod cluster;
pub mod container;
pub mod demand;
pub mod fargate;
#[cfg(any(test, feature = "fixture"))]
pub mod fixture;
pub mod id;
pub mod identity;
pub mod instance;
pub mod logs;
pub mod metrics;
pub mod network;
pub mod placement;
pub mod reason;
pub mod scope;
pub mod tag;
pub mod task;
pub mod task_definition;
pub mod task_id;
pub mod time;
pub mod view;
pub mod volume;

pub use id::*;
pub use scope::Scope;
pub use tag::Tags;
pub use task_id::TaskId;
pub use time::Timestamp;
