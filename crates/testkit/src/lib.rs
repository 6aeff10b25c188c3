//! Counterparts for tests: an Amazon ECS agent that speaks the protocol message by message, as the official one does
//! (version 1.105.1), and that takes nothing which the official one would drop.
//!
//! What it is not: an agent. It runs no container; what it would report is in [`Agent::reports`], and a test submits it.
//! Nothing of it is in a product.
//!
//! Start at [`Agent`], which is pure, then [`Link`], which lets it talk over any stream, and [`telemetry`].

mod agent;
mod link;
mod reconnect;
pub mod strict;
pub mod telemetry;

pub use agent::{Agent, Desired, Heard, StopReport};
pub use link::{Arrival, Link, Refused};
pub use reconnect::Reconnect;
