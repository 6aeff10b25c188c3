//! Task definitions: one file for each operation, and the rules of registration, one file for each thing that a
//! definition says something about.

mod check;
mod container;
mod containers;
mod delete;
mod dependencies;
mod deregister;
mod describe;
pub(crate) mod ephemeral_storage;
mod fargate;
pub(crate) mod gpus;
mod health_check;
mod invalid;
mod limits;
mod linux;
mod list;
mod log_options;
mod mounts;
mod network;
mod parse;
mod placement;
mod ports;
mod register;
mod restart_policy;
mod security;
mod settings;
pub(crate) mod size;
mod volumes;

pub(crate) use invalid::Invalid;
