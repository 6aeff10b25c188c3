//! Typed tables in memory, snapshots, watch; a durable journal under them
