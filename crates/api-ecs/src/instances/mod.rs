//! Container instances: one file for each operation.

mod attributes;
mod deregister;
mod describe;
mod list;
mod register;
mod update_agent;
mod update_state;
