//! Against a real Docker Engine, which each test starts for itself in a network namespace of its own. They are skipped,
//! saying so, where `dockerd` is not installed.

#![allow(clippy::unwrap_used, reason = "what fails here fails a test")]

mod needs_root {
    mod lifecycle;
    mod logs;
    mod network;
    mod options;
    mod resources;
    mod shared;
    mod stage;
    mod volumes;
}
