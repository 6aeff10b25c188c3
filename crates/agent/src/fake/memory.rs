//! A ledger in memory.

use crate::ledger::{Instance, Ledger, LedgerError, Record};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Remembers as a disk does, without one.
#[derive(Default)]
pub struct MemoryLedger {
    content: Arc<Mutex<Content>>,
    boot_id: String,
    is_full: AtomicBool,
}

#[derive(Default)]
struct Content {
    instance: Option<Instance>,
    tasks: BTreeMap<String, Record>,
}

impl MemoryLedger {
    /// The same content after another boot.
    pub fn rebooted(&self, boot_id: &str) -> Self {
        let is_full = AtomicBool::new(false);
        Self { content: self.content.clone(), boot_id: boot_id.to_owned(), is_full }
    }

    /// There is no room for more, or there is again.
    pub fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::Relaxed);
    }

    fn check_room(&self) -> Result<(), LedgerError> {
        let source = io::Error::from(io::ErrorKind::StorageFull);
        let path = "ledger".into();
        if self.is_full.load(Ordering::Relaxed) { Err(LedgerError { path, source }) } else { Ok(()) }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    fn boot_id(&self) -> &str {
        &self.boot_id
    }

    async fn instance(&self) -> Result<Option<Instance>, LedgerError> {
        Ok(self.content().instance.clone())
    }

    async fn save_instance(&self, instance: &Instance) -> Result<(), LedgerError> {
        self.check_room()?;
        self.content().instance = Some(instance.clone());
        Ok(())
    }

    async fn tasks(&self) -> Result<Vec<Record>, LedgerError> {
        Ok(self.content().tasks.values().cloned().collect())
    }

    async fn save_task(&self, id: &str, record: &Record) -> Result<(), LedgerError> {
        self.check_room()?;
        self.content().tasks.insert(id.to_owned(), record.clone());
        Ok(())
    }

    async fn forget_task(&self, id: &str) -> Result<(), LedgerError> {
        self.content().tasks.remove(id);
        Ok(())
    }
}
