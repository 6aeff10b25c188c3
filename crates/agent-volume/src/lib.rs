//! Volumes of tasks on this host: directories of the host, task-scoped ones and shared ones, those of Docker's driver
//! `local` with its options among them.
//!
//! What it is not: it mounts nothing into containers and copies nothing out of images; the runtime does.
//!
//! ```text
//! task/TASK/NAME/volume.json     what the volume is; written last, so a volume without it is not there yet
//! task/TASK/NAME/data            its files, or where its file system is mounted
//! shared/NAME/volume.json, data  the same for one that outlives its tasks
//! shared/NAME/users/TASK         a task that uses it: it stays mounted while there is one
//! ```
//!
//! Start at [`HostVolumes`].

mod host_volumes;
mod layout;
mod mount;
mod options;
mod record;

pub use host_volumes::HostVolumes;
