//! Directory trees that a stranger made: of any depth, with any links, and perhaps still changing.

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, openat, openat2, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Directories this far down are moved up before they are removed: a container can nest them deeper than there are file
/// descriptors, stack, or letters in a path.
const REMOVAL_DEPTH_MAX: u32 = 16;
/// Directories this far down are not counted.
const COUNTED_DEPTH_MAX: u32 = 128;
/// Of `st_blocks`, whatever the file system's own are.
const BLOCK_BYTES: u64 = 512;

/// Removes a directory with all that is in it; a missing one is no error. Links are not followed. What was moved up by a
/// removal that was interrupted is found by the next one.
///
/// # Errors
/// The system's; something is mounted in it, or on it: files of a mounted file system are never removed.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    let top = match open_top(path) {
        Err(Errno::NOENT) => return Ok(()),
        other => other.map_err(named)?,
    };
    let mut moved = 0;
    loop {
        remove_below(top.as_fd(), top.as_fd(), REMOVAL_DEPTH_MAX, &mut moved).map_err(named)?;
        match std::fs::remove_dir(path) {
            // Something was moved up.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => return other,
        }
    }
}

/// Bytes that a directory with all that is in it takes on its disk; a missing one takes none. Of a file with other names
/// the share of this name counts, and what is mounted in it does not.
pub fn tree_bytes(path: &Path) -> io::Result<u64> {
    match open_top(path) {
        Ok(top) => Ok(bytes_below(top, COUNTED_DEPTH_MAX)?),
        Err(Errno::NOENT | Errno::XDEV) => Ok(0),
        Err(errno) => Err(errno.into()),
    }
}

fn open_top(path: &Path) -> rustix::io::Result<OwnedFd> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::INVAL) };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let parent = openat(CWD, parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    open(parent.as_fd(), name)
}

/// A directory, unless it is a link to one, or something is mounted there.
fn open(dir: BorrowedFd<'_>, name: impl rustix::path::Arg) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat2(dir, name, flags, Mode::empty(), ResolveFlags::NO_XDEV)
}

fn named(errno: Errno) -> io::Error {
    match errno {
        Errno::XDEV => io::Error::other("something is mounted there"),
        errno => errno.into(),
    }
}

fn remove_below(
    dir: BorrowedFd<'_>,
    top: BorrowedFd<'_>,
    depth: u32,
    moved: &mut u64,
) -> rustix::io::Result<()> {
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if is_dots(name) {
            continue;
        }
        match unlinkat(dir, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => {}
            done => {
                gone(done)?;
                continue;
            }
        }
        if depth > 0 {
            match open(dir, name) {
                Err(Errno::NOENT) => continue,
                below => remove_below(below?.as_fd(), top, depth - 1, moved)?,
            }
        }
        match unlinkat(dir, name, AtFlags::REMOVEDIR) {
            // It is too far down, or something was made in it meanwhile.
            Err(Errno::NOTEMPTY) => move_up(dir, name, top, moved)?,
            done => gone(done)?,
        }
    }
    Ok(())
}

/// Moves a directory to a free name at the top.
fn move_up(dir: BorrowedFd<'_>, name: &CStr, top: BorrowedFd<'_>, moved: &mut u64) -> rustix::io::Result<()> {
    loop {
        *moved += 1;
        match renameat(dir, name, top, format!(".removed-{moved}")) {
            // The name is taken: by whoever made the tree, or by a removal that was interrupted.
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {}
            done => return gone(done),
        }
    }
}

fn bytes_below(dir: OwnedFd, depth: u32) -> rustix::io::Result<u64> {
    let (mut dir, mut bytes) = (Dir::new(dir)?, 0_u64);
    while let Some(entry) = dir.read() {
        let (entry, dir) = (entry?, dir.fd()?);
        let name = entry.file_name();
        if is_dots(name) {
            continue;
        }
        let found = match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => continue,
            other => other?,
        };
        let is_dir = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
        #[allow(clippy::useless_conversion, reason = "it has 32 bits on some architectures")]
        let names = if is_dir { 1 } else { u64::from(found.st_nlink).max(1) };
        bytes = bytes.saturating_add(found.st_blocks.unsigned_abs() * BLOCK_BYTES / names);
        if !is_dir || depth == 0 {
            continue;
        }
        match open(dir, name) {
            Ok(below) => bytes = bytes.saturating_add(bytes_below(below, depth - 1)?),
            // It was removed or replaced meanwhile, or something is mounted there.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(bytes)
}

fn is_dots(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

/// Somebody else may have been faster.
fn gone(done: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match done {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    /// In memory: thousands of renames wait long for a busy disk.
    fn memory() -> tempfile::TempDir {
        tempfile::tempdir_in("/dev/shm").unwrap()
    }

    /// Deeper than PATH_MAX allows to name: grown from the leaf up.
    fn nested(dir: &Path, levels: usize, fill: impl Fn(&Path)) -> PathBuf {
        let (top, outer) = (dir.join("top"), dir.join("outer"));
        fs::create_dir(&top).unwrap();
        for _ in 0..levels {
            fs::create_dir(&outer).unwrap();
            fill(&outer);
            fs::rename(&top, outer.join("inner")).unwrap();
            fs::rename(&outer, &top).unwrap();
        }
        top
    }

    #[test]
    fn trees_of_any_depth_are_removed_and_nothing_else() {
        let dir = memory();
        let kept = dir.path().join("kept");
        fs::create_dir_all(kept.join("kept")).unwrap();
        let top = nested(dir.path(), 5_000, |outer| {
            fs::write(outer.join("file"), "x").unwrap();
            symlink(&kept, outer.join("link")).unwrap();
            // The name that a removal moves to.
            fs::create_dir_all(outer.join(".removed-1/full")).unwrap();
        });
        remove_tree(&top).unwrap();
        assert!(!top.exists() && kept.join("kept").exists());
        remove_tree(&top).unwrap();
        remove_tree(&top.join("below/nothing")).unwrap();
    }

    #[test]
    fn two_removals_do_not_disturb_each_other() {
        let dir = memory();
        for _ in 0..20 {
            let top = dir.path().join("top");
            for number in 0..200 {
                fs::create_dir_all(top.join(format!("{number}/below"))).unwrap();
            }
            std::thread::scope(|scope| {
                let removals = [(); 2].map(|()| scope.spawn(|| remove_tree(&top)));
                for removal in removals {
                    removal.join().unwrap().unwrap();
                }
            });
            assert!(!top.exists());
        }
    }

    #[test]
    fn a_link_in_place_of_the_tree_is_not_followed() {
        let dir = memory();
        fs::create_dir_all(dir.path().join("kept/sub")).unwrap();
        symlink(dir.path().join("kept"), dir.path().join("link")).unwrap();
        remove_tree(&dir.path().join("link")).unwrap_err();
        assert!(tree_bytes(&dir.path().join("link")).is_err());
        assert!(dir.path().join("kept/sub").exists());
    }

    #[test]
    fn what_is_mounted_is_neither_removed_nor_counted() {
        let mounted = Path::new("/proc");
        assert_eq!(remove_tree(mounted).unwrap_err().to_string(), "something is mounted there");
        assert_eq!(tree_bytes(mounted).unwrap(), 0);
    }

    #[test]
    fn bytes_are_those_on_the_disk() {
        let dir = memory();
        let top = dir.path().join("top");
        assert_eq!(tree_bytes(&top).unwrap(), 0);
        fs::create_dir_all(top.join("a/b")).unwrap();
        let empty = tree_bytes(&top).unwrap();
        fs::write(top.join("a/b/file"), vec![1; 1 << 20]).unwrap();
        fs::hard_link(top.join("a/b/file"), top.join("again")).unwrap();
        // Nothing is written of it.
        fs::File::create(top.join("hole")).unwrap().set_len(1 << 30).unwrap();
        symlink("/", top.join("root")).unwrap();
        assert_eq!(tree_bytes(&top).unwrap() - empty, 1 << 20);
    }

    #[test]
    fn counting_has_an_end() {
        let dir = memory();
        let top = nested(dir.path(), 1_000, |outer| fs::write(outer.join("file"), vec![1; 4096]).unwrap());
        let counted = tree_bytes(&top).unwrap();
        assert!((u64::from(COUNTED_DEPTH_MAX) * 4096..1_000 * 4096).contains(&counted), "{counted}");
        assert_eq!(counted_with_few_files(&top), counted);
        remove_tree(&top).unwrap();
    }

    const COUNTED: &str = "WHARF_TEST_COUNTED";

    /// Not a test of its own: what the one before does once more in a process that may open few files.
    #[test]
    fn counting() {
        if let Ok(top) = std::env::var(COUNTED) {
            println!("counted {}.", tree_bytes(Path::new(&top)).unwrap());
        }
    }

    /// An agent that counts for several tasks has many more directories open.
    fn counted_with_few_files(top: &Path) -> u64 {
        let done = std::process::Command::new("sh")
            .args(["-c", "ulimit -n 160; exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "tree::tests::counting", "--nocapture"])
            .env(COUNTED, top)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        let counted = said.split_once("counted ").and_then(|(_, rest)| rest.split_once('.'));
        counted.unwrap_or_else(|| panic!("{done:?}")).0.parse().unwrap()
    }
}
