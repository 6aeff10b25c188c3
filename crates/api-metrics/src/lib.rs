//! The CloudWatch metrics API over a durable store of its own: PutMetricData, ListMetrics, GetMetricStatistics and
//! GetMetricData.
//!
//! What it is not: alarms or metric math. What a datum adds to a period, and what is kept for how long, crate
//! `core-metrics` says.
//!
//! Layout: one file, one row for each series (a metric of an account in a region), and one for each period of a series
//! in which there were data: a summary, not the data. Only the index of series is in memory.
//!
//! Invariants
//! - INV-METRIC-3: data that were acknowledged are on disk, all of a request or nothing, and every read that starts
//!   afterwards sees them.
//! - INV-METRIC-4: each sample counts in exactly one row, however often rows were rolled up.
//!
//! Start at [`Metrics`]; then `committer.rs` for writing and `read.rs` for reading.

mod api;
mod committer;
mod data;
mod error;
mod index;
mod label;
mod list;
mod metrics;
mod put;
mod read;
mod roll_up;
mod rows;
mod sample;
mod statistics;

pub use error::MetricsError;
pub use metrics::Metrics;
