//! What is written: a summary of samples, and where it belongs.

use core_metrics::{Resolution, Summary, Unit, align};
use model::metrics::Metric;
use model::{Scope, Timestamp};
use serde::{Deserialize, Serialize};

/// A metric of an account in a region.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) scope: Scope,
    pub(crate) metric: Metric,
}

/// Samples of one series in one period.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) series: Series,
    pub(crate) unit: Unit,
    pub(crate) resolution: Resolution,
    /// The begin of the period.
    pub(crate) start: Timestamp,
    pub(crate) summary: Summary,
}

impl Sample {
    /// Samples of the time `at`, as finely as they are known at `now`. `None` when they would be forgotten at once.
    pub(crate) fn new(
        series: Series,
        unit: Unit,
        (at, finest): (Timestamp, Resolution),
        summary: Summary,
        now: Timestamp,
    ) -> Option<Self> {
        let resolution = finest.known_as(align(at, finest.secs()), now)?;
        Some(Self { series, unit, resolution, start: align(at, resolution.secs()), summary })
    }
}
