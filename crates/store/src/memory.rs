//! A journal without a disk, for tests and the simulator, with faults to inject.

use crate::{Journal, JournalError, RowVisitor, StoreError, Write};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A journal in memory. Clones share the rows, so that a store opened on a clone finds what the first one wrote.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    shared: Arc<(Mutex<Disk>, Condvar)>,
}

/// How an append fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendFault {
    /// Nothing reached the disk.
    Lost,
    /// Everything reached the disk; only the answer was lost.
    Kept,
}

#[derive(Debug, Default)]
struct Disk {
    rows: BTreeMap<(String, Vec<u8>), Vec<u8>>,
    appends: u64,
    fault: Option<AppendFault>,
    held: bool,
    waiting: bool,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next append fails like this.
    pub fn fail_next_append(&self, fault: AppendFault) {
        self.disk().fault = Some(fault);
    }

    /// Appends block until [`release`](Self::release): a disk that takes its time.
    pub fn hold(&self) {
        self.disk().held = true;
    }

    /// Lets blocked and later appends go on.
    pub fn release(&self) {
        self.disk().held = false;
        self.shared.1.notify_all();
    }

    /// Blocks the calling thread until an append is being held.
    pub fn wait_until_held(&self) {
        let mut disk = self.disk();
        while !disk.waiting {
            disk = self.shared.1.wait(disk).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Appends that reached the disk.
    pub fn appends(&self) -> u64 {
        self.disk().appends
    }

    /// The rows as they are now, apart from this journal: the disk at the moment of a crash.
    pub fn copy(&self) -> Self {
        let copy = Self::new();
        copy.disk().rows = self.disk().rows.clone();
        copy
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for MemoryJournal {
    fn scan(&self, table: &str, visit: &mut RowVisitor<'_>) -> Result<(), StoreError> {
        let from = (table.to_owned(), Vec::new());
        let disk = self.disk();
        let rows = disk.rows.range(from..).take_while(|((name, _), _)| name == table);
        for ((_, key), value) in rows {
            visit(key, value)?;
        }
        Ok(())
    }

    fn append(&mut self, writes: &[Write]) -> Result<(), JournalError> {
        let mut disk = self.disk();
        while disk.held {
            disk.waiting = true;
            self.shared.1.notify_all();
            disk = self.shared.1.wait(disk).unwrap_or_else(PoisonError::into_inner);
        }
        disk.waiting = false;
        let fault = disk.fault.take();
        if fault != Some(AppendFault::Lost) {
            disk.appends += 1;
            for write in writes {
                let key = (write.table.to_owned(), write.key.clone());
                match &write.value {
                    Some(value) => disk.rows.insert(key, value.clone()),
                    None => disk.rows.remove(&key),
                };
            }
        }
        match fault {
            None => Ok(()),
            Some(fault) => Err(JournalError::Failed(format!("injected fault: {fault:?}"))),
        }
    }
}
