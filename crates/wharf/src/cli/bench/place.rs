//! Placement: placements a second on one core, how that changes with the size of the cluster, and how full instances get.
//! Nothing runs, so it needs no root.

use super::Figure;
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// All figures of `core-place`, by the time that this thread computes: what else the machine does is no matter.
pub fn measure() -> Vec<Figure> {
    let clock = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from);
    let figures = core_place::bench::measure(&clock).into_iter();
    figures
        .map(|core_place::bench::Figure { measured, of, figure, note }| Figure { measured, of, figure, note })
        .collect()
}
