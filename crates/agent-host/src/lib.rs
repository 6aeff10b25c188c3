//! What drivers of a real host do in the same way: each rule once, for all of them.
//!
//! What it is not: a driver. It keeps no state, starts nothing, and knows no task.
//!
//! Invariant: nothing follows a link, or goes into a file system that is mounted, in a tree that a container made.
//!
//! Start at [`remove_tree`].

mod interface;
mod mount_option;
mod names;
mod path;
mod port;
mod space;
mod tree;

pub use interface::interface_counters;
pub use mount_option::mount_flag;
pub use names::{hosts, resolv_conf};
pub use path::ensure_host_path;
pub use port::{PORTS_RESERVED, dynamic_ports};
pub use space::free_bytes;
pub use tree::{remove_tree, tree_bytes};
