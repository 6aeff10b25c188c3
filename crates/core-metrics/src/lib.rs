//! CloudWatch metrics, pure: what data add to the summary of a period, what a statistic makes of it, and how long
//! which resolution is kept. It follows the pages "Concepts", "CloudWatch statistics definitions"
//! and "Metrics retention" of the Amazon CloudWatch user guide.
//!
//! What it is not: storage, metric math, or AWS's error shapes.
//!
//! Invariants
//! - INV-METRIC-1: a summary is bounded, whatever was merged into it, and the same in whichever order it was merged, but
//!   for the last bits of its sum.
//! - INV-METRIC-2: no data point is shown at a finer resolution than its age allows, whether or not it was rolled up.
//!
//! Start at [`Summary`]; then [`Resolution`] for retention and [`Window`] for reading.

mod distribution;
mod resolution;
mod statistic;
mod summary;
mod unit;
mod window;

pub use resolution::{Resolution, align};
pub use statistic::{Statistic, StatisticError};
pub use summary::{StatisticSet, Summary};
pub use unit::Unit;
pub use window::Window;
