//! Why a text is no expression.

use std::fmt;

/// Says what is wrong in the words that the user reads, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    reason: String,
    position: usize,
}

impl QueryError {
    pub(crate) fn new(position: usize, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), position }
    }

    /// The character of the expression that it is about, counted from 1.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invalid expression: {} (at character {})", self.reason, self.position)
    }
}

impl std::error::Error for QueryError {}
