//! The disk of the control plane: a file of the embedded engine whose writes are lost, or torn, when the power goes before
//! they are synced.

use crate::dice::Dice;
use crate::life::Life;
use redb::StorageBackend;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;
/// How long a sync takes at most when the disk is well.
const SYNC_MAX_MS: u64 = 3;
/// The same for a sync over which somebody dies.
const DOOMED_SYNC_MAX_MS: u64 = 500;

/// The disk. It outlives the processes that use it.
pub struct Disk {
    dice: Dice,
    file: Mutex<File>,
    /// There is no room left.
    is_full: AtomicBool,
    /// Syncs fail.
    fails_syncs: AtomicBool,
    /// Longest time of a sync.
    sync_max_ms: AtomicU64,
    /// With which sync from now on whoever waits for it dies; 0 is none.
    doom: AtomicU64,
    /// Of so many syncs, one does nothing and says that it did: a bug that is planted. 0 is none.
    skips_one_in: u64,
}

#[derive(Default)]
struct File {
    /// What is there after a loss of power.
    synced: Vec<u8>,
    /// What processes read.
    cached: Vec<u8>,
    /// Since the last sync that has ended, in order.
    unsynced: Vec<Change>,
    /// Syncs begin, and do not end yet.
    is_syncing: bool,
}

enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
    /// A sync that has begun: everything before it is to be there when it ends, and nothing after it is written before that.
    Sync,
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, data) => {
                bytes.resize(bytes.len().max(offset + data.len()), 0);
                bytes[*offset..offset + data.len()].copy_from_slice(data);
            }
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Sync => {}
        }
    }
}

impl File {
    /// The first so many changes are there for good.
    fn sync(&mut self, count: usize) {
        for change in self.unsynced.drain(..count) {
            change.apply(&mut self.synced);
        }
    }
}

impl Disk {
    /// An empty disk.
    pub fn new(dice: Dice, skips_one_in: u64) -> Arc<Self> {
        Arc::new(Self {
            dice,
            file: Mutex::default(),
            is_full: AtomicBool::new(false),
            fails_syncs: AtomicBool::new(false),
            sync_max_ms: AtomicU64::new(SYNC_MAX_MS),
            doom: AtomicU64::new(0),
            skips_one_in,
        })
    }

    /// Syncs take up to this long; `None` is what they take when the disk is well.
    pub fn set_sync_max_ms(&self, most: Option<u64>) {
        self.sync_max_ms.store(most.unwrap_or(SYNC_MAX_MS), Ordering::Relaxed);
    }

    /// How long a sync takes. One over which somebody dies takes so long that much is done meanwhile.
    pub fn sync_time(&self, is_doomed: bool) -> Duration {
        let most = self.sync_max_ms.load(Ordering::Relaxed);
        self.dice.millis(0..if is_doomed { most.max(DOOMED_SYNC_MAX_MS) } else { most } + 1)
    }

    /// Whoever waits for the sync after so many others dies over it; 0 is nobody.
    pub fn doom(&self, syncs: u64) {
        self.doom.store(syncs, Ordering::Relaxed);
    }

    /// Counts a sync; whether whoever waits for it dies.
    pub fn is_doomed(&self) -> bool {
        let left = self.doom.load(Ordering::Relaxed);
        self.doom.store(left.saturating_sub(1), Ordering::Relaxed);
        left == 1
    }

    /// From now on syncs take time: they end all together in [`end_syncs`](Self::end_syncs), or are interrupted. What the
    /// process does after one of them, the disk sees only once that has ended.
    pub fn begin_syncs(&self) {
        self.file().is_syncing = true;
    }

    /// Every sync has ended.
    pub fn end_syncs(&self) {
        let mut file = self.file();
        file.is_syncing = false;
        if let Some(last) = file.unsynced.iter().rposition(|change| matches!(change, Change::Sync)) {
            file.sync(last + 1);
        }
    }

    /// The process that used the disk has died: during one of its syncs, if any was under way, or right after the last.
    pub fn interrupt(&self) {
        let mut file = self.file();
        let file = &mut *file;
        file.is_syncing = false;
        let changes = file.unsynced.iter().enumerate();
        let syncs = changes.filter(|(_, change)| matches!(change, Change::Sync)).map(|(at, _)| at);
        let syncs: Vec<usize> = syncs.collect();
        let ended = self.dice.pick(0..syncs.len() as u64 + 1) as usize;
        if let Some(at) = syncs.get(ended) {
            file.unsynced.truncate(*at);
        }
        if ended > 0 {
            file.sync(syncs[ended - 1] + 1);
        }
        if !syncs.is_empty() {
            file.cached.clone_from(&file.synced);
            file.unsynced.iter().for_each(|change| change.apply(&mut file.cached));
        }
    }

    /// There is no room left, or there is again.
    pub fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::Relaxed);
    }

    /// Syncs fail, or do not any more. What was to be synced stays as it was.
    pub fn set_failing(&self, fails: bool) {
        self.fails_syncs.store(fails, Ordering::Relaxed);
    }

    /// Whether it refuses to do its work.
    pub fn is_failing(&self) -> bool {
        self.is_full.load(Ordering::Relaxed) || self.fails_syncs.load(Ordering::Relaxed)
    }

    /// The power goes: of what was not synced, some sectors are written and some are not.
    pub fn lose_power(&self) {
        let mut file = self.file();
        let file = &mut *file;
        for change in file.unsynced.drain(..) {
            match change {
                Change::Sync => {}
                Change::Length(_) if self.dice.one_in(2) => {}
                Change::Length(length) => Change::Length(length).apply(&mut file.synced),
                Change::Write(offset, data) => {
                    for (n, sector) in data.chunks(SECTOR_BYTES).enumerate() {
                        if self.dice.one_in(2) {
                            Change::Write(offset + n * SECTOR_BYTES, sector.to_vec()).apply(&mut file.synced);
                        }
                    }
                }
            }
        }
        file.cached.clone_from(&file.synced);
    }

    /// The file as a process opens it.
    pub fn open(self: &Arc<Self>, life: &Life) -> OpenFile {
        OpenFile { disk: self.clone(), life: life.clone() }
    }

    fn file(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_room(&self) -> io::Result<()> {
        match self.is_full.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }
}

/// The file in the hands of one process. Once that is dead it answers nothing but errors.
pub struct OpenFile {
    disk: Arc<Disk>,
    life: Life,
}

impl std::fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenFile").finish_non_exhaustive()
    }
}

impl OpenFile {
    /// The process may die before anything that it asks of the disk.
    fn step(&self) -> io::Result<()> {
        if self.life.step() { Ok(()) } else { Err(io::Error::other("the process is dead")) }
    }

    fn change(&self, change: Change) {
        let mut file = self.disk.file();
        change.apply(&mut file.cached);
        file.unsynced.push(change);
    }
}

impl StorageBackend for OpenFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.file().cached.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let file = self.disk.file();
        let from = offset as usize;
        let bytes = file.cached.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.step()?;
        if len > self.len()? {
            self.disk.check_room()?;
        }
        self.change(Change::Length(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.step()?;
        if self.disk.fails_syncs.load(Ordering::Relaxed) {
            return Err(io::Error::other("the disk failed to sync"));
        }
        if self.disk.dice.one_in(self.disk.skips_one_in) {
            return Ok(());
        }
        let mut file = self.disk.file();
        if file.is_syncing {
            file.unsynced.push(Change::Sync);
        } else {
            let all = file.unsynced.len();
            file.sync(all);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.step()?;
        // A file system that has no room refuses what it would have to find room for, and a copy-on-write one all of it.
        self.disk.check_room()?;
        self.change(Change::Write(offset as usize, data.to_vec()));
        Ok(())
    }
}
