//! A broken invariant.

use std::fmt;

/// Which invariant is broken, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The id in `docs/invariants.md`: `INV-TASK-1`.
    pub id: &'static str,
    /// The records that break it.
    pub text: String,
}

/// What every predicate answers.
pub type Check = Result<(), Violation>;

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.text)
    }
}

impl std::error::Error for Violation {}

/// `Ok` while `holds`, else the violation with the text that `text` makes.
pub(crate) fn ensure(id: &'static str, holds: bool, text: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(Violation { id, text: text() }) }
}
