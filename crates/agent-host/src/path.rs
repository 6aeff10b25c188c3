//! Paths of the host that are mounted into containers.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// What a directory of Docker's has; it is root's.
const MODE: u32 = 0o755;

/// As Docker does for `-v`: a missing one is made as a directory.
///
/// # Errors
/// In Docker's words: the path is not absolute, or the directory cannot be made.
pub fn ensure_host_path(path: &Path) -> Result<(), String> {
    let shown = path.display();
    if !path.is_absolute() {
        return Err(format!("invalid mount path: '{shown}' mount path must be absolute"));
    }
    if fs::exists(path).map_err(|error| format!("look at {shown}: {error}"))? {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(MODE)
        .create(path)
        .map_err(|error| format!("error while creating mount source path '{shown}': mkdir {shown}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_made_and_what_is_there_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let (file, made) = (dir.path().join("file"), dir.path().join("a/b"));
        fs::write(&file, "x").unwrap();
        assert_eq!(ensure_host_path(&file), Ok(()));
        assert!(file.is_file());
        assert_eq!(ensure_host_path(&made), Ok(()));
        assert!(made.is_dir());
        let relative = ensure_host_path(Path::new("a")).unwrap_err();
        assert_eq!(relative, "invalid mount path: 'a' mount path must be absolute");
        let below = ensure_host_path(&file.join("c")).unwrap_err();
        assert!(below.contains(&format!("{}/c", file.display())), "{below}");
    }
}
