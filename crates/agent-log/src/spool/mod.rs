//! The directory that a shim writes and an agent reads.
//!
//! ```text
//! 00000001.seg … 00000007.seg    records, oldest first; only the last one grows
//! segment.new                    one that is being begun; becomes the last one by rename
//! writer                         flock held while the shim writes: until it ends, but not while it rests
//! cursor                         "7 4711\n": what the agent has shipped; replaced by rename
//! ```
//!
//! The writer splits the output into lines, so each record stands alone: the reader resumes at any record. A record's
//! time is when the shim read the line's newline.
//!
//! A segment is *sealed* once a later one exists. Unfinished bytes at the end of the last segment are a record being
//! written; at the end of a sealed one they are the remains of a writer that died.

mod reader;
mod record;
mod writer;

pub use reader::{Cursor, Reader};
pub use record::{MAX_LINE_BYTES, Record, Stream};
pub use writer::Writer;

use std::io;
use std::path::{Path, PathBuf};

/// Name of the file that the writer keeps locked.
const WRITER_LOCK: &str = "writer";
/// Name of a segment that has not its magic yet.
const FRESH_SEGMENT: &str = "segment.new";
/// Name of the file that says what was shipped.
const CURSOR: &str = "cursor";

fn segment_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.seg"))
}

/// Numbers of the segments that exist, ascending.
fn list_segments(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let stem = name.to_str().and_then(|n| n.strip_suffix(".seg"));
        numbers.extend(stem.and_then(|n| n.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
