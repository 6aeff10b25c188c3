//! The runtime driver: processes in namespaces and cgroups.

use crate::{ImageId, LogOutput, MountSource, PortBinding};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

/// A container's id on its host: `TASKID-N`, lower-case letters, digits and hyphens, usable as a directory's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuntimeId(pub String);

impl std::fmt::Display for RuntimeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the containers of a task share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// The task's id.
    pub id: String,
    /// Hard CPU limit in units, 1024 a core.
    pub cpu_units: Option<u32>,
    /// Hard memory limit.
    pub memory_mib: Option<u32>,
    /// Some container has [`Sharing::Task`] for its processes.
    pub shares_pid: bool,
    /// Some container has [`Sharing::Task`] for its IPC.
    pub shares_ipc: bool,
    /// The task gets a network of its own (awsvpc).
    pub has_network: bool,
    /// The host name that goes with that network; for a runtime whose [`Sandbox`] has one for all.
    #[serde(default)]
    pub hostname: String,
}

/// What a runtime made for a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// The task's network namespace, of a runtime that cannot use one that was made elsewhere. The network driver
    /// attaches into it.
    pub netns: Option<PathBuf>,
}

/// Everything that a container is made of; nothing is left for the runtime to choose. `Default` is an empty one, for
/// tests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// Its id.
    pub id: RuntimeId,
    /// Its task's id; [`Runtime::ensure_task`] was called with it.
    pub task: String,
    /// The image that `layers` are of.
    pub image: ImageId,
    /// Unpacked layers of the image, the topmost first. Empty when the runtime keeps images itself.
    pub layers: Vec<PathBuf>,
    /// Program and arguments, not empty.
    pub args: Vec<String>,
    /// `NAME=value`. The runtime adds `PATH` and `HOME` when they are missing, and `TERM` with a terminal, as Docker
    /// does.
    pub env: Vec<String>,
    /// Working directory; created when the image lacks it. `/` when empty.
    pub cwd: String,
    /// `user[:group]` by name or number; looked up in the image's `/etc/passwd` and `/etc/group`. Root when empty.
    pub user: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The signal of [`StopSignal::Terminate`]: `SIGTERM` when empty.
    pub stop_signal: String,
    /// Files, devices and what may be written.
    pub storage: Storage,
    /// Names and namespace.
    pub network: Networking,
    /// Limits.
    pub limits: Limits,
    /// What its processes may do.
    pub security: Security,
    /// Whose processes it sees.
    pub pid: Sharing,
    /// Whose IPC objects it sees.
    pub ipc: Sharing,
    /// A process 1 of the runtime's reaps orphans and forwards signals to the program.
    pub init: bool,
    /// Standard input, output and error are a terminal.
    pub terminal: bool,
    /// Standard input stays open, with nothing to read; otherwise it is at its end.
    pub stdin_open: bool,
    /// Where standard output and error go.
    pub log: LogOutput,
}

/// A container's file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storage {
    /// No writes to the root file system.
    pub readonly_rootfs: bool,
    /// Volumes, in the order of mounting.
    pub mounts: Vec<Mount>,
    /// Memory file systems.
    pub tmpfs: Vec<Tmpfs>,
    /// Devices beyond Docker's defaults.
    pub devices: Vec<Device>,
    /// Size of `/dev/shm`; Docker's 64 MiB when `None`.
    pub shm_bytes: Option<u64>,
}

/// A volume in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// What is mounted.
    pub source: MountSource,
    /// An absolute path in the container; created when the image lacks it.
    pub target: String,
    /// No writes through it.
    pub read_only: bool,
    /// An empty volume first gets what the image has at `target`, and that directory's owner and mode, as Docker does
    /// for volumes (and not for directories of the host).
    pub copy_up: bool,
}

/// A memory file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tmpfs {
    /// An absolute path in the container.
    pub target: String,
    /// Mount options, as Docker's `--tmpfs` takes them: `size=64m,noexec`.
    pub options: String,
}

/// A device of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// On the host; a directory means the devices in it.
    pub host_path: String,
    /// In the container.
    pub container_path: String,
    /// Of `r`, `w` and `m`.
    pub permissions: String,
}

/// A container's network and the files that go with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Networking {
    /// Where its interfaces are.
    pub namespace: Namespace,
    /// Host name; of no effect in the host's namespace.
    pub hostname: String,
    /// Lines `(address, names)` of `/etc/hosts` after localhost's own.
    pub hosts: Vec<(IpAddr, String)>,
    /// Name servers; the host's when empty.
    pub dns_servers: Vec<IpAddr>,
    /// Search domains; the host's when empty.
    pub dns_search: Vec<String>,
}

/// A container's limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// CPU shares as Docker's `--cpu-shares`; 0 leaves the kernel's default.
    pub cpu_shares: u32,
    /// Hard memory limit.
    pub memory_mib: Option<u32>,
    /// Soft memory limit.
    pub memory_mib_reserved: Option<u32>,
    /// Memory and swap together, −1 for no limit; Docker's choice, twice the memory, when `None`.
    pub memory_swap_bytes: Option<i64>,
    /// 0 to 100; the kernel's when `None`.
    pub swappiness: Option<u8>,
    /// Resource limits.
    pub ulimits: Vec<Ulimit>,
    /// Kernel parameters of its namespaces.
    pub sysctls: BTreeMap<String, String>,
}

/// A resource limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// `nofile`, `nproc` …
    pub name: String,
    /// −1 is unlimited.
    pub soft: i64,
    /// −1 is unlimited.
    pub hard: i64,
}

/// What a container's processes may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Security {
    /// All capabilities, all devices, no seccomp, writable `/proc` and `/sys`.
    pub privileged: bool,
    /// Beyond Docker's defaults: names without `CAP_`, or `ALL`.
    pub capabilities_add: Vec<String>,
    /// Taken from Docker's defaults; `ALL` first, then what was added.
    pub capabilities_drop: Vec<String>,
    /// `no-new-privileges`.
    pub no_new_privileges: bool,
    /// `apparmor=PROFILE`.
    pub apparmor: Option<String>,
    /// `label=…`, for SELinux.
    pub labels: Vec<String>,
}

/// Whose namespace a container is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sharing {
    /// Its own.
    #[default]
    Private,
    /// The one that the task's containers share.
    Task,
    /// The host's.
    Host,
}

/// A container's network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Namespace {
    /// The host's own.
    Host,
    /// A fresh one with nothing but loopback.
    #[default]
    Isolated,
    /// An existing one, bound at this path.
    Path(PathBuf),
    /// The one in its task's [`Sandbox`].
    Sandbox,
    /// A fresh one on the runtime's own bridge, of a runtime that has one.
    RuntimeBridge {
        /// Ports of the host that lead to it.
        ports: Vec<PortBinding>,
        /// Containers that it knows by these names.
        links: Vec<(RuntimeId, String)>,
    },
}

/// A program to run in a container that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecSpec {
    /// Program and arguments, not empty. Environment, user and working directory are the container's own.
    pub args: Vec<String>,
    /// It is killed after this long.
    pub timeout_ms: u64,
}

/// How an [`ExecSpec`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecEnd {
    /// The exit status; 128 + the signal's number when a signal ended it. `None` when its time was up.
    pub code: Option<i32>,
    /// The first [`EXEC_OUTPUT_BYTES_MAX`] bytes that it wrote.
    pub output: String,
}

/// As many bytes of a health check's output as Docker keeps.
pub const EXEC_OUTPUT_BYTES_MAX: usize = 4096;

/// What a container uses, counted from its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// When it was read, in milliseconds since the epoch.
    pub at_unix_ms: i64,
    /// CPU time.
    pub cpu_total_ns: u64,
    /// Of it, in user mode.
    pub cpu_user_ns: u64,
    /// Of it, in the kernel.
    pub cpu_system_ns: u64,
    /// Memory in use, caches included.
    pub memory_bytes: u64,
    /// Most memory that was in use, where the kernel says.
    pub memory_bytes_max: u64,
    /// Caches of it that the kernel may drop.
    pub memory_cache_bytes: u64,
    /// The limit that holds for it, the host's memory without one.
    pub memory_limit_bytes: u64,
    /// Processes.
    pub pids: u64,
    /// Bytes read from block devices.
    pub storage_read_bytes: u64,
    /// Bytes written to block devices.
    pub storage_write_bytes: u64,
    /// By interface of its network namespace, without loopback.
    pub networks: BTreeMap<String, NetworkStats>,
}

/// Counters of one interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct NetworkStats {
    pub rx_bytes: u64,
    pub rx_packets: u64,
    pub rx_errors: u64,
    pub rx_dropped: u64,
    pub tx_bytes: u64,
    pub tx_packets: u64,
    pub tx_errors: u64,
    pub tx_dropped: u64,
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
    /// Whether [`Sandbox::netns`] is there for a task that has a network: then the network is attached after
    /// [`ensure_task`](Self::ensure_task).
    fn makes_network_namespaces(&self) -> bool {
        false
    }
    /// The security modules whose options ([`Security::apparmor`], [`Security::labels`]) it applies on this host: of
    /// `apparmor` and `selinux`.
    async fn security_modules(&self) -> Vec<&'static str> {
        Vec::new()
    }
    /// Makes what the task's containers share: its cgroup with its limits, its namespaces. Idempotent.
    async fn ensure_task(&self, task: &TaskSpec) -> Result<Sandbox, RuntimeError>;
    /// Makes and starts a container; answers once its program has been executed (or could not be). A container with
    /// this id that already runs is left as it is.
    async fn start(&self, spec: ContainerSpec) -> Result<(), RuntimeError>;
    /// Executes an exited container's program again, in the file system that it left, with its standard output where it
    /// was. `attempt` counts from 1; a container that has been restarted that often is left as it is.
    async fn restart(&self, id: &RuntimeId, attempt: u32) -> Result<(), RuntimeError>;
    /// Runs a program in a container and waits for its end. Nothing of it is left when this answers.
    async fn exec(&self, id: &RuntimeId, spec: &ExecSpec) -> Result<ExecEnd, RuntimeError>;
    /// What a running container uses now.
    async fn stats(&self, id: &RuntimeId) -> Result<Stats, RuntimeError>;
    /// Bytes on the disk that a container has written to its root file system, as far as they were counted; none when there
    /// is no such container.
    async fn written_bytes(&self, id: &RuntimeId) -> Result<u64, RuntimeError>;
    /// Sends a signal. A container that has exited already is no error.
    async fn stop(&self, id: &RuntimeId, signal: StopSignal) -> Result<(), RuntimeError>;
    /// Waits for the container's end; answers at once when it has ended, also after a restart of the agent.
    /// `NotFound` and `Host` mean that there will never be an exit code.
    async fn wait(&self, id: &RuntimeId) -> Result<Exit, RuntimeError>;
    /// Removes the container and all that it left: processes, cgroup, mounts, files. Idempotent.
    async fn remove(&self, id: &RuntimeId) -> Result<(), RuntimeError>;
    /// Removes what [`ensure_task`](Self::ensure_task) made. Idempotent; its containers were removed before.
    async fn remove_task(&self, task: &str) -> Result<(), RuntimeError>;
    /// Every container that this runtime left on the host.
    async fn list(&self) -> Result<Vec<Seen>, RuntimeError>;
}
