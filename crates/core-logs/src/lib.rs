//! CloudWatch Logs, pure: the filter-pattern language of FilterLogEvents, metric filters and Live Tail, as the page
//! "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail" of the Amazon
//! CloudWatch Logs user guide describes it, and what metric filters make of a message.
//!
//! What it is not: a query language (Logs Insights), storage, or AWS's error shapes. A pattern is parsed once and
//! asked about one message at a time; a message is read once for all patterns that are asked about it.
//!
//! Invariants
//! - INV-PATTERN-1: parsing is bounded: at most [`PATTERN_CHARS_MAX`] characters, parentheses at most 32 deep, regular
//!   expressions at most so large; whatever the text is, nothing panics.
//! - INV-PATTERN-2: matching takes time linear in the message, for a given pattern: nothing backtracks.
//! - INV-PATTERN-3: [`Pattern::extract`] finds something exactly when [`Pattern::matches`] says so.
//! - INV-PATTERN-4: [`Observation::NoMatch`] is said of exactly the messages that the pattern does not match; every
//!   value and dimension that is handed out is one that CloudWatch takes.
//!
//! Start at [`Pattern`], then [`Transformation`]. What the page leaves open is decided here and said where it is decided.

mod condition;
mod cursor;
mod delimited;
mod error;
mod expression;
mod json;
mod message;
mod metric;
#[cfg(test)]
mod metric_tests;
mod pattern;
mod regex;
mod selector;
mod terms;
#[cfg(test)]
mod tests;
mod wildcard;

pub use error::ParseError;
pub use message::Message;
pub use metric::{Observation, Transformation, TransformationError};
pub use pattern::{PATTERN_CHARS_MAX, Pattern};
