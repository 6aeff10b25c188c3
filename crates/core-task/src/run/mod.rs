//! The agent's side: one task on one host, as a state machine.
//!
//! ```text
//!            facts                        commands
//!   host ───────────► step(&mut State) ───────────► shell ───────────► host
//! ```
//!
//! Three parts of a [`State`], one writer each: *desired* (upstream's order, or the consequence of an essential
//! container's end), *observed* (facts from the host) and *reported* (what upstream has acknowledged). What has to be
//! done is a pure function of the three, [`State::outstanding`]; [`step`] answers with the difference that a fact made.
//! A restarted agent loads the state, feeds what it finds on the host, and carries out all that is outstanding: there
//! is no other path for recovery.
//!
//! What the shell owes the machine: each command is carried out until it has led to its fact (with retries where
//! failing is no answer); [`Delta::persist`] is obeyed before commands are begun that need it; effects are idempotent.
//!
//! Life of a task: images pull, log streams, volumes, cgroup and network are made, all at the same time; each container
//! starts once its `dependsOn` is met; its health is checked while it runs; one whose restart policy says so is started
//! again in place, which upstream does not hear of; an essential container's end, or upstream, stops the rest,
//! dependants first, SIGTERM and SIGKILL after `stopTimeout`; logs are finished, remains removed, the network detached,
//! and then, only then, STOPPED is reported, so that upstream may reuse the address.
//!
//! A dependency that can never be met ends the container that waits, and so the task if that is essential: nothing
//! stays PENDING for a condition that cannot come. There is no `startTimeout` but the one that is given: a COMPLETE or
//! SUCCESS may take as long as it takes, and HEALTHY ends with UNHEALTHY at the latest.

mod command;
mod fact;
mod health;
mod reporting;
mod settle;
mod spec;
mod state;
mod step;
#[cfg(test)]
mod tests;

pub use command::{Command, Signal, Timer};
pub use fact::{Exit, Fact, Outcome, StartError};
pub use health::Health;
pub use spec::{Condition, ContainerSpec, Dependency, HealthCheck, RestartPolicy, Spec, SpecError};
pub use state::{Container, Desired, End, Observed, Phase, Resource, State};
pub use step::{Delta, step};
