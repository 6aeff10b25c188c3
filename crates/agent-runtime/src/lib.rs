//! The embedded container runtime: it turns a [`ContainerSpec`](agent_driver::ContainerSpec) into a process in its own
//! namespaces and cgroup, under Docker's defaults for capabilities, seccomp, mounts and devices.
//!
//! Three processes take part:
//!
//! ```text
//! agent ── OciRuntime ──exec──▶ shim (shim_main) ──clone3──▶ init ──execve──▶ the container's program
//!          asynchronous          one thread, no tokio         sets itself up in its namespaces
//! ```
//!
//! The *shim* outlives the agent. It holds the lock of the container's directory, carries output into the log spool,
//! and records how the container ended; while the container is silent it rests as a program of a page (`rest.rs`).
//! [`OciRuntime`] keeps nothing in memory: all it knows it reads from the
//! directories, so an agent that was killed goes on where it was.
//!
//! What it is not: no image is pulled and no network made here, and there is no `config.json`; see
//! `docs/adr/0003-runtime.md` for why no OCI runtime is called.
//!
//! Invariants:
//! - A container runs only while its shim lives: the kernel kills init when the shim dies, and `remove` makes sure.
//! - The lock of `lock` is held from before the shim is started until it has ended, and not by anyone else: who finds
//!   it free knows that no shim will write here any more. Process ids in `state.json` are valid while it is held.
//! - `exit.json` appears once, whole, and after the last line of output was spooled.
//! - Mounts of a container exist in its own mount namespace only; nothing is left on the host when its init is gone.
//!
//! Needs root and Linux 5.10. Start at [`OciRuntime`] for the agent's side and at [`shim_main`] for the shim's.

mod capability;
mod cgroup;
mod check;
mod device;
mod dir;
mod etc;
mod exec;
mod holder;
mod init;
mod lsm;
mod rest;
mod rlimit;
mod rootfs;
mod runtime;
mod seccomp;
mod shim;
mod signal;
mod supervise;
mod sys;
mod sysctl;
mod terminal;
mod tmpfs;
mod user;

pub use runtime::{OciRuntime, OciRuntimeConfig, SILENCE_MS, ShimCommand};
pub use shim::shim_main;
