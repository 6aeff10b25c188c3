//! What a [`Source`](crate::Source) tells, before it has the form of an answer. Times are milliseconds since the epoch;
//! an empty string or collection stands for nothing and is left out of answers, unless AWS's agent writes it.

mod container;
mod network;
mod stats;
mod task;

pub use container::{ContainerView, HealthView, Limits, PortView, VolumeView};
pub use network::{InterfaceView, NetworkView};
pub use stats::{CpuSample, InterfaceStats, StatsSample, StatsView, Throttling};
pub use task::{EphemeralStorageView, InstanceView, TaskLimits, TaskView};
