//! Real containers of a busybox: all of it needs root, and the names say so.

#![allow(clippy::unwrap_used, reason = "what fails here fails a test")]

mod needs_root {
    mod adoption;
    mod isolation;
    mod lifecycle;
    mod options;
    mod process;
    mod resources;
    mod stage;
}
