//! How much a task may still write.

use agent_driver::VolumeError;
use std::io;
use std::path::Path;

const GIB: u64 = 1 << 30;

/// Bytes that are free on the file system of `path`.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Whether `ephemeralStorage.sizeInGiB` of a task can be given on the file system of `path`. The error is the text after
/// `ResourceInitializationError: `; AWS documents none for this, Fargate having always enough.
pub fn check_ephemeral_storage(path: &Path, size_gib: u32) -> Result<(), VolumeError> {
    let failed = |why: String| VolumeError(format!("unable to provide ephemeral storage: {why}"));
    let free = free_bytes(path).map_err(|error| failed(error.to_string()))?;
    if free / GIB >= u64::from(size_gib) {
        return Ok(());
    }
    Err(failed(format!("{size_gib} GiB requested, {} MiB free on the container instance", free >> 20)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_free_cannot_be_given() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free_bytes(dir.path()).unwrap() > 0);
        check_ephemeral_storage(dir.path(), 0).unwrap();
        let error = check_ephemeral_storage(dir.path(), u32::MAX).unwrap_err().0;
        assert!(
            error.starts_with("unable to provide ephemeral storage: 4294967295 GiB requested, "),
            "{error}"
        );
        assert!(check_ephemeral_storage(&dir.path().join("missing"), 0).is_err());
    }
}
