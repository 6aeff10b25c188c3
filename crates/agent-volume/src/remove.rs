//! Removal of a volume's files.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Removes a directory with all that is in it; a missing one is no error. Links are not followed.
///
/// A container can nest directories deeper than there are file descriptors, stack or letters in a path. So nothing
/// recurses: each directory that is found is first moved to the top, which also makes the work resumable.
pub(crate) fn remove_tree(top: &Path) -> io::Result<()> {
    let mut serial = 0_u64;
    loop {
        let Some(entries) = present(fs::read_dir(top))? else { return Ok(()) };
        let mut is_empty = true;
        for entry in entries {
            let entry = entry?;
            is_empty = false;
            if entry.file_type()?.is_dir() {
                lift_directories(&entry.path(), top, &mut serial)?;
                fs::remove_dir(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        if is_empty {
            return present(fs::remove_dir(top)).map(|_| ());
        }
    }
}

/// Empties a directory: its directories go to the top, the rest goes.
fn lift_directories(dir: &Path, top: &Path, serial: &mut u64) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
            continue;
        }
        loop {
            *serial += 1;
            match fs::rename(entry.path(), top.join(format!(".removed-{serial}"))) {
                Ok(()) => break,
                // The name is taken: by the container itself, or by a removal that was interrupted.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists | ErrorKind::NotADirectory
                    ) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// `None` for what is not there.
pub(crate) fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_trees_and_links_are_removed_and_nothing_else() {
        // In memory: thousands of renames wait long for a busy disk.
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        let (top, kept) = (dir.path().join("top"), dir.path().join("kept"));
        fs::create_dir(&top).unwrap();
        fs::write(&kept, "x").unwrap();
        // Built from the inside out, as no path can name it.
        for _ in 0..1100 {
            let outer = dir.path().join("outer");
            fs::create_dir_all(outer.join(".removed-1")).unwrap();
            std::os::unix::fs::symlink(&kept, outer.join("link")).unwrap();
            fs::rename(&top, outer.join("d")).unwrap();
            fs::rename(&outer, &top).unwrap();
        }
        remove_tree(&top).unwrap();
        assert!(!top.exists() && kept.exists());
        remove_tree(&top).unwrap();
    }
}
