//! The segments of one stream: appending with shared syncs, recovery, and reading a block.

use crate::block::{self, Damage, Event, SEGMENT_MAGIC};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// A segment that has reached this size gets no more blocks.
const SEGMENT_BYTES: u64 = 4 << 20;

/// Where a block is and which events it holds.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) segment: u32,
    pub(crate) offset: u64,
    pub(crate) bytes: u32,
    pub(crate) min: i64,
    pub(crate) max: i64,
}

/// What DescribeLogStreams tells of a stream's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) first_event: i64,
    pub(crate) last_event: i64,
    pub(crate) last_ingestion: i64,
}

/// One stream's events. Blocks are in `index` once they are on disk (INV-LOGS-1).
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: u64,
    dir: PathBuf,
    index: RwLock<Index>,
    appender: Mutex<Appender>,
    /// How many of the appended blocks are on disk. Held during a sync: those who come meanwhile share the next one.
    synced: Mutex<u64>,
}

#[derive(Debug, Default)]
struct Index {
    blocks: Vec<Block>,
    extent: Option<Extent>,
}

#[derive(Debug)]
struct Appender {
    file: Option<Arc<File>>,
    segment: u32,
    offset: u64,
    next_seq: u64,
    appended: u64,
    unsynced: Vec<(Block, i64)>,
    failed: bool,
}

impl Stream {
    /// Reads what is there, and cuts off a block that a crash left unfinished. No directory means no events yet.
    pub(crate) fn open(id: u64, dir: PathBuf) -> io::Result<Self> {
        let mut index = Index::default();
        let mut appender = Appender {
            file: None,
            segment: 0,
            offset: 0,
            next_seq: 0,
            appended: 0,
            unsynced: Vec::new(),
            failed: false,
        };
        let segments = segments(&dir)?;
        for segment in &segments {
            let is_last = Some(segment) == segments.last();
            recover(&dir, *segment, is_last, &mut index, &mut appender)?;
        }
        Ok(Self { id, dir, index: RwLock::new(index), appender: Mutex::new(appender), synced: Mutex::new(0) })
    }

    /// Appends a batch. When this returns it is on disk and visible.
    pub(crate) fn append(&self, events: &[(i64, String)], ingested_at: i64) -> io::Result<()> {
        let ticket = self.write(events, ingested_at)?;
        let mut synced = lock(&self.synced);
        if *synced >= ticket {
            return Ok(());
        }
        let (file, blocks, appended) = {
            let mut appender = lock(&self.appender);
            let file = appender.file.clone().filter(|_| !appender.failed).ok_or_else(failed)?;
            (file, std::mem::take(&mut appender.unsynced), appender.appended)
        };
        if let Err(error) = file.sync_data() {
            lock(&self.appender).failed = true;
            return Err(error);
        }
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        for (block, ingested_at) in blocks {
            index.push(block, ingested_at);
        }
        *synced = appended;
        Ok(())
    }

    /// Writes without syncing; the number of blocks appended so far is the ticket to wait for.
    fn write(&self, events: &[(i64, String)], ingested_at: i64) -> io::Result<u64> {
        let mut appender = lock(&self.appender);
        if appender.failed {
            return Err(failed());
        }
        let written = appender.write(&self.dir, events, ingested_at);
        // A part of a block may be in the file now, and after a failed sync nobody knows what is on disk.
        appender.failed = written.is_err();
        written
    }

    /// The blocks that hold events of these times, both inclusive.
    pub(crate) fn blocks(&self, from: i64, to: i64) -> Vec<Block> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.blocks.iter().filter(|block| block.max >= from && block.min <= to).cloned().collect()
    }

    /// The times of its events; `None` when it has none.
    pub(crate) fn extent(&self) -> Option<Extent> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).extent
    }

    /// Opens a segment for [`read`].
    pub(crate) fn segment(&self, segment: u32) -> io::Result<File> {
        File::open(segment_path(&self.dir, segment))
    }
}

/// Reads a block's events from its segment.
pub(crate) fn read(file: &File, block: &Block) -> io::Result<Vec<Event>> {
    let mut bytes = vec![0; block.bytes as usize];
    file.read_exact_at(&mut bytes, block.offset)?;
    block::events(&bytes).map_err(|damage| io::Error::new(io::ErrorKind::InvalidData, damage))
}

impl Index {
    fn push(&mut self, block: Block, ingested_at: i64) {
        let extent = self.extent.get_or_insert(Extent {
            first_event: block.min,
            last_event: block.max,
            last_ingestion: ingested_at,
        });
        extent.first_event = extent.first_event.min(block.min);
        extent.last_event = extent.last_event.max(block.max);
        extent.last_ingestion = extent.last_ingestion.max(ingested_at);
        self.blocks.push(block);
    }
}

impl Appender {
    fn write(&mut self, dir: &Path, events: &[(i64, String)], ingested_at: i64) -> io::Result<u64> {
        if self.offset >= SEGMENT_BYTES {
            if let Some(full) = self.file.take() {
                full.sync_data()?;
            }
            self.segment += 1;
        }
        let file = match &self.file {
            Some(file) => file.clone(),
            None => self.create_segment(dir)?,
        };
        let frame = block::encode(events, self.next_seq, ingested_at);
        file.write_all_at(&frame, self.offset)?;
        let times = events.iter().map(|(timestamp, _)| *timestamp);
        let block = Block {
            segment: self.segment,
            offset: self.offset,
            bytes: frame.len() as u32,
            min: times.clone().min().unwrap_or(0),
            max: times.max().unwrap_or(0),
        };
        self.offset += frame.len() as u64;
        self.next_seq += events.len() as u64;
        self.appended += 1;
        self.unsynced.push((block, ingested_at));
        Ok(self.appended)
    }

    /// Starts the segment `self.segment`; its directory entries are durable before its first block is.
    fn create_segment(&mut self, dir: &Path) -> io::Result<Arc<File>> {
        if !dir.exists() {
            std::fs::create_dir(dir)?;
            File::open(dir.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        }
        let file = open_segment(dir, self.segment)?;
        file.set_len(0)?;
        file.write_all_at(&SEGMENT_MAGIC, 0)?;
        File::open(dir)?.sync_all()?;
        self.offset = SEGMENT_MAGIC.len() as u64;
        let file = Arc::new(file);
        self.file = Some(file.clone());
        Ok(file)
    }
}

/// Adds a segment's blocks to the index. The last segment goes on where its last whole block ends.
fn recover(
    dir: &Path,
    segment: u32,
    is_last: bool,
    index: &mut Index,
    appender: &mut Appender,
) -> io::Result<()> {
    let file = open_segment(dir, segment)?;
    let mut bytes = Vec::new();
    (&file).read_to_end(&mut bytes)?;
    appender.segment = segment;
    appender.offset = 0;
    if bytes.len() < SEGMENT_MAGIC.len() && is_last {
        // A crash came before its first block: it is created anew by the next append.
        return Ok(());
    }
    if !bytes.starts_with(&SEGMENT_MAGIC) {
        let path = segment_path(dir, segment);
        let message = format!("{} is not a log segment that this release reads", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let mut offset = SEGMENT_MAGIC.len();
    while offset < bytes.len() {
        match block::header(&bytes[offset..]) {
            Ok(header) => {
                let block = Block {
                    segment,
                    offset: offset as u64,
                    bytes: header.frame_bytes,
                    min: header.min,
                    max: header.max,
                };
                index.push(block, header.ingested_at);
                appender.next_seq = header.first_seq + u64::from(header.events);
                offset += header.frame_bytes as usize;
            }
            Err(damage) => {
                report(dir, segment, offset, bytes.len(), damage, is_last);
                break;
            }
        }
    }
    if is_last {
        file.set_len(offset as u64)?;
        file.sync_data()?;
        appender.offset = offset as u64;
        appender.file = Some(Arc::new(file));
    }
    Ok(())
}

fn report(dir: &Path, segment: u32, offset: usize, len: usize, damage: Damage, is_last: bool) {
    let (dir, bytes) = (dir.display(), len - offset);
    if is_last {
        tracing::warn!(%dir, segment, offset, bytes, %damage, "cut an unfinished block off a log stream");
    } else {
        tracing::error!(%dir, segment, offset, bytes, %damage, "a log stream has lost events to a damaged segment");
    }
}

/// The numbers of the segments in order; none when there is no directory.
fn segments(dir: &Path) -> io::Result<Vec<u32>> {
    let entries = match std::fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        found.extend(name.to_str().and_then(|n| n.strip_suffix(".log")).and_then(|n| n.parse::<u32>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

fn segment_path(dir: &Path, segment: u32) -> PathBuf {
    dir.join(format!("{segment:08}.log"))
}

fn open_segment(dir: &Path, segment: u32) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(segment_path(dir, segment))
}

fn failed() -> io::Error {
    io::Error::other("the log stream failed before and takes no more events until the next start")
}

/// State behind these locks is whole at every panic point, or marked as failed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
