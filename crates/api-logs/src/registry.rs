//! The streams that are open: each at most once, and only so many at a time.

use crate::stream::{self, Stream};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Streams kept open, each with one file and its index, beyond those that are in use at the moment.
const OPEN_MAX: usize = 256;

/// All streams of one directory.
#[derive(Debug)]
pub(crate) struct Registry {
    dir: PathBuf,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    by_id: HashMap<u64, Slot>,
    uses: u64,
}

#[derive(Debug, Default)]
struct Slot {
    last_use: u64,
    stream: Arc<Mutex<Option<Arc<Stream>>>>,
}

impl Registry {
    /// Opens the directory and removes what belongs to no stream of `known`: a deletion that a crash interrupted.
    pub(crate) fn open(dir: PathBuf, known: &BTreeSet<u64>) -> io::Result<Self> {
        std::fs::create_dir_all(&dir)?;
        let registry = Self { dir, slots: Mutex::default() };
        for entry in std::fs::read_dir(&registry.dir)? {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| u64::from_str_radix(name, 16).ok());
            if let Some(orphan) = id.filter(|id| !known.contains(id)) {
                registry.remove(orphan)?;
            }
        }
        Ok(registry)
    }

    /// The stream with this id. Opening it reads all of its segments.
    pub(crate) fn stream(&self, id: u64) -> io::Result<Arc<Stream>> {
        let slot = self.slot(id);
        let mut slot = lock(&slot);
        if let Some(stream) = &*slot {
            return Ok(stream.clone());
        }
        let stream = Arc::new(Stream::open(id, self.path(id))?);
        *slot = Some(stream.clone());
        Ok(stream)
    }

    /// Removes a stream's files.
    pub(crate) fn remove(&self, id: u64) -> io::Result<()> {
        lock(&self.slots).by_id.remove(&id);
        match std::fs::remove_dir_all(self.path(id)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Deletes a stream's segments all of whose events are before `cutoff`, and says how many those were. A stream that
    /// is not open is opened only when it looks as if there are some.
    pub(crate) fn expire(&self, id: u64, cutoff: i64) -> io::Result<usize> {
        let is_open = lock(&self.slots).by_id.contains_key(&id);
        if !is_open && !stream::looks_expired(&self.path(id), cutoff)? {
            return Ok(0);
        }
        self.stream(id)?.expire(cutoff)
    }

    /// Bytes that a stream's segments take on disk.
    pub(crate) fn stored_bytes(&self, id: u64) -> io::Result<u64> {
        let entries = match std::fs::read_dir(self.path(id)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        entries.map(|entry| entry?.metadata().map(|file| file.len())).sum()
    }

    fn path(&self, id: u64) -> PathBuf {
        self.dir.join(format!("{id:016x}"))
    }

    fn slot(&self, id: u64) -> Arc<Mutex<Option<Arc<Stream>>>> {
        let mut slots = lock(&self.slots);
        slots.uses += 1;
        let uses = slots.uses;
        let slot = slots.by_id.entry(id).or_default();
        slot.last_use = uses;
        let stream = slot.stream.clone();
        slots.close_some();
        stream
    }
}

impl Slots {
    /// Closes the streams that were not used for the longest time, except for those in use.
    fn close_some(&mut self) {
        if self.by_id.len() <= OPEN_MAX {
            return;
        }
        let mut idle: Vec<_> = self
            .by_id
            .iter()
            .filter(|(_, slot)| slot.is_idle())
            .map(|(id, slot)| (slot.last_use, *id))
            .collect();
        idle.sort_unstable();
        for (_, id) in idle.into_iter().take(OPEN_MAX / 4) {
            self.by_id.remove(&id);
        }
    }
}

impl Slot {
    /// Nobody holds the slot or its stream, so nothing is being appended: closing loses nothing.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.stream) == 1
            && self.stream.try_lock().is_ok_and(|s| s.as_ref().is_none_or(|s| Arc::strong_count(s) == 1))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
