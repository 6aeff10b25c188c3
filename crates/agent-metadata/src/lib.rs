//! What the containers of a task, and programs on the host, can ask the agent over HTTP: the task metadata endpoint
//! (versions 3 and 4), task protection from inside a task, and the agent's introspection.
//!
//! What it is not: a holder of state. Everything is asked of a [`Source`], which the agent implements, at the moment of
//! the request; here it gets the names, the order and the formats of AWS's pages "Amazon ECS task metadata endpoint
//! version 4" and "Amazon ECS container introspection".
//!
//! Start at [`Source`], then [`serve_tasks`].

mod answer;
mod endpoint;
mod host;
mod introspection;
mod limit;
mod places;
mod route;
mod server;
mod source;
#[cfg(test)]
mod tests;
mod view;

pub use endpoint::serve_tasks;
pub use host::host_cpu_ns;
pub use introspection::serve_introspection;
pub use limit::RateLimit;
pub use source::{CallError, Found, Protection, ProtectionAnswer, Source};
pub use view::{
    ContainerView, CpuSample, EphemeralStorageView, HealthView, InstanceView, InterfaceStats, InterfaceView,
    Limits, NetworkView, PortView, StatsSample, StatsView, TaskLimits, TaskView, Throttling, VolumeView,
};
