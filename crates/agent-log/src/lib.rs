//! Log drivers: how a container's output gets off the host.
//!
//! Two processes share a directory, the *spool*. The shim of a container writes it ([`spool::Writer`]: one thread, no
//! async, a few KiB of memory), so that output is kept while no agent runs. The agent reads it ([`spool::Reader`]) and
//! ships it to CloudWatch Logs or to Fluentd ([`LogShipper`]). Either may be killed at any moment. Docker's driver
//! `json-file` needs no shipper: the shim writes the file itself ([`json_file::JsonFileWriter`]).
//!
//! What it is not: CloudWatch Logs (the agent hands in an [`agent_driver::LogSink`]), and not the owner of the spool's
//! directory: the runtime removes it together with the container.
//!
//! Invariants:
//! - A line whose `write` returned is in the kernel; it survives the death of the shim and of the agent. It does not
//!   survive a power loss, and neither does its container.
//! - A segment is deleted only after every line in it was acknowledged by its destination, refused by it for good,
//!   or given up on after the container's exit.
//! - Delivery is at least once: after a kill -9 at most the batch that was under way is sent again.
//! - An idle container costs an inotify watch and an open file, and no timer.
//!
//! Start at [`spool`] for the format and at [`LogShipper`] for the driver.

mod backoff;
mod batch;
mod destination;
mod fluentd;
mod follower;
pub mod json_file;
mod multiline;
mod shipper;
pub mod spool;
mod watch;

pub use shipper::LogShipper;
