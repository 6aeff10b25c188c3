//! Docker's driver `json-file`: one JSON object a line, in a file that is rotated by size.
//!
//! `{"log":"text\n","stream":"stdout","attrs":{…},"time":"2026-01-02T03:04:05.678901234Z"}`, byte for byte as dockerd
//! writes it ("JSON File logging driver"). Made for the shim: one thread, a few KiB of memory, nothing allocated for a
//! line. What it is not: a spool; nobody ships the file, and a line has no place in it that could be acknowledged.

use crate::spool::Stream;
use agent_driver::JsonFileSpec;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// dockerd reads as much of a line at once, its newline included; of a longer one it makes several objects, of which
/// only the last has a newline.
const PIECE_BYTES_MAX: usize = 16 * 1024;
/// Objects are gathered up to this size before they are written.
const PENDING_BYTES_MAX: usize = 64 * 1024;
/// Memory that is kept from one call to the next.
const PENDING_BYTES_KEPT: usize = 4 * 1024;
/// As dockerd makes it.
const MODE: u32 = 0o640;

/// Writes a container's output into its file.
#[derive(Debug)]
pub struct JsonFileWriter {
    spec: JsonFileSpec,
    /// `,"attrs":{…}`, or nothing.
    attributes: String,
    file: File,
    /// What the file holds, without what is pending.
    bytes: u64,
    pending: Vec<u8>,
    unfinished: [Vec<u8>; 2],
}

impl JsonFileWriter {
    /// Goes on with the file, or makes it. An object that a killed writer left half written is cut off.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn open(spec: &JsonFileSpec) -> io::Result<Self> {
        let attributes = if spec.attributes.is_empty() {
            String::new()
        } else {
            format!(",\"attrs\":{}", escaped_object(&spec.attributes))
        };
        let mut file = create(&spec.path, false)?;
        let bytes = cut_torn_tail(&mut file)?;
        let unfinished = [Vec::new(), Vec::new()];
        Ok(Self { spec: spec.clone(), attributes, file, bytes, pending: Vec::new(), unfinished })
    }

    /// Takes what was read from one of the container's streams just now. Whole lines are in the kernel when this
    /// returns.
    ///
    /// # Errors
    /// The disk is full, say. The lines of this call may be lost, the file stays readable.
    pub fn write(&mut self, stream: Stream, mut bytes: &[u8]) -> io::Result<()> {
        let now = Timestamp::try_from(SystemTime::now()).unwrap_or_default();
        while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
            let (line, rest) = bytes.split_at(end + 1);
            self.take(stream, now, line)?;
            bytes = rest;
        }
        self.take(stream, now, bytes)?;
        self.flush()?;
        self.pending.shrink_to(PENDING_BYTES_KEPT);
        Ok(())
    }

    /// Whether everything that was taken is in the file: another writer can go on in this one's place.
    pub fn is_between_lines(&self) -> bool {
        self.unfinished.iter().all(Vec::is_empty)
    }

    /// The container's output has ended: writes unfinished lines, without a newline that they have not.
    ///
    /// # Errors
    /// As [`JsonFileWriter::write`].
    pub fn finish(mut self) -> io::Result<()> {
        let now = Timestamp::try_from(SystemTime::now()).unwrap_or_default();
        for stream in [Stream::Stdout, Stream::Stderr] {
            self.end_piece(stream, now)?;
        }
        self.flush()
    }

    /// Takes a part of a line, whose last byte may be its newline.
    fn take(&mut self, stream: Stream, now: Timestamp, mut part: &[u8]) -> io::Result<()> {
        while !part.is_empty() {
            let piece = &mut self.unfinished[stream as usize];
            let (head, tail) = part.split_at(part.len().min(PIECE_BYTES_MAX - piece.len()));
            piece.extend_from_slice(head);
            part = tail;
            if piece.len() == PIECE_BYTES_MAX || piece.ends_with(b"\n") {
                self.end_piece(stream, now)?;
            }
        }
        Ok(())
    }

    fn end_piece(&mut self, stream: Stream, now: Timestamp) -> io::Result<()> {
        if self.unfinished[stream as usize].is_empty() {
            return Ok(());
        }
        self.rotate_if_full()?;
        let name = match stream {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        };
        let piece = &mut self.unfinished[stream as usize];
        self.pending.extend_from_slice(b"{\"log\":\"");
        escape(&mut self.pending, piece);
        writeln!(self.pending, "\",\"stream\":\"{name}\"{},\"time\":\"{now}\"}}", self.attributes)?;
        piece.clear();
        piece.shrink_to(PENDING_BYTES_KEPT);
        if self.pending.len() >= PENDING_BYTES_MAX { self.flush() } else { Ok(()) }
    }

    /// All or nothing: an object that was half written (disk full) is cut off again.
    fn flush(&mut self) -> io::Result<()> {
        let written = self.file.write_all(&self.pending);
        match written {
            Ok(()) => self.bytes += self.pending.len() as u64,
            Err(_) => self.file.set_len(self.bytes)?,
        }
        self.pending.clear();
        written
    }

    /// As dockerd does: a file that has reached its size takes no more; with one file it begins anew.
    fn rotate_if_full(&mut self) -> io::Result<()> {
        let is_full = |max| self.bytes + self.pending.len() as u64 >= max;
        if !self.spec.max_bytes.is_some_and(is_full) {
            return Ok(());
        }
        self.flush()?;
        for number in (1..self.spec.max_files).rev() {
            match fs::rename(older(&self.spec.path, number - 1), older(&self.spec.path, number)) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        self.file = create(&self.spec.path, true)?;
        self.bytes = 0;
        Ok(())
    }
}

/// The file of that age: itself at 0.
fn older(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn create(path: &Path, empty: bool) -> io::Result<File> {
    let file = File::options().read(true).append(true).create(true).mode(MODE).open(path)?;
    if empty {
        file.set_len(0)?;
    }
    Ok(file)
}

/// Cuts the file after its last newline; answers its size.
fn cut_torn_tail(file: &mut File) -> io::Result<u64> {
    let mut block = [0; 4096];
    let len = file.seek(SeekFrom::End(0))?;
    let mut end = len;
    while end > 0 {
        let begin = end.saturating_sub(block.len() as u64);
        let block = &mut block[..(end - begin) as usize];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(block)?;
        if let Some(at) = block.iter().rposition(|b| *b == b'\n') {
            end = begin + at as u64 + 1;
            break;
        }
        end = begin;
    }
    if end < len {
        file.set_len(end)?;
    }
    Ok(end)
}

/// What stands between the quotes, as Go's JSON writes it for dockerd: safe in HTML, invalid UTF-8 replaced.
fn escape(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        let valid = chunk.valid().as_bytes();
        let mut plain = 0;
        for (at, byte) in valid.iter().enumerate() {
            let escaped: &[u8] = match byte {
                b'"' => b"\\\"",
                b'\\' => b"\\\\",
                b'\n' => b"\\n",
                b'\r' => b"\\r",
                0..0x20 | b'<' | b'>' | b'&' => &unicode_escape(*byte),
                // U+2028 and U+2029, which JavaScript takes for line ends.
                0xe2 if valid[at..].starts_with(b"\xe2\x80\xa8") => b"\\u2028",
                0xe2 if valid[at..].starts_with(b"\xe2\x80\xa9") => b"\\u2029",
                _ => continue,
            };
            out.extend_from_slice(&valid[plain..at]);
            out.extend_from_slice(escaped);
            plain = at + if *byte == 0xe2 { 3 } else { 1 };
        }
        out.extend_from_slice(&valid[plain..]);
        // Each byte that is no character, as Go counts them.
        for _ in chunk.invalid() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

fn unicode_escape(byte: u8) -> [u8; 6] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [b'\\', b'u', b'0', b'0', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

fn escaped_object(members: &BTreeMap<String, String>) -> String {
    let mut out = b"{".to_vec();
    for (name, value) in members {
        if out.len() > 1 {
            out.push(b',');
        }
        for (text, after) in [(name, b':'), (value, b' ')] {
            out.push(b'"');
            escape(&mut out, text.as_bytes());
            out.extend([b'"', after]);
        }
        out.pop();
    }
    out.push(b'}');
    String::from_utf8_lossy(&out).into_owned()
}
