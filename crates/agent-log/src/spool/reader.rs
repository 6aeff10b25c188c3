//! The agent's side of a spool.

use super::record::{HEADER_BYTES, Header, MAGIC, Record};
use super::{CURSOR, WRITER_LOCK, list_segments, remove_if_there, segment_path};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes taken from a segment at a time; each follower has a buffer of them.
const READ_BYTES: usize = 16 * 1024;

/// A place in a spool, always between two records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The number of the segment.
    pub segment: u64,
    /// Bytes from its beginning.
    pub offset: u64,
}

impl Cursor {
    /// The cursor in the spool's file; `None` when there is none, or none that can be read (a power loss).
    pub(super) fn load(dir: &Path) -> Option<Self> {
        let text = fs::read_to_string(dir.join(CURSOR)).ok()?;
        let (segment, offset) = text.strip_suffix('\n')?.split_once(' ')?;
        Some(Self { segment: segment.parse().ok()?, offset: offset.parse().ok()? })
    }

    fn save(self, dir: &Path) -> io::Result<()> {
        let fresh = dir.join("cursor.new");
        fs::write(&fresh, format!("{} {}\n", self.segment, self.offset))?;
        fs::rename(fresh, dir.join(CURSOR))
    }
}

/// Reads a spool from where the last reader acknowledged. One reader a spool.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    open: Option<Open>,
    at: Cursor,
    ended: bool,
}

impl Reader {
    /// Opens the spool at its cursor, or at its oldest segment.
    ///
    /// # Errors
    /// The directory does not exist or cannot be read.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let oldest = list_segments(dir)?.first().copied().unwrap_or(1);
        let oldest = Cursor { segment: oldest, offset: 0 };
        // A cursor that points before the oldest segment is of one that was dropped since.
        let at = Cursor::load(dir).map_or(oldest, |cursor| cursor.max(oldest));
        Ok(Self { dir: dir.to_owned(), open: None, at, ended: false })
    }

    /// The record after [`Reader::position`]; `None` when there is none for now, and always after [`Record::End`].
    ///
    /// # Errors
    /// The segment cannot be read, or was written in a format that this version does not know.
    pub fn next_record(&mut self) -> io::Result<Option<Record>> {
        while !self.ended {
            if let Some(record) = self.read_here()? {
                return Ok(Some(record));
            }
            // The order matters: what was appended before the successor appeared is read before moving on.
            let Some(successor) = self.successor()? else { return Ok(None) };
            if let Some(record) = self.read_here()? {
                return Ok(Some(record));
            }
            self.leave_for(successor);
        }
        Ok(None)
    }

    /// Where the next record begins: what to acknowledge once the records up to here are safe.
    pub fn position(&self) -> Cursor {
        self.at
    }

    /// Goes back to a position that this reader was at.
    pub fn rewind(&mut self, to: Cursor) {
        self.at = to;
        self.open = None;
        self.ended = false;
    }

    /// Remembers, for readers to come, that everything before `upto` is shipped, and deletes the segments that are
    /// wholly before it.
    ///
    /// # Errors
    /// The cursor could not be written (some records will be read again), or a segment not be deleted.
    pub fn acknowledge(&mut self, upto: Cursor) -> io::Result<()> {
        // Segments go even when the cursor cannot be written: on a full disk, deleting is what helps.
        let saved = upto.save(&self.dir);
        for number in list_segments(&self.dir)?.into_iter().take_while(|n| *n < upto.segment) {
            remove_if_there(&segment_path(&self.dir, number))?;
        }
        saved
    }

    /// Whether a [`Writer`](super::Writer) holds the spool. When none does, and the container has ended, what has been
    /// written is all there will be.
    ///
    /// # Errors
    /// The lock could not be examined.
    pub fn has_writer(&self) -> io::Result<bool> {
        let lock = match File::open(self.dir.join(WRITER_LOCK)) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
            other => other?,
        };
        match Flock::lock(lock, FlockArg::LockSharedNonblock) {
            Ok(_released_on_drop) => Ok(false),
            Err((_, Errno::EWOULDBLOCK)) => Ok(true),
            Err((_, e)) => Err(e.into()),
        }
    }

    fn read_here(&mut self) -> io::Result<Option<Record>> {
        if self.open.is_none() {
            self.open = match Open::at(&self.dir, self.at) {
                Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
                other => Some(other?),
            };
        }
        let Some(open) = &mut self.open else { return Ok(None) };
        let record = open.next()?;
        self.at.offset = open.offset;
        self.ended = matches!(record, Some(Record::End { .. }));
        Ok(record)
    }

    /// The segment after the current one, when there is one: the current one grows no more.
    fn successor(&self) -> io::Result<Option<u64>> {
        if segment_path(&self.dir, self.at.segment + 1).try_exists()? {
            return Ok(Some(self.at.segment + 1));
        }
        // Still the last one, unless it was dropped, and its successors perhaps with it.
        let dropped = match &self.open {
            Some(open) => open.file.get_ref().metadata()?.nlink() == 0,
            None => true,
        };
        if !dropped {
            return Ok(None);
        }
        Ok(list_segments(&self.dir)?.into_iter().find(|n| *n > self.at.segment))
    }

    fn leave_for(&mut self, successor: u64) {
        if let Some(open) = &self.open
            && open.file.get_ref().metadata().is_ok_and(|m| m.len() > open.offset)
        {
            tracing::warn!(dir = %self.dir.display(), segment = self.at.segment, "torn record skipped");
        }
        self.open = None;
        self.at = Cursor { segment: successor, offset: 0 };
    }
}

/// An open segment. The file stays readable when the writer drops it.
#[derive(Debug)]
struct Open {
    file: BufReader<File>,
    /// Where the next record begins.
    offset: u64,
}

impl Open {
    fn at(dir: &Path, at: Cursor) -> io::Result<Self> {
        let file = BufReader::with_capacity(READ_BYTES, File::open(segment_path(dir, at.segment))?);
        let mut open = Self { file, offset: at.offset };
        open.file.seek(SeekFrom::Start(open.offset))?;
        Ok(open)
    }

    fn next(&mut self) -> io::Result<Option<Record>> {
        let Some(header) = self.next_header()? else { return Ok(None) };
        let mut payload = vec![0; header.payload_bytes()];
        if !self.fill(&mut payload)? {
            return Ok(None);
        }
        self.offset += (HEADER_BYTES + payload.len()) as u64;
        Ok(Some(header.with_payload(payload)))
    }

    /// Reads the magic when at the start, then a header. The offset does not move past the header: a record is passed
    /// whole or not at all.
    fn next_header(&mut self) -> io::Result<Option<Header>> {
        if self.offset == 0 {
            let mut magic = [0; MAGIC.len()];
            if !self.fill(&mut magic)? {
                return Ok(None);
            }
            if magic != *MAGIC {
                return Err(io::Error::new(ErrorKind::InvalidData, "the spool's format is not known"));
            }
            self.offset = MAGIC.len() as u64;
        }
        let mut header = [0; HEADER_BYTES];
        if !self.fill(&mut header)? {
            return Ok(None);
        }
        let decoded = Header::decode(&header);
        if decoded.is_none() {
            self.file.seek(SeekFrom::Start(self.offset))?;
        }
        Ok(decoded)
    }

    /// Whether `into` could be filled; when not, the next read begins at the offset again.
    fn fill(&mut self, into: &mut [u8]) -> io::Result<bool> {
        match self.file.read_exact(into) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => {
                self.file.seek(SeekFrom::Start(self.offset))?;
                Ok(false)
            }
            Err(e) => Err(e),
        }
    }
}
