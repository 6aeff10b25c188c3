//! Space on a file system.

use std::io;
use std::path::Path;

/// Bytes that are free, for this process, on the file system that a path is on.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}
