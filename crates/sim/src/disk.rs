//! The disk of the control plane: a file of the embedded engine whose writes are lost, or torn, when the power goes before
//! they are synced.

use crate::dice::Dice;
use crate::life::Life;
use redb::StorageBackend;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// The disk. It outlives the processes that use it.
pub struct Disk {
    dice: Dice,
    file: Mutex<File>,
    /// There is no room left.
    is_full: AtomicBool,
    /// Of so many syncs, one does nothing and says that it did: a bug that is planted. 0 is none.
    skips_one_in: u64,
}

#[derive(Default)]
struct File {
    /// What is there after a loss of power.
    synced: Vec<u8>,
    /// What processes read.
    cached: Vec<u8>,
    /// Since the last sync, in order.
    unsynced: Vec<Change>,
}

enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, data) => {
                bytes.resize(bytes.len().max(offset + data.len()), 0);
                bytes[*offset..offset + data.len()].copy_from_slice(data);
            }
            Self::Length(length) => bytes.resize(*length, 0),
        }
    }
}

impl Disk {
    /// An empty disk.
    pub fn new(dice: Dice, skips_one_in: u64) -> Arc<Self> {
        Arc::new(Self { dice, file: Mutex::default(), is_full: AtomicBool::new(false), skips_one_in })
    }

    /// There is no room left, or there is again.
    pub fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::Relaxed);
    }

    /// Whether there is no room left.
    pub fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// The power goes: of what was not synced, some sectors are written and some are not.
    pub fn lose_power(&self) {
        let mut file = self.file();
        let file = &mut *file;
        for change in file.unsynced.drain(..) {
            match change {
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
        if self.disk.dice.one_in(self.disk.skips_one_in) {
            return Ok(());
        }
        let mut file = self.disk.file();
        let file = &mut *file;
        for change in file.unsynced.drain(..) {
            change.apply(&mut file.synced);
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
