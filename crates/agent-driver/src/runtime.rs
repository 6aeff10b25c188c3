//! The runtime driver: processes in namespaces and cgroups.

use crate::SpoolSpec;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// A container's id on its host: `TASKID-N`, lower-case letters, digits and hyphens, usable as a directory's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuntimeId(pub String);

impl std::fmt::Display for RuntimeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Limits that all containers of a task share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLimits {
    /// Hard CPU limit in units, 1024 a core.
    pub cpu_units: Option<u32>,
    /// Hard memory limit.
    pub memory_mib: Option<u32>,
}

/// Everything that a container is made of; nothing is left for the runtime to choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// Its id.
    pub id: RuntimeId,
    /// Its task's id; [`Runtime::ensure_task`] was called with it.
    pub task: String,
    /// Unpacked layers of the image, the topmost first.
    pub layers: Vec<PathBuf>,
    /// Program and arguments, not empty.
    pub args: Vec<String>,
    /// `NAME=value`. The runtime adds `PATH` and `HOME` when they are missing, as Docker does.
    pub env: Vec<String>,
    /// Working directory; created when the image lacks it. `/` when empty.
    pub cwd: String,
    /// `user[:group]` by name or number; looked up in the image's `/etc/passwd` and `/etc/group`. Root when empty.
    pub user: String,
    /// No writes to the root file system.
    pub readonly_rootfs: bool,
    /// Host name.
    pub hostname: String,
    /// Lines `(address, names)` of `/etc/hosts` after localhost's own.
    pub hosts: Vec<(Ipv4Addr, String)>,
    /// Name servers; the host's `resolv.conf` when empty.
    pub dns_servers: Vec<Ipv4Addr>,
    /// Its network.
    pub network: Namespace,
    /// CPU shares as Docker's `--cpu-shares`; 0 leaves the kernel's default.
    pub cpu_shares: u32,
    /// Hard memory limit.
    pub memory_mib: Option<u32>,
    /// Soft memory limit.
    pub memory_mib_reserved: Option<u32>,
    /// Where standard output and error go; `None` discards them.
    pub log: Option<SpoolSpec>,
}

/// A container's network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Namespace {
    /// The host's own.
    Host,
    /// A fresh one with nothing but loopback.
    Isolated,
    /// An existing one, bound at this path.
    Path(PathBuf),
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The exit status; 128 + the signal's number when a signal ended it.
    pub code: i32,
    /// When the shim saw it end, in milliseconds since the epoch.
    pub at_unix_ms: i64,
    /// The kernel killed a process of it for lack of memory.
    pub oom_killed: bool,
}

/// The signal to stop a container with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopSignal {
    /// SIGTERM, or what the image's `STOPSIGNAL` says.
    Terminate,
    /// SIGKILL, to every process of the container.
    Kill,
}

/// A container that was found on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its id.
    pub id: RuntimeId,
    /// Its task's id.
    pub task: String,
    /// Its state now.
    pub state: RuntimeState,
}

/// What the host says of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeState {
    /// Its process runs.
    Running,
    /// It has exited.
    Exited(Exit),
    /// Its maker died before its program was executed: it can be started as if it had never been.
    Unstarted,
    /// Its shim was killed, or the host went down: it may have run, and there is no exit code to be had.
    Lost,
}

/// Why the runtime could not do it. `Display` is the text after the error's name in ECS's `reason`.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// `CannotCreateContainerError`: nothing of the container was started.
    #[error("{0}")]
    Create(String),
    /// `CannotStartContainerError`: the program could not be executed.
    #[error("{0}")]
    Start(String),
    /// No such container.
    #[error("there is no container {0}")]
    NotFound(RuntimeId),
    /// The host failed us; what state the container is in is unknown.
    #[error("{0}")]
    Host(String),
}

/// Runs containers that outlive their agent.
#[async_trait]
pub trait Runtime: Send + Sync {
    /// Makes the task's cgroup with its limits. Idempotent.
    async fn ensure_task(&self, task: &str, limits: &TaskLimits) -> Result<(), RuntimeError>;
    /// Makes and starts a container; answers once its program has been executed (or could not be). A container with
    /// this id that already runs is left as it is.
    async fn start(&self, spec: ContainerSpec) -> Result<(), RuntimeError>;
    /// Sends a signal. A container that has exited already is no error.
    async fn stop(&self, id: &RuntimeId, signal: StopSignal) -> Result<(), RuntimeError>;
    /// Waits for the container's end; answers at once when it has ended, also after a restart of the agent.
    /// `NotFound` and `Host` mean that there will never be an exit code.
    async fn wait(&self, id: &RuntimeId) -> Result<Exit, RuntimeError>;
    /// Removes the container and all that it left: processes, cgroup, mounts, files. Idempotent.
    async fn remove(&self, id: &RuntimeId) -> Result<(), RuntimeError>;
    /// Removes the task's cgroup. Idempotent; its containers were removed before.
    async fn remove_task(&self, task: &str) -> Result<(), RuntimeError>;
    /// Every container that this runtime left on the host.
    async fn list(&self) -> Result<Vec<Seen>, RuntimeError>;
}
