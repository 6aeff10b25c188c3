//! The journal: what the store needs of a disk.

use crate::{JournalError, StoreError};

/// One row written or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The table's name.
    pub table: &'static str,
    /// The row's key, encoded.
    pub key: Vec<u8>,
    /// The row, encoded; `None` removes it.
    pub value: Option<Vec<u8>>,
}

/// Called with the key and the value of a row.
pub type RowVisitor<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), StoreError> + 'a;

/// Durable rows of bytes, by table and key. The store reads everything once, when it opens, and only writes after.
pub trait Journal: Send {
    /// Visits every row of a table; none when the table was never written.
    ///
    /// # Errors
    /// When reading fails, and whatever the visitor returns.
    fn scan(&self, table: &str, visit: &mut RowVisitor<'_>) -> Result<(), StoreError>;

    /// Applies the writes, in order, whole or not at all, and returns once they are on disk.
    ///
    /// # Errors
    /// When writing or syncing fails. Whether the writes are on disk is then unknown: the store stops using the journal.
    fn append(&mut self, writes: &[Write]) -> Result<(), JournalError>;
}
