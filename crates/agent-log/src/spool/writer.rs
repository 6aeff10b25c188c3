//! The shim's side of a spool.

use super::record::{HEADER_BYTES, Header, MAGIC, MAX_LINE_BYTES, Stream};
use super::{Cursor, FRESH_SEGMENT, WRITER_LOCK, list_segments, segment_path};
use agent_driver::{SpoolMode, SpoolSpec};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A segment is sealed at this size, or at a quarter of what the spool may hold.
const SEGMENT_BYTES_MAX: u64 = 1024 * 1024;
/// With less than this an empty spool would already be full.
const MAX_BYTES_MIN: u64 = 1024;
/// Records are gathered up to this size before they are written.
const PENDING_BYTES_MAX: usize = 64 * 1024;
/// Memory that is kept from one call to the next.
const PENDING_BYTES_KEPT: usize = 4 * 1024;

/// Writes a container's output. Synchronous, one thread; memory is the unfinished line of each stream and the records
/// of one call.
#[derive(Debug)]
pub struct Writer {
    dir: PathBuf,
    mode: SpoolMode,
    segment_bytes: u64,
    /// Held for the writer's life; tells readers that more may come.
    _lock: Flock<File>,
    current: Segment,
    /// Sealed segments that were still there when last looked, oldest first.
    sealed: VecDeque<Sealed>,
    /// What the reader had shipped when last looked.
    shipped: Cursor,
    /// Looked since the last call; looking again would cost more than the line that has no room.
    looked: bool,
    /// Lines that a full spool did not take, since the last record.
    dropped: u64,
    /// Encoded records that are not yet in the file.
    pending: Vec<u8>,
    unfinished: [Vec<u8>; 2],
}

#[derive(Debug)]
struct Segment {
    number: u64,
    file: File,
    bytes: u64,
}

#[derive(Debug)]
struct Sealed {
    number: u64,
    bytes: u64,
}

/// Takes the writer's lock. Readers share it for a moment, to see whether there is a writer: they are waited for.
fn lock(path: &Path) -> io::Result<Flock<File>> {
    loop {
        let file = match Flock::lock(File::create(path)?, FlockArg::LockExclusiveNonblock) {
            Err((file, Errno::EWOULDBLOCK)) => file,
            result => return result.map_err(|(_, e)| e.into()),
        };
        // Not to be shared either: that is a writer.
        Flock::lock(file, FlockArg::LockSharedNonblock).map_err(|(_, e)| io::Error::from(e))?;
        std::thread::yield_now();
    }
}

impl Writer {
    /// Makes the directory if need be and begins a new segment in it.
    ///
    /// # Errors
    /// The directory cannot be written, or another writer holds it (`WouldBlock`).
    pub fn create(spec: &SpoolSpec) -> io::Result<Self> {
        let dir = spec.dir.clone();
        fs::create_dir_all(&dir)?;
        let lock = lock(&dir.join(WRITER_LOCK))?;
        let mut sealed = VecDeque::new();
        for number in list_segments(&dir)? {
            sealed.push_back(Sealed { number, bytes: fs::metadata(segment_path(&dir, number))?.len() });
        }
        let number = sealed.back().map_or(1, |last| last.number + 1);
        let current = Segment::create(&dir, number)?;
        let segment_bytes = (max_bytes(spec.mode) / 4).min(SEGMENT_BYTES_MAX);
        Ok(Self {
            dir,
            mode: spec.mode,
            segment_bytes,
            _lock: lock,
            current,
            sealed,
            shipped: Cursor::default(),
            looked: false,
            dropped: 0,
            pending: Vec::new(),
            unfinished: [Vec::new(), Vec::new()],
        })
    }

    /// Takes what was read from one of the container's streams at `unix_ms`. Lines that are finished by it are in the
    /// kernel when this returns, or counted if a non-blocking spool is full. Never waits: ask [`Writer::is_full`] before
    /// reading more.
    ///
    /// # Errors
    /// The disk is full, say. The lines of this call may be lost, the spool stays readable.
    pub fn write(&mut self, stream: Stream, unix_ms: i64, mut bytes: &[u8]) -> io::Result<()> {
        self.looked = false;
        while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
            if self.unfinished[stream as usize].is_empty() && end <= MAX_LINE_BYTES {
                self.push_line(stream, unix_ms, &bytes[..end])?;
            } else {
                self.extend_line(stream, unix_ms, &bytes[..end])?;
                self.end_line(stream, unix_ms)?;
            }
            bytes = &bytes[end + 1..];
        }
        self.extend_line(stream, unix_ms, bytes)?;
        self.flush()
    }

    /// Whether a blocking spool holds all that it may: leave the pipe alone until this says `false`, so that the
    /// container waits. Once the container has exited, write what is left in the pipe regardless. Never true for a
    /// non-blocking spool.
    pub fn is_full(&mut self) -> bool {
        self.looked = false;
        matches!(self.mode, SpoolMode::Blocking { .. }) && !self.has_room_for(1)
    }

    /// Whether everything that was taken is in the file: another writer can go on in this one's place.
    pub fn is_between_lines(&self) -> bool {
        self.unfinished.iter().all(Vec::is_empty) && self.dropped == 0
    }

    /// Where the next record begins, once [`Writer::write`] has returned.
    pub fn position(&self) -> Cursor {
        Cursor { segment: self.current.number, offset: self.current.bytes }
    }

    /// The container's output has ended: writes unfinished lines and the end marker.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn finish(mut self, unix_ms: i64) -> io::Result<()> {
        self.end_lines(unix_ms)?;
        self.pending.extend(Header::end(unix_ms).encode());
        self.flush()
    }

    /// As [`Writer::finish`], but another writer may go on in this spool: writes unfinished lines and no end marker.
    /// Readers wait for more until they are told that there will be none.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn close(mut self, unix_ms: i64) -> io::Result<()> {
        self.end_lines(unix_ms)?;
        self.flush()
    }

    fn end_lines(&mut self, unix_ms: i64) -> io::Result<()> {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if !self.unfinished[stream as usize].is_empty() {
                self.end_line(stream, unix_ms)?;
            }
        }
        self.record_dropped(unix_ms);
        Ok(())
    }

    /// Adds to the stream's unfinished line and writes pieces of it while it is too long.
    fn extend_line(&mut self, stream: Stream, unix_ms: i64, mut bytes: &[u8]) -> io::Result<()> {
        loop {
            let line = &mut self.unfinished[stream as usize];
            let room = MAX_LINE_BYTES - line.len();
            if bytes.len() <= room {
                line.extend_from_slice(bytes);
                return Ok(());
            }
            line.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
            let rest = line.split_off(character_boundary(line));
            self.end_line(stream, unix_ms)?;
            self.unfinished[stream as usize] = rest;
        }
    }

    fn end_line(&mut self, stream: Stream, unix_ms: i64) -> io::Result<()> {
        let line = std::mem::take(&mut self.unfinished[stream as usize]);
        self.push_line(stream, unix_ms, &line)
    }

    fn push_line(&mut self, stream: Stream, unix_ms: i64, line: &[u8]) -> io::Result<()> {
        let header = Header::line(stream, unix_ms, line.len());
        if matches!(self.mode, SpoolMode::NonBlocking { .. }) {
            // A line that is larger than the spool may be is taken by an empty one, as by Docker's ring buffer.
            if !self.has_room_for((HEADER_BYTES + line.len()) as u64) && self.unshipped() > 0 {
                self.dropped += 1;
                return Ok(());
            }
            self.record_dropped(unix_ms);
        }
        self.pending.extend(header.encode());
        self.pending.extend(line);
        if self.pending.len() >= PENDING_BYTES_MAX || self.bytes_with_pending() >= self.segment_bytes {
            self.flush()?;
        }
        Ok(())
    }

    /// Puts the pending records into the current segment and seals it when it is large enough. Sealing does not wait
    /// for the next line: a reader can then delete all that it has shipped.
    fn flush(&mut self) -> io::Result<()> {
        let written = self.current.append(&self.pending);
        self.pending.clear();
        written?;
        if self.current.bytes >= self.segment_bytes {
            let next = Segment::create(&self.dir, self.current.number + 1)?;
            let sealed = std::mem::replace(&mut self.current, next);
            self.sealed.push_back(Sealed { number: sealed.number, bytes: sealed.bytes });
        }
        self.pending.shrink_to(PENDING_BYTES_KEPT);
        Ok(())
    }

    /// Says, where lines were dropped, how many.
    fn record_dropped(&mut self, unix_ms: i64) {
        if self.dropped > 0 {
            self.pending.extend(Header::dropped(unix_ms).encode());
            self.pending.extend(self.dropped.to_le_bytes());
            self.dropped = 0;
        }
    }

    /// Whether as many bytes more may be unshipped. Looks at what the reader did only when it must.
    fn has_room_for(&mut self, bytes: u64) -> bool {
        let has_room = |writer: &Self| writer.unshipped() + bytes <= max_bytes(writer.mode);
        if !has_room(self) && !self.looked {
            self.see_what_was_shipped();
            self.looked = true;
        }
        has_room(self)
    }

    fn see_what_was_shipped(&mut self) {
        self.shipped = Cursor::load(&self.dir).unwrap_or_default();
        // A reader that cannot write its cursor, on a full disk, still deletes, the oldest first.
        while let Some(oldest) = self.sealed.front()
            && (oldest.number < self.shipped.segment || !segment_path(&self.dir, oldest.number).exists())
        {
            self.sealed.pop_front();
        }
    }

    /// Bytes of records that were not shipped when last looked.
    fn unshipped(&self) -> u64 {
        let current = Sealed { number: self.current.number, bytes: self.bytes_with_pending() };
        // Also a segment that only has its magic, or a part of it, is empty.
        let after =
            |segment: &Sealed, offset: u64| segment.bytes.saturating_sub(offset.max(MAGIC.len() as u64));
        let of_segment = |segment: &Sealed| match segment.number.cmp(&self.shipped.segment) {
            Ordering::Less => 0,
            Ordering::Equal => after(segment, self.shipped.offset),
            Ordering::Greater => after(segment, 0),
        };
        self.sealed.iter().chain([&current]).map(of_segment).sum()
    }

    fn bytes_with_pending(&self) -> u64 {
        self.current.bytes + self.pending.len() as u64
    }
}

impl Segment {
    /// It is there once it can take records. One that a full disk leaves without its magic would end the one before it,
    /// and there would be another with each attempt.
    fn create(dir: &Path, number: u64) -> io::Result<Self> {
        let fresh = dir.join(FRESH_SEGMENT);
        let file = File::options().append(true).create(true).open(&fresh)?;
        file.set_len(0)?;
        let mut segment = Self { number, file, bytes: 0 };
        segment.append(MAGIC)?;
        fs::rename(fresh, segment_path(dir, number))?;
        Ok(segment)
    }

    /// All or nothing: a record that was half written (disk full) is cut off again.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.file.write_all(bytes) {
            Ok(()) => {
                self.bytes += bytes.len() as u64;
                Ok(())
            }
            Err(e) => {
                self.file.set_len(self.bytes)?;
                Err(e)
            }
        }
    }
}

/// What the spool may hold: at least [`MAX_BYTES_MIN`].
fn max_bytes(mode: SpoolMode) -> u64 {
    match mode {
        SpoolMode::Blocking { max_bytes } | SpoolMode::NonBlocking { max_bytes } => {
            max_bytes.max(MAX_BYTES_MIN)
        }
    }
}

/// Where to cut so that no UTF-8 character is torn: before a character that the line's end leaves incomplete.
fn character_boundary(line: &[u8]) -> usize {
    let tail = line.len().saturating_sub(3)..line.len();
    for at in tail.rev() {
        let width = match line[at] {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
            _ => 1,
        };
        return if at + width > line.len() { at } else { line.len() };
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::character_boundary;

    #[test]
    fn a_cut_never_tears_a_character() {
        assert_eq!(character_boundary("añ".as_bytes()), 3);
        assert_eq!(character_boundary(&"añ".as_bytes()[..2]), 1);
        assert_eq!(character_boundary(&"a😀".as_bytes()[..4]), 1);
        assert_eq!(character_boundary("a😀".as_bytes()), 5);
        assert_eq!(character_boundary(&[0x80; 8]), 8);
        assert_eq!(character_boundary(b""), 0);
    }
}
