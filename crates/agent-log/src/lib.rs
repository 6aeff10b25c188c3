//! Log drivers: how a container's output gets off the host.
//!
//! Two processes share a directory, the *spool*. The shim of a container writes it ([`spool::Writer`]: one thread, no
//! async, a few KiB of memory), so that output is kept while no agent runs. The agent reads it ([`spool::Reader`]) and
//! ships it ([`Awslogs`]). Either may be killed at any moment.
//!
//! What it is not: CloudWatch Logs (the agent hands in an [`agent_driver::LogSink`]), and not the owner of the spool's
//! directory: the runtime removes it together with the container.
//!
//! Invariants:
//! - A line whose `write` returned is in the kernel; it survives the death of the shim and of the agent. It does not
//!   survive a power loss, and neither does its container.
//! - A segment is deleted only after every line in it was acknowledged by the sink, refused by it for good, or dropped
//!   because the spool is non-blocking.
//! - Delivery is at least once: after a kill -9 at most the batch that was under way is sent again.
//! - An idle container costs an inotify watch and an open file, and no timer.
//!
//! Start at [`spool`] for the format and at [`Awslogs`] for the driver.

mod awslogs;
mod backoff;
mod batch;
mod follower;
pub mod spool;
mod watch;

pub use awslogs::Awslogs;
