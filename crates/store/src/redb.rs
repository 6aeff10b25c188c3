//! The journal on the embedded engine, redb: one file, one B-tree, a commit for each append.
//!
//! A simulator keeps the file itself: it implements [`StorageBackend`] over bytes in memory and hands that to
//! [`RedbJournal::on`]. The engine calls `write`, `set_len` and `sync_data` on the thread that appends, which is the caller's
//! own with [`StepwiseCommitter`](crate::StepwiseCommitter), and starts no thread of its own. What it wrote
//! since the last `sync_data` that returned may be lost, kept or torn in any combination; opening a journal on what a crash
//! left gives every commit that was acknowledged. An error of `sync_data` or `write` ends the store (INV-STORE-5): it has to
//! be dropped, and opened anew on the same bytes. `tests/crash.rs` has such a disk.

use crate::{Journal, JournalError, RowVisitor, StoreError, Write};
use ::redb::{
    Builder, Database, DatabaseError, ReadableDatabase, StorageBackend, TableDefinition, TableError,
};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Everything, by table and key. Tables of the store are prefixes of one tree, so that a commit that touches three of
/// them writes one path of pages, not three roots.
const ROWS: TableDefinition<'_, (&str, &[u8]), &[u8]> = TableDefinition::new("rows");

/// The store reads once and keeps everything in memory itself; the engine's cache only serves the pages of writes.
const CACHE_BYTES: usize = 8 << 20;

/// A journal in one file.
#[derive(Debug)]
pub struct RedbJournal {
    database: Database,
}

impl RedbJournal {
    /// Opens the file, or creates it (readable by its owner only: it holds the secrets of access keys). After an
    /// unclean end the engine first goes back to the last commit that is whole.
    ///
    /// # Errors
    /// When another process has the file open, when it is not a database, and when reading or writing fails.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JournalError> {
        let path = path.as_ref();
        let file = open_durably(path)
            .map_err(|e| JournalError::Failed(format!("cannot open {}: {e}", path.display())))?;
        let database = Builder::new().set_cache_size(CACHE_BYTES).create_file(file).map_err(|e| match e {
            DatabaseError::DatabaseAlreadyOpen => JournalError::InUse(path.to_owned()),
            e => JournalError::Failed(format!("cannot open {}: {e}", path.display())),
        })?;
        Ok(Self { database })
    }

    /// Opens a journal on anything that stores bytes, so that tests and simulators can lose and tear what was not synced.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn on(backend: impl StorageBackend) -> Result<Self, JournalError> {
        let database = Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(backend);
        Ok(Self { database: database.map_err(failed)? })
    }
}

/// Opens or creates the file of an engine, readable by its owner only, and makes its directory entry durable.
///
/// # Errors
/// The file or its directory cannot be opened.
pub fn open_durably(path: &Path) -> std::io::Result<File> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()?;
    let mut magic = [0; 8];
    // The engine writes its magic number last. Without it, whoever made the file was killed over it, or is making it and
    // has its lock; the engine itself refuses what was left, although nothing was ever put into it.
    if file.read_at(&mut magic, 0)? > 0 && magic == [0; 8] && file.try_lock().is_ok() {
        file.set_len(0)?;
    }
    Ok(file)
}

fn failed(error: impl std::fmt::Display) -> JournalError {
    JournalError::Failed(error.to_string())
}

impl Journal for RedbJournal {
    fn scan(&self, table: &str, visit: &mut RowVisitor<'_>) -> Result<(), StoreError> {
        let read = self.database.begin_read().map_err(failed)?;
        let rows = match read.open_table(ROWS) {
            Ok(rows) => rows,
            Err(TableError::TableDoesNotExist(_)) => return Ok(()),
            Err(e) => return Err(failed(e).into()),
        };
        for row in rows.range((table, [].as_slice())..).map_err(failed)? {
            let (key, value) = row.map_err(failed)?;
            let (name, key) = key.value();
            if name != table {
                break;
            }
            visit(key, value.value())?;
        }
        Ok(())
    }

    fn append(&mut self, writes: &[Write]) -> Result<(), JournalError> {
        // The engine's default durability: `commit` returns after the fsync.
        let tx = self.database.begin_write().map_err(failed)?;
        {
            let mut rows = tx.open_table(ROWS).map_err(failed)?;
            for write in writes {
                let key = (write.table, write.key.as_slice());
                match &write.value {
                    Some(value) => rows.insert(key, value.as_slice()).map_err(failed)?,
                    None => rows.remove(key).map_err(failed)?,
                };
            }
        }
        tx.commit().map_err(failed)
    }
}
