//! Real containers of a busybox. They need root and say so when they are skipped.

#![allow(clippy::unwrap_used, reason = "what fails here fails a test")]

mod adoption;
mod isolation;
mod lifecycle;
mod resources;
mod stage;
