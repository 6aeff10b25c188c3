//! The control plane's moving parts: controllers, which take tasks one stage along, and the sessions over which agents
//! are told what to run.
//!
//! What it is not: an API (crates `api-*` write intent into the store and never call this crate), or an agent. What a
//! fact means for a task's record is `core_task::report`'s to say; this crate decides when a fact is one.
//!
//! A controller takes no input. It looks at the store, computes a [`Plan`] and commits it whole; it is woken by the
//! store's watch or by a timer, and its path is the same at start-up, after a crash and in steady state. A session is
//! level-triggered in the same way: on each wake it compares what its instance should know with what this link has said.
//!
//! Invariants
//! - Plans are computed on the head of the store, inside the transaction that applies them: nothing is stale.
//! - INV-NET-1, INV-NET-2: a row for each address in use, released in the commit that stops the task.
//! - INV-ACS-1: an instance has at most one session; the newest wins.
//! - INV-ACS-2: `agentConnected` is true only while a session is open; this crate is its one writer.
//! - INV-ACS-3: a session's manifest has a higher timeline than that of any session before it.
//! - INV-ACS-4: a session ends soon after its agent's last frame.
//!
//! Start at [`Control`]; then `provision.rs` for a controller and `session/acs.rs` for a session.

pub mod address;
mod context;
mod control;
mod controller;
mod credentials;
mod orphans;
mod payload;
mod plan;
mod presence;
mod provision;
mod reaper;
mod release;
mod session;

pub use context::ControlConfig;
pub use control::Control;
pub use orphans::plan_orphans;
pub use payload::{Extras, compile, manifest};
pub use plan::{Change, Plan, Step};
pub use provision::plan_provision;
pub use reaper::plan_reap;
pub use release::plan_release;
pub use session::{
    ACS_ENDPOINT_PATH, Frame, Frames, Peer, SessionEnd, Socket, TCS_ENDPOINT_PATH, is_agent_path,
};
