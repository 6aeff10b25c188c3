//! What every part of the agent works with: drivers, upstream, memory, time.

use crate::backoff::Backoff;
use crate::blueprint::Gpus;
use crate::config::AgentConfig;
use crate::disk::Disk;
use crate::ledger::{Instance, Ledger};
use crate::meter::Meter;
use crate::upstream::Upstream;
use crate::vault::Vault;
use agent_driver::{Images, Logs, Network, Runtime, Volumes};
use core_task::report::Report;
use model::Timestamp;
use model::time::{Clock, IdSource};
use std::sync::{Arc, Mutex, PoisonError};

/// The adapters to the host.
#[derive(Clone)]
pub struct Drivers {
    /// Runs containers.
    pub runtime: Arc<dyn Runtime>,
    /// Brings images.
    pub images: Arc<dyn Images>,
    /// Makes networks.
    pub network: Arc<dyn Network>,
    /// Keeps volumes.
    pub volumes: Arc<dyn Volumes>,
    /// Ships lines.
    pub logs: Arc<dyn Logs>,
}

pub(crate) struct Host {
    pub(crate) config: AgentConfig,
    pub(crate) drivers: Drivers,
    pub(crate) gpus: Gpus,
    pub(crate) meter: Meter,
    pub(crate) disk: Disk,
    pub(crate) zone: Zone,
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) vault: Vault,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

/// The instance's Availability Zone: what the registration says, which may be what somebody named long ago. Before the first
/// one, what this start was told.
#[derive(Default)]
pub(crate) struct Zone(Mutex<Option<String>>);

impl Zone {
    pub(crate) fn new(configured: Option<String>) -> Self {
        Self(Mutex::new(configured))
    }

    pub(crate) fn learn(&self, instance: &Instance) {
        if let Some(zone) = &instance.availability_zone {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(zone.clone());
        }
    }

    pub(crate) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Host {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Reports until somebody has acknowledged it, or refused it for good (Amazon ECS agent protocol:
    /// InvalidParameterException drops an event, everything else is tried again).
    pub(crate) async fn submit(&self, task_arn: &str, report: &Report) {
        let mut backoff = Backoff::standard();
        loop {
            let error = match self.upstream.submit(&self.config.cluster, task_arn, report).await {
                Ok(()) => return,
                Err(error) => error,
            };
            if error.code() == Some("InvalidParameterException") {
                tracing::error!(task = task_arn, %error, "a report was refused and is dropped");
                return;
            }
            tracing::warn!(task = task_arn, %error, "a report is tried again");
            backoff.wait(&*self.ids).await;
        }
    }
}
