//! Why a text is no filter pattern.

use std::fmt;

/// Says what is wrong in the words that the user reads, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    reason: String,
    /// Bytes before the place; `None` when the whole pattern is meant.
    at: Option<usize>,
}

impl ParseError {
    /// Wrong as a whole.
    pub(crate) fn whole(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), at: None }
    }

    /// Wrong at a byte.
    pub(crate) fn at(offset: usize, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), at: Some(offset) }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invalid filter pattern: {}", self.reason)?;
        match self.at {
            Some(offset) => write!(f, " (at byte {offset})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ParseError {}
