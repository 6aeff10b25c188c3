//! The segments of one stream: appending with shared syncs, recovery, and reading a block.

use crate::block::{self, Damage, Event, SEGMENT_MAGIC};
use std::collections::BTreeSet;
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
    /// The last ticket whose block is on disk. Held during a sync: those who come meanwhile share the next one.
    synced: Mutex<Ticket>,
}

/// A block that was appended and is on disk or not: the `n`th since the stream was opened. Each repair starts another
/// epoch, because it takes back the blocks that were not on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    epoch: u64,
    n: u64,
}

/// Where the next block goes.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    segment: u32,
    /// 0 before the segment has its magic.
    offset: u64,
    seq: u64,
}

#[derive(Debug, Default)]
struct Index {
    blocks: Vec<Block>,
    extent: Option<Extent>,
}

#[derive(Debug, Default)]
struct Appender {
    file: Option<Arc<File>>,
    end: End,
    /// What is before this is on disk.
    durable: End,
    ticket: Ticket,
    unsynced: Vec<(Block, i64)>,
    /// A write or a sync failed: what is behind `durable` is unknown.
    failed: bool,
}

impl Stream {
    /// Reads what is there, and cuts off a block that a crash left unfinished. No directory means no events yet.
    pub(crate) fn open(id: u64, dir: PathBuf) -> io::Result<Self> {
        let mut index = Index::default();
        let mut appender = Appender::default();
        let segments = segments(&dir)?;
        for segment in &segments {
            let is_last = Some(segment) == segments.last();
            recover(&dir, *segment, is_last, &mut index, &mut appender)?;
        }
        appender.durable = appender.end;
        let (index, appender) = (RwLock::new(index), Mutex::new(appender));
        Ok(Self { id, dir, index, appender, synced: Mutex::default() })
    }

    /// Appends a batch. When this returns it is on disk and visible. After an error it may come to be or not; the
    /// stream stays usable.
    pub(crate) fn append(&self, events: &[(i64, String)], ingested_at: i64) -> io::Result<()> {
        let ticket = self.write(events, ingested_at)?;
        let mut synced = lock(&self.synced);
        if ticket <= *synced && ticket.epoch == synced.epoch {
            return Ok(());
        }
        let (file, blocks, end, upto) = {
            let mut appender = lock(&self.appender);
            let usable = !appender.failed && appender.ticket.epoch == ticket.epoch;
            let file = appender.file.clone().filter(|_| usable).ok_or_else(taken_back)?;
            (file, std::mem::take(&mut appender.unsynced), appender.end, appender.ticket)
        };
        let result = file.sync_data();
        let mut appender = lock(&self.appender);
        if let Err(error) = result {
            appender.failed = true;
            return Err(error);
        }
        // A write that comes meanwhile may have rolled to another segment, all before which is on disk too.
        if appender.durable.segment <= end.segment {
            appender.durable = end;
        }
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        for (block, ingested_at) in blocks {
            index.push(block, ingested_at);
        }
        *synced = upto;
        Ok(())
    }

    /// Writes without syncing.
    fn write(&self, events: &[(i64, String)], ingested_at: i64) -> io::Result<Ticket> {
        let mut appender = lock(&self.appender);
        if appender.failed {
            drop(appender);
            // No sync may be under way while blocks are taken back.
            let _no_sync = lock(&self.synced);
            appender = lock(&self.appender);
            if appender.failed {
                appender.repair(&self.dir)?;
            }
        }
        let written = appender.write(&self.dir, events, ingested_at);
        appender.failed = written.is_err();
        written
    }

    /// The blocks that hold events of these times, both inclusive.
    pub(crate) fn blocks(&self, from: i64, to: i64) -> Vec<Block> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.blocks.iter().filter(|block| block.max >= from && block.min <= to).cloned().collect()
    }

    /// Whether a segment has blocks.
    pub(crate) fn has(&self, segment: u32) -> bool {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.blocks.iter().any(|block| block.segment == segment)
    }

    /// Deletes the segments all of whose events are before `cutoff`, and says how many those were. Blocks leave the
    /// index before their file goes, so that a reader that finds no file finds no block either.
    pub(crate) fn expire(&self, cutoff: i64) -> io::Result<usize> {
        // No sync may be under way, and nothing may be waiting for one.
        let _no_sync = lock(&self.synced);
        let mut appender = lock(&self.appender);
        if appender.failed || !appender.unsynced.is_empty() {
            return Ok(0);
        }
        let expired = self.index.write().unwrap_or_else(PoisonError::into_inner).forget_before(cutoff);
        if expired.contains(&appender.end.segment) {
            appender.file = None;
            appender.end = End { segment: appender.end.segment + 1, offset: 0, seq: appender.end.seq };
            appender.durable = appender.end;
        }
        for segment in &expired {
            std::fs::remove_file(segment_path(&self.dir, *segment))?;
        }
        Ok(expired.len())
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

/// Whether some segment in `dir` starts with a block whose events are all before `cutoff`: a hint that is cheap, and
/// that nothing is deleted on.
pub(crate) fn looks_expired(dir: &Path, cutoff: i64) -> io::Result<bool> {
    for segment in segments(dir)? {
        let mut start = [0; block::MAX_END];
        let file = File::open(segment_path(dir, segment))?;
        match file.read_exact_at(&mut start, SEGMENT_MAGIC.len() as u64) {
            Ok(()) if block::max_hint(&start) < cutoff => return Ok(true),
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(e) => return Err(e),
        }
    }
    Ok(false)
}

impl Index {
    /// Forgets the segments all of whose events are before `cutoff`, and says which those are.
    fn forget_before(&mut self, cutoff: i64) -> Vec<u32> {
        let segments = |blocks: &[Block], wanted: &dyn Fn(&Block) -> bool| -> BTreeSet<u32> {
            blocks.iter().filter(|block| wanted(block)).map(|block| block.segment).collect()
        };
        let kept = segments(&self.blocks, &|block| block.max >= cutoff);
        let expired = segments(&self.blocks, &|block| !kept.contains(&block.segment));
        self.blocks.retain(|block| kept.contains(&block.segment));
        let times = (self.blocks.iter().map(|b| b.min).min(), self.blocks.iter().map(|b| b.max).max());
        self.extent = match (times, self.extent) {
            ((Some(first_event), Some(last_event)), Some(old)) => {
                Some(Extent { first_event, last_event, ..old })
            }
            _ => None,
        };
        expired.into_iter().collect()
    }

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
    fn write(&mut self, dir: &Path, events: &[(i64, String)], ingested_at: i64) -> io::Result<Ticket> {
        if self.end.offset >= SEGMENT_BYTES {
            if let Some(full) = self.file.take() {
                full.sync_data()?;
            }
            self.end = End { segment: self.end.segment + 1, offset: 0, seq: self.end.seq };
            self.durable = self.end;
        }
        let file = match &self.file {
            Some(file) => file.clone(),
            None => self.create_segment(dir)?,
        };
        let frame = block::encode(events, self.end.seq, ingested_at);
        file.write_all_at(&frame, self.end.offset)?;
        let times = events.iter().map(|(timestamp, _)| *timestamp);
        let block = Block {
            segment: self.end.segment,
            offset: self.end.offset,
            bytes: frame.len() as u32,
            min: times.clone().min().unwrap_or(0),
            max: times.max().unwrap_or(0),
        };
        self.end.offset += frame.len() as u64;
        self.end.seq += events.len() as u64;
        self.ticket.n += 1;
        self.unsynced.push((block, ingested_at));
        Ok(self.ticket)
    }

    /// Starts the segment at the end; its directory entries are durable before its first block is.
    fn create_segment(&mut self, dir: &Path) -> io::Result<Arc<File>> {
        if !dir.exists() {
            std::fs::create_dir(dir)?;
            File::open(dir.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        }
        let file = open_segment(dir, self.end.segment)?;
        file.set_len(0)?;
        file.write_all_at(&SEGMENT_MAGIC, 0)?;
        File::open(dir)?.sync_all()?;
        self.end.offset = SEGMENT_MAGIC.len() as u64;
        let file = Arc::new(file);
        self.file = Some(file.clone());
        Ok(file)
    }

    /// Takes back what is not known to be on disk, after a full disk, say. A sync that failed must not be tried again
    /// on the same pages: the kernel may have dropped them.
    fn repair(&mut self, dir: &Path) -> io::Result<()> {
        self.file = None;
        if self.durable.offset > 0 {
            let file = open_segment(dir, self.durable.segment)?;
            file.set_len(self.durable.offset)?;
            file.sync_data()?;
            self.file = Some(Arc::new(file));
        }
        self.end = self.durable;
        self.unsynced.clear();
        self.ticket.epoch += 1;
        self.failed = false;
        tracing::warn!(dir = %dir.display(), "took back unsynced blocks of a log stream after a failure");
        Ok(())
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
    appender.end = End { segment, offset: 0, seq: appender.end.seq };
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
                appender.end.seq = header.first_seq + u64::from(header.events);
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
        appender.end.offset = offset as u64;
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

fn taken_back() -> io::Error {
    io::Error::other("another write to the log stream failed, and this one was taken back with it")
}

/// State behind these locks is whole at every panic point, or marked as failed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(stream: &Stream, text: &str) -> io::Result<()> {
        stream.append(&[(1, text.to_owned())], 1)
    }

    fn texts(stream: &Stream) -> Vec<String> {
        let events = |block: &Block| {
            let file = stream.segment(block.segment).expect("opens");
            read(&file, block).expect("reads").into_iter().map(|event| event.message)
        };
        stream.blocks(0, i64::MAX).iter().flat_map(events).collect()
    }

    #[test]
    fn a_stream_goes_on_after_a_write_that_failed() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("s");
        let stream = Stream::open(1, path.clone()).expect("opens");
        append(&stream, "one").expect("stored");
        // Not open for writing: the next write fails, as on a full disk.
        let broken = File::open(segment_path(&path, 0)).expect("opens");
        lock(&stream.appender).file = Some(Arc::new(broken));
        append(&stream, "lost").expect_err("cannot be written");
        append(&stream, "two").expect("stored after the repair");
        assert_eq!(texts(&stream), ["one", "two"]);
        assert_eq!(texts(&Stream::open(1, path).expect("opens")), ["one", "two"]);
    }

    #[test]
    fn a_block_that_was_taken_back_is_never_acknowledged() {
        let dir = tempfile::tempdir().expect("a directory");
        let stream = Stream::open(1, dir.path().join("s")).expect("opens");
        append(&stream, "one").expect("stored");
        std::thread::scope(|scope| {
            // Hold the sync, so that a block is written and waits when the stream fails.
            let syncing = lock(&stream.synced);
            let waiting = scope.spawn(|| append(&stream, "waits"));
            while lock(&stream.appender).unsynced.is_empty() {
                std::thread::yield_now();
            }
            lock(&stream.appender).repair(&stream.dir).expect("repaired");
            drop(syncing);
            waiting.join().expect("no panic").expect_err("was taken back");
        });
        append(&stream, "two").expect("stored");
        assert_eq!(texts(&stream), ["one", "two"]);
    }

    #[test]
    fn a_full_segment_is_followed_by_another_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("s");
        let stream = Stream::open(1, path.clone()).expect("opens");
        append(&stream, "first").expect("stored");
        lock(&stream.appender).end.offset = SEGMENT_BYTES;
        append(&stream, "second").expect("stored");
        assert_eq!(segments(&path).expect("listed"), [0, 1]);
        assert_eq!(texts(&stream), ["first", "second"]);
        let reopened = Stream::open(1, path).expect("opens");
        append(&reopened, "third").expect("stored");
        assert_eq!(texts(&reopened), ["first", "second", "third"]);
    }
}
