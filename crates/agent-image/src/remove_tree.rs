//! Removal of directory trees of any depth.

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// Removes a directory with all that is in it; a missing one is no error.
///
/// A hostile layer can nest directories deeper than there are file descriptors or stack. So nothing recurses: each
/// directory that is found is first moved to the top, which also makes the work resumable after a crash.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    let top = match openat(CWD, path, DIRECTORY, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        other => other?,
    };
    let mut serial = 0_u64;
    loop {
        let found = entries(top.as_fd())?;
        if found.is_empty() {
            return std::fs::remove_dir(path);
        }
        for name in found {
            if !unlink(top.as_fd(), &name)? {
                empty(top.as_fd(), &name, &mut serial)?;
            }
        }
    }
}

/// Removes a directory at the top after moving its own directories up there.
fn empty(top: BorrowedFd<'_>, name: &CStr, serial: &mut u64) -> io::Result<()> {
    let child = openat(top, name, DIRECTORY, Mode::empty())?;
    for grandchild in entries(child.as_fd())? {
        if !unlink(child.as_fd(), &grandchild)? {
            lift(child.as_fd(), &grandchild, top, serial)?;
        }
    }
    Ok(unlinkat(top, name, AtFlags::REMOVEDIR)?)
}

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Answers whether it is gone; a directory with something in it is not.
fn unlink(dir: BorrowedFd<'_>, name: &CStr) -> io::Result<bool> {
    match unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::ISDIR | Errno::PERM) => Ok(unlinkat(dir, name, AtFlags::REMOVEDIR).is_ok()),
        Err(errno) => Err(errno.into()),
    }
}

/// Moves a directory to a free name at the top.
fn lift(from: BorrowedFd<'_>, name: &CStr, top: BorrowedFd<'_>, serial: &mut u64) -> io::Result<()> {
    loop {
        *serial += 1;
        match renameat(from, name, top, format!(".removed-{serial}")) {
            Ok(()) => return Ok(()),
            // The name is taken: by the layer itself, or by a removal that was interrupted.
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn entries(dir: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            found.push(entry.file_name().to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn trees_deeper_than_the_limit_of_open_files_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("tree");
        fs::create_dir(&top).unwrap();
        // Built from the inside out, as no path can name it: 1,100 levels.
        for _ in 0..1100 {
            let outer = dir.path().join("outer");
            fs::create_dir(&outer).unwrap();
            fs::write(outer.join("file"), "x").unwrap();
            fs::rename(&top, outer.join("d")).unwrap();
            fs::rename(&outer, &top).unwrap();
        }
        remove_tree(&top).unwrap();
        assert!(!top.exists());
        remove_tree(&top).unwrap();
    }

    #[test]
    fn links_are_removed_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("kept")).unwrap();
        fs::write(dir.path().join("kept/file"), "x").unwrap();
        let tree = dir.path().join("tree/sub/.removed-1");
        fs::create_dir_all(&tree).unwrap();
        std::os::unix::fs::symlink(dir.path().join("kept"), tree.join("link")).unwrap();
        remove_tree(&dir.path().join("tree")).unwrap();
        assert!(dir.path().join("kept/file").exists());
        assert!(!dir.path().join("tree").exists());
    }
}
