//! What an agent asks of its host: one trait for each driver, and the plain types that they exchange.
//!
//! What it is not: any driver. `agent-runtime`, `agent-image`, `agent-net`, `agent-volume` and `agent-log` implement
//! these traits for a real host, the simulator implements them without one, and `agent` knows only what is here.
//!
//! Every effect is idempotent: asked for twice, it happens once. Every driver can list what it left on the host, so
//! that an agent that was killed can adopt or remove it.
//!
//! Start at [`Runtime`].

mod image;
mod log;
mod network;
mod runtime;
mod volume;

pub use image::{Image, ImageConfig, ImageId, Images, PullError, PullPolicy};
pub use log::{
    AwslogsSpec, FluentdSpec, JsonFileSpec, LogDestination, LogError, LogEvent, LogOutput, LogSink, LogSpec,
    Logs, Multiline, SinkError, SpoolMode, SpoolSpec,
};
pub use network::{
    Attached, AwsvpcSpec, BridgeContainer, BridgeSpec, Endpoint, Network, NetworkError, NetworkSpec,
    PortBinding, PortRequest, Protocol,
};
pub use runtime::{
    ContainerSpec, Device, EXEC_OUTPUT_BYTES_MAX, ExecEnd, ExecSpec, Exit, Limits, Mount, Namespace,
    NetworkStats, Networking, Runtime, RuntimeError, RuntimeId, RuntimeState, Sandbox, Security, Seen,
    Sharing, Stats, StopSignal, Storage, TaskSpec, Tmpfs, Ulimit,
};
pub use volume::{DockerVolume, MountSource, VolumeError, VolumeScope, VolumeSource, VolumeSpec, Volumes};
