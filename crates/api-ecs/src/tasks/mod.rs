//! Tasks: one file for each operation, and what a RunTask asks for.

mod capacity;
mod describe;
mod list;
mod network;
mod order;
mod overrides;
mod place;
mod placement;
mod protection;
mod run;
mod start;
mod stop;

pub(crate) use order::client_token;
pub(crate) use placement::CONSTRAINTS_MAX;

use core_task::report::Outcome;
use model::TaskId;

/// The one info line of a transition of `lastStatus`.
pub(crate) fn log_transition(task: &TaskId, outcome: Outcome, cause: &'static str) {
    if let Some((from, to)) = outcome.transition {
        tracing::info!(%task, from = from.as_str(), to = to.as_str(), cause, "task status changed");
    }
}
