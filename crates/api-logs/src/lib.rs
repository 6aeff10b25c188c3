//! The CloudWatch Logs API: groups and streams as rows of the store, events in durable segments of this crate's own.
//!
//! What it is not: a search engine. FilterLogEvents merges streams by time and matches each event against its pattern
//! (crate `core-logs`); there are no subscriptions and no queries. Nor does it keep metrics: what metric filters count
//! goes to a [`MetricSink`].
//!
//! Layout: `DIR/<stream id>/<n>.log`, append-only files of checksummed blocks; a PutLogEvents is one block.
//!
//! Invariants
//! - INV-LOGS-1: a PutLogEvents that was acknowledged is on disk, and every read that starts after sees its events.
//! - INV-LOGS-2: events come in the order of their timestamps, and of their ingestion where those are equal, whatever
//!   the order of the batches that brought them.
//! - INV-LOGS-3: what is in a directory belongs to a stream of the store; the rest is removed at the next start.
//! - INV-LOGS-4: bytes from disk are never trusted: a block that does not check is an error, a torn tail is cut.
//! - INV-LOGS-5: no read shows an event beyond its group's retention, whether or not it is deleted yet.
//! - INV-LOGS-6: a PutLogEvents that was acknowledged counts in the metrics of the filters that were there before it,
//!   each of its events once.
//!
//! Start at [`Logs`]; then `stream.rs` for writing and `scan.rs` for reading.

mod api;
mod block;
mod counting;
mod describe;
mod expiry;
mod filters;
mod groups;
mod log_streams;
mod metric_filters;
mod put;
mod read;
mod registry;
mod scan;
mod stream;
mod tags;
mod tail;
#[cfg(test)]
mod tests;
mod token;

pub use api::{Logs, OpenError};
pub use counting::MetricSink;
