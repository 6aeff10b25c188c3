//! How far a log was copied, on disk beside the spool.
//!
//! The mark is written *before* a line is appended, with the place where the line will be. Whoever resumes looks there:
//! if the line arrived it is behind him, and if not it is copied again. So neither a kill -9 between the two writes nor
//! one after them loses or doubles a line.

use agent_log::spool::{Cursor, Reader, Record, Stream};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const FILE: &str = "copied";
/// The file is overwritten in place, and so always has the same size; less than a page, so that no kill tears it.
const FILE_BYTES: usize = 512;

/// A piece of a stream: its time, and its number among those with the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) at_ns: i64,
    pub(super) nth: u32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Pending {
    is_stderr: bool,
    upto: Place,
    segment: u64,
    offset: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Marks {
    /// Nothing before it has to be read again.
    since_ns: i64,
    /// The last piece that was copied, of standard output and of standard error.
    copied: [Place; 2],
    pending: Option<Pending>,
}

/// The marks of one container.
#[derive(Debug)]
pub(super) struct Progress {
    file: File,
    marks: Marks,
}

impl Progress {
    /// Reads the marks and finds out whether the last line arrived. Nobody may write the spool meanwhile.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let path = dir.join(FILE);
        let mut marks = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(bytes.trim_ascii_end()).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Marks::default(),
            Err(e) => return Err(e),
        };
        let file = File::options().create(true).truncate(false).write(true).open(&path)?;
        if let Some(pending) = marks.pending.take()
            && arrived(dir, pending)?
        {
            marks.copied[usize::from(pending.is_stderr)] = pending.upto;
        }
        let progress = Self { file, marks };
        progress.write()?;
        Ok(progress)
    }

    /// Where to begin reading.
    pub(super) fn since_ns(&self) -> i64 {
        self.marks.since_ns
    }

    /// Whether a piece was copied already.
    pub(super) fn has(&self, stream: Stream, place: Place) -> bool {
        place <= self.marks.copied[stream as usize]
    }

    /// A line that ends with `upto` is about to be appended at `cursor`, and everything before `since_ns` was copied.
    pub(super) fn intend(
        &mut self,
        stream: Stream,
        upto: Place,
        since_ns: i64,
        cursor: Cursor,
    ) -> io::Result<()> {
        let (is_stderr, segment, offset) = (stream == Stream::Stderr, cursor.segment, cursor.offset);
        self.marks.since_ns = since_ns;
        self.marks.pending = Some(Pending { is_stderr, upto, segment, offset });
        self.write()
    }

    /// It was appended. Not written: the next line's mark says so, or who resumes finds out.
    pub(super) fn done(&mut self) {
        if let Some(pending) = self.marks.pending.take() {
            self.marks.copied[usize::from(pending.is_stderr)] = pending.upto;
        }
    }

    fn write(&self) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(&self.marks)?;
        bytes.resize(FILE_BYTES, b' ');
        self.file.write_all_at(&bytes, 0)
    }
}

/// Whether a line is where it was to be appended. A segment that is gone was shipped, with all that was in it: one that
/// the line is missing from is the last one until it is resumed.
fn arrived(dir: &Path, pending: Pending) -> io::Result<bool> {
    if !segment(dir, pending.segment).try_exists()? {
        return Ok(true);
    }
    let mut reader = Reader::open(dir)?;
    reader.rewind(Cursor { segment: pending.segment, offset: pending.offset });
    while let Some(record) = reader.next_record()? {
        if matches!(record, Record::Line { .. }) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn segment(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.seg"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_driver::{SpoolMode, SpoolSpec};
    use agent_log::spool::Writer;

    const PLACE: Place = Place { at_ns: 7, nth: 1 };

    fn spool(dir: &Path) -> Writer {
        Writer::create(&SpoolSpec { dir: dir.to_owned(), mode: SpoolMode::Blocking { max_bytes: 4096 } })
            .unwrap()
    }

    fn knows(dir: &Path) -> bool {
        Progress::open(dir).unwrap().has(Stream::Stderr, PLACE)
    }

    #[test]
    fn a_kill_between_mark_and_line_copies_the_line_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut progress = Progress::open(dir.path()).unwrap();
        let writer = spool(dir.path());
        progress.intend(Stream::Stderr, PLACE, 7, writer.position()).unwrap();
        drop(writer);
        assert!(!knows(dir.path()));
        // And it stays so, although a later writer appends elsewhere.
        spool(dir.path()).write(Stream::Stderr, 1, b"other\n").unwrap();
        assert!(!knows(dir.path()));
    }

    #[test]
    fn a_kill_after_the_line_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut progress = Progress::open(dir.path()).unwrap();
        let mut writer = spool(dir.path());
        progress.intend(Stream::Stderr, PLACE, 7, writer.position()).unwrap();
        writer.write(Stream::Stderr, 1, b"line\n").unwrap();
        assert!(knows(dir.path()));
        assert!(!Progress::open(dir.path()).unwrap().has(Stream::Stdout, PLACE), "the other stream's mark");
        assert!(!Progress::open(dir.path()).unwrap().has(Stream::Stderr, Place { at_ns: 7, nth: 2 }));
        assert_eq!(Progress::open(dir.path()).unwrap().since_ns(), 7);
    }

    #[test]
    fn what_was_shipped_had_arrived() {
        let dir = tempfile::tempdir().unwrap();
        let mut progress = Progress::open(dir.path()).unwrap();
        let mut writer = spool(dir.path());
        progress.intend(Stream::Stderr, PLACE, 7, writer.position()).unwrap();
        writer.write(Stream::Stderr, 1, &[&[b'x'; 2000][..], b"\n"].concat()).unwrap();
        let mut reader = Reader::open(dir.path()).unwrap();
        while reader.next_record().unwrap().is_some() {}
        writer.write(Stream::Stderr, 1, b"next\n").unwrap();
        while reader.next_record().unwrap().is_some() {}
        reader.acknowledge(reader.position()).unwrap();
        assert!(!segment(dir.path(), 1).exists());
        assert!(knows(dir.path()));
    }
}
