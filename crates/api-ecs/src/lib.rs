//! The ECS API: requests into intent in the store, records into answers.
//!
//! What it is not: it starts and stops nothing. RunTask and StopTask write what is wanted; controllers and agents bring
//! it about. It knows no protocol (crate `wire` has checked a request against AWS's model before it arrives here), and
//! what an agent's report means is decided in `core-task`.
//!
//! Invariants
//! - An answer tells of durable state only; a refused request has changed nothing.
//! - Each operation is one transaction: names are resolved, rules checked and rows written on the same state.
//! - A caller sees the records of its own account and region only. Agents may also report on tasks of other accounts
//!   that were placed on their instances.
//! - No operation on tasks reads more of them than its answer, or the instances that it considers, are about.
//!
//! Start at [`Ecs`]. One file for each resource; [`errors`] holds every code and message.

mod account_settings;
mod agent_reports;
mod api;
mod batch;
mod capacity;
mod clusters;
mod convert;
mod errors;
mod instances;
mod lookup;
mod names;
mod page;
mod tags;
mod task_definitions;
mod tasks;

pub(crate) use errors::Refusal;

use model::time::{Clock, IdSource};
use std::sync::Arc;
use store::Store;

/// The ECS API over a store. It implements [`wire::ecs::Api`].
pub struct Ecs {
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    endpoints: EndpointPaths,
    host: HostPlatform,
}

/// Where agents connect to: what DiscoverPollEndpoint adds to the address at which it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPaths {
    /// Path of the agent communication service; agents add `/ws`.
    pub acs: &'static str,
    /// Path of the telemetry service; agents add `/ws`.
    pub tcs: &'static str,
}

/// The platform that containers run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPlatform {
    /// `X86_64` or `ARM64`, as `runtimePlatform.cpuArchitecture` has it.
    pub architecture: String,
}

impl Ecs {
    /// The API over `store`.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        endpoints: EndpointPaths,
        host: HostPlatform,
    ) -> Ecs {
        Ecs { store, clock, ids, endpoints, host }
    }
}
