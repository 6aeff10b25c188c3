//! Task definitions: one file for each operation, and the rules of registration.

mod check;
mod containers;
mod delete;
mod dependencies;
mod deregister;
mod describe;
mod invalid;
mod list;
mod log_options;
mod parse;
mod register;
pub(crate) mod size;

pub(crate) use invalid::Invalid;
