//! The Docker Engine as the agent's host: its containers, images, volumes and default bridge behind the traits of
//! `agent-driver`.
//!
//! ```text
//! agent ─▶ DockerHost ─┬─ runtime  containers by name, a hidden sandbox for what a task's containers share
//!                      ├─ images   pulls through the Engine
//!                      ├─ volumes  volumes of the Engine
//!                      ├─ network  host ports on the Engine's bridge; awsvpc goes to an inner driver
//!                      └─ output   copies what containers write into the spools that a log driver ships
//! ```
//!
//! What it is not: no namespace, file system or firewall rule is made here, and no log is shipped. The Engine has to run
//! on the same host: process ids, control groups and paths are looked up there.
//!
//! Invariants:
//! - Everything in the Engine carries the labels of its task and of this installation, so that several can share one
//!   Engine. Containers are known by names that follow from their ids: what was made is found again.
//! - Nothing but the data directory and the Engine's own records is needed to go on after a kill -9, of the agent or of
//!   the Engine. A request that found no Engine is made again for a while; each is safe to make twice.
//! - A line is in the spool once, whoever is killed meanwhile.
//!
//! Start at [`DockerHost`].

mod cgroup;
mod engine;
mod host;
mod images;
mod name;
mod network;
mod output;
mod port;
mod record;
mod runtime;
mod sandbox;
mod volumes;

pub use engine::EngineError;
pub use host::{DockerConfig, DockerHost};
