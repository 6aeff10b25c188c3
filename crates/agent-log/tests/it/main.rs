//! The crate as its users see it.

#![allow(clippy::unwrap_used)] // Also in what the tests share.

mod awslogs;
mod fluentd;
mod json_file;
mod sink;
mod spool;
