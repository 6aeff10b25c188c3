//! Real containers of a busybox. They need root and say so when they are skipped.

mod adoption;
mod isolation;
mod lifecycle;
mod resources;
mod stage;
