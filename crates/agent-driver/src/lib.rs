//! What an agent asks of its host: one trait for each driver, and the plain types that they exchange.
//!
//! What it is not: any driver. `agent-runtime`, `agent-image`, `agent-net` and `agent-log` implement these traits for
//! a real host, the simulator implements them without one, and `agent` knows only what is here.
//!
//! Every effect is idempotent: asked for twice, it happens once. Every driver can list what it left on the host, so
//! that an agent that was killed can adopt or remove it.
//!
//! Start at [`Runtime`].

mod image;
mod log;
mod network;
mod runtime;

pub use image::{Image, ImageConfig, ImageId, Images, PullError, PullPolicy};
pub use log::{AwslogsSpec, LogError, LogEvent, LogSink, Logs, SinkError, SpoolMode, SpoolSpec};
pub use network::{Attached, Network, NetworkError, NetworkSpec};
pub use runtime::{
    ContainerSpec, Exit, Namespace, Runtime, RuntimeError, RuntimeId, RuntimeState, Seen, StopSignal,
    TaskLimits,
};
