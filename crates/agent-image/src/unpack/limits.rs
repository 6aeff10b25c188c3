//! What one layer may cost.

use super::UnpackError;
use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

/// Bounds of one unpacked layer; a layer beyond them is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the uncompressed archive, and of the files in it.
    pub max_bytes: u64,
    /// Files, directories, links and whiteouts.
    pub max_entries: u64,
}

impl Default for Limits {
    /// 64 GiB in 4 million entries.
    fn default() -> Limits {
        Limits { max_bytes: 64 << 30, max_entries: 4_000_000 }
    }
}

/// Most bytes before an entry's content: long names and extended attributes. They are held in memory.
const MAX_HEADER_BYTES: u64 = 4 << 20;

/// What is left of the limits; shared by the archive's reader and the unpacking loop.
#[derive(Clone)]
pub(crate) struct Budget(Rc<Inner>);

struct Inner {
    limits: Limits,
    entries: Cell<u64>,
    /// Bytes of regular files.
    files: Cell<u64>,
    /// Bytes of the stream.
    stream: Cell<u64>,
    /// Bytes that the headers of one entry may still have; `None` while content is read.
    headers: Cell<Option<u64>>,
    exceeded: Cell<bool>,
}

impl Budget {
    pub(crate) fn new(limits: Limits) -> Budget {
        Budget(Rc::new(Inner {
            limits,
            entries: Cell::new(0),
            files: Cell::new(0),
            stream: Cell::new(0),
            headers: Cell::new(None),
            exceeded: Cell::new(false),
        }))
    }

    pub(crate) fn begin_headers(&self) {
        self.0.headers.set(Some(MAX_HEADER_BYTES));
    }

    pub(crate) fn begin_content(&self) {
        self.0.headers.set(None);
    }

    pub(crate) fn count_entry(&self) -> Result<(), UnpackError> {
        self.0.entries.set(self.0.entries.get() + 1);
        let max = self.0.limits.max_entries;
        if self.0.entries.get() > max { Err(UnpackError::TooManyEntries(max)) } else { Ok(()) }
    }

    /// Takes a file's size, before it is written: a sparse file may be far larger than its archive.
    pub(crate) fn spend(&self, bytes: u64) -> Result<(), UnpackError> {
        let max = self.0.limits.max_bytes;
        match self.0.files.get().checked_add(bytes) {
            Some(total) if total <= max => {
                self.0.files.set(total);
                Ok(())
            }
            _ => Err(UnpackError::TooManyBytes(max)),
        }
    }

    pub(crate) fn spent(&self) -> u64 {
        self.0.files.get()
    }

    /// Tells a limit that was hit while reading from damage.
    pub(crate) fn explain(&self, source: io::Error) -> UnpackError {
        if self.0.exceeded.get() {
            UnpackError::TooManyBytes(self.0.limits.max_bytes)
        } else {
            UnpackError::Archive(source)
        }
    }

    fn read(&self, bytes: u64) -> io::Result<()> {
        self.0.stream.set(self.0.stream.get() + bytes);
        if self.0.stream.get() > self.0.limits.max_bytes {
            self.0.exceeded.set(true);
            return Err(io::Error::other("the archive is too large"));
        }
        match self.0.headers.get().map(|left| left.checked_sub(bytes)) {
            None => Ok(()),
            Some(Some(left)) => {
                self.0.headers.set(Some(left));
                Ok(())
            }
            Some(None) => Err(io::Error::other("an entry's headers are too large")),
        }
    }
}

/// Charges what is read through it.
pub(crate) struct Metered<R> {
    inner: R,
    budget: Budget,
}

impl<R: Read> Metered<R> {
    pub(crate) fn new(inner: R, budget: Budget) -> Metered<R> {
        Metered { inner, budget }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.budget.read(n as u64)?;
        Ok(n)
    }
}

/// What is sought over is not read, and costs nothing.
impl<R: Seek> Seek for Metered<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
