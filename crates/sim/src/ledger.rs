//! The disk of an agent's ledger: what was synced is there after anything, what was not may be lost with the power.

use crate::dice::Dice;
use crate::life::Life;
use agent::{Instance, Ledger, LedgerError, Record};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What is on the disk of one host.
pub struct LedgerDisk {
    dice: Dice,
    /// By file; the files of an agent: `instance`, and one a task.
    files: Mutex<Files>,
    /// Longest time of a sync.
    sync_max_ms: AtomicU64,
    /// There is no room.
    is_full: AtomicBool,
    /// When a write last failed.
    failed_at: Mutex<Option<Instant>>,
    /// Of so many syncs, one does nothing and says that it did: a bug that is planted. 0 is none.
    skips_one_in: u64,
}

#[derive(Clone, Default)]
struct Files {
    /// What the agent reads.
    cached: Content,
    /// What is there after a loss of power.
    synced: Content,
}

#[derive(Clone, Default)]
struct Content {
    instance: Option<Instance>,
    tasks: BTreeMap<String, Record>,
}

impl LedgerDisk {
    /// An empty disk.
    pub fn new(dice: Dice, skips_one_in: u64) -> Arc<Self> {
        Arc::new(Self {
            dice,
            files: Mutex::default(),
            sync_max_ms: AtomicU64::new(0),
            is_full: AtomicBool::new(false),
            failed_at: Mutex::default(),
            skips_one_in,
        })
    }

    /// Syncs take up to this long.
    pub fn set_sync_max_ms(&self, most: u64) {
        self.sync_max_ms.store(most, Ordering::Relaxed);
    }

    /// There is no room left, or there is again.
    pub fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::Relaxed);
    }

    /// Whether a write has failed within this time.
    pub fn had_trouble_within(&self, time: Duration) -> bool {
        let failed_at = *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        failed_at.is_some_and(|at| at.elapsed() < time)
    }

    /// Whether a task is in the ledger, and not over.
    pub fn holds(&self, task: &str) -> bool {
        self.files().synced.tasks.get(task).is_some_and(|record| record.over_at.is_none())
    }

    /// The tasks that are not over, as an agent reads it.
    pub fn live_tasks(&self) -> Vec<String> {
        let files = self.files();
        let live = files.cached.tasks.iter().filter(|(_, record)| record.over_at.is_none());
        live.map(|(id, _)| id.clone()).collect()
    }

    /// The host loses its power.
    pub fn lose_power(&self) {
        let mut files = self.files();
        files.cached = files.synced.clone();
    }

    /// Writes and syncs. A process that dies meanwhile has written or has not.
    async fn write(&self, life: &Life, change: impl Fn(&mut Content) + Send) -> Result<(), LedgerError> {
        life.edge().await;
        if self.is_full.load(Ordering::Relaxed) {
            *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            let source = io::Error::from(io::ErrorKind::StorageFull);
            return Err(LedgerError { path: "ledger".into(), source });
        }
        let is_early = self.dice.one_in(2);
        if is_early {
            change(&mut self.files().cached);
        }
        let sync_max_ms = self.sync_max_ms.load(Ordering::Relaxed);
        if sync_max_ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.dice.pick(0..sync_max_ms + 1))).await;
        }
        life.edge().await;
        let mut files = self.files();
        if !is_early {
            change(&mut files.cached);
        }
        if !self.dice.one_in(self.skips_one_in) {
            change(&mut files.synced);
        }
        Ok(())
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ledger of one agent's process.
pub struct SimLedger {
    /// Where it is.
    pub disk: Arc<LedgerDisk>,
    /// Whose it is.
    pub life: Life,
    /// Of the host.
    pub boot_id: String,
}

#[async_trait]
impl Ledger for SimLedger {
    fn boot_id(&self) -> &str {
        &self.boot_id
    }

    async fn instance(&self) -> Result<Option<Instance>, LedgerError> {
        self.life.edge().await;
        Ok(self.disk.files().cached.instance.clone())
    }

    async fn save_instance(&self, instance: &Instance) -> Result<(), LedgerError> {
        self.disk.write(&self.life, |files| files.instance = Some(instance.clone())).await
    }

    /// As they are read from JSON, so that what cannot be read again is found.
    async fn tasks(&self) -> Result<Vec<Record>, LedgerError> {
        self.life.edge().await;
        let again = |record: &Record| {
            let text = serde_json::to_vec(record).map_err(io::Error::from)?;
            serde_json::from_slice(&text).map_err(io::Error::from)
        };
        let records: io::Result<Vec<Record>> = self.disk.files().cached.tasks.values().map(again).collect();
        records.map_err(|source| LedgerError { path: "ledger".into(), source })
    }

    async fn save_task(&self, id: &str, record: &Record) -> Result<(), LedgerError> {
        self.disk.write(&self.life, |files| drop(files.tasks.insert(id.to_owned(), record.clone()))).await
    }

    async fn forget_task(&self, id: &str) -> Result<(), LedgerError> {
        self.disk.write(&self.life, |files| drop(files.tasks.remove(id))).await
    }
}
