//! Volumes on a real file system. Those that mount need root, and leave nothing mounted.

mod directories;
mod mounts;
mod shared;
mod support;
