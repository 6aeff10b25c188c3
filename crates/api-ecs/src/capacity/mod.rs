//! Capacity providers, and the strategies that name them.

mod delete;
mod describe;
mod providers;
mod put;
mod refusal;
mod strategy;

pub(crate) use refusal::CapacityRefusal;
pub(crate) use strategy::{check_cluster, cluster_providers, parse as parse_strategy};
