//! The control plane's side: every write to a task's record after its creation, but for its tags.
//!
//! Each `apply_*` takes the record to where a fact puts it, is idempotent, and ignores what comes too late. The steps
//! of a task's life, and who calls what:
//!
//! | fact | call | `lastStatus` |
//! |---|---|---|
//! | an instance and, in awsvpc mode, an address were found | [`apply_placed`] | PROVISIONING → PENDING |
//! | the agent acknowledged it | [`apply_accepted`] | |
//! | the agent reported | [`apply_report`] | → ACTIVATING, RUNNING; → DEPROVISIONING |
//! | the agent reported its containers' health | [`apply_health`] | |
//! | a caller protects it from scale-in | [`apply_protection`] | |
//! | somebody wants it to stop | [`apply_stop`] | PROVISIONING → DEPROVISIONING, else none |
//! | the agent was told to stop it | [`apply_stop_sent`] | → DEACTIVATING, STOPPING |
//! | its host is gone for good | [`apply_host_gone`] | → DEPROVISIONING |
//! | its address was given back | [`apply_released`] | DEPROVISIONING → STOPPED |

mod apply;
mod health;
mod message;
mod stop;
#[cfg(test)]
mod tests;

pub use apply::{Outcome, apply_accepted, apply_placed, apply_protection, apply_released, apply_report};
pub use health::{apply_health, task_health};
pub use message::{ContainerReport, Report, ReportedStatus};
pub use stop::{apply_host_gone, apply_stop, apply_stop_sent};
