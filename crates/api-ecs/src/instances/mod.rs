//! Container instances: one file for each operation.

mod deregister;
mod describe;
mod list;
mod register;
