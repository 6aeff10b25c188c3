//! Paths of a container, resolved inside its root and nowhere else, whatever links its image has.
//!
//! For paths that others chose: init's root is the container's already, but magic links in `/proc` lead out of that.

use crate::sys;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::libc;
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::faccessat;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// As many links as the kernel follows in one path.
const LINKS_MAX: u32 = 40;

/// What to make where there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
}

/// Opens what is at `path`, as a place (`O_PATH`).
pub(crate) fn find(path: &Path) -> io::Result<OwnedFd> {
    let root = File::open("/")?;
    sys::open_in_root(root.as_fd(), &c_path(path)?, libc::O_PATH)
}

/// As [`find`], but makes what is missing, as Docker does: directories with mode 755, and in the end what is wanted.
///
/// # Errors
/// What is there is of the other kind, or a link to itself.
pub(crate) fn find_or_make(path: &Path, kind: Kind) -> io::Result<OwnedFd> {
    let mut rest: Vec<PathBuf> = parts(path);
    let mut at = PathBuf::from("/");
    let mut links = 0;
    while let Some(name) = rest.pop() {
        let next = at.join(&name);
        match find(&next) {
            Ok(_) => at = next,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let parent = find(&at)?;
                match link_target(&parent, &name) {
                    // A link to what is not there yet: made there.
                    Some(target) => {
                        links += 1;
                        if links > LINKS_MAX {
                            return Err(Errno::ELOOP.into());
                        }
                        if target.is_absolute() {
                            at = PathBuf::from("/");
                        }
                        rest.extend(parts(&target));
                    }
                    None => {
                        make(&parent, &name, if rest.is_empty() { kind } else { Kind::Directory })?;
                        at = next;
                    }
                }
            }
            Err(e) => return Err(e),
        }
    }
    let found = find(&at)?;
    let is_dir =
        faccessat(Some(found.as_raw_fd()), ".", nix::unistd::AccessFlags::F_OK, AtFlags::empty()).is_ok();
    match kind {
        Kind::Directory if !is_dir => Err(ErrorKind::NotADirectory.into()),
        Kind::File if is_dir => Err(ErrorKind::IsADirectory.into()),
        _ => Ok(found),
    }
}

/// The last first.
fn parts(path: &Path) -> Vec<PathBuf> {
    path.components()
        .rev()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(PathBuf::from(name)),
            Component::ParentDir => Some(PathBuf::from("..")),
            _ => None,
        })
        .collect()
}

fn link_target(parent: &OwnedFd, name: &Path) -> Option<PathBuf> {
    readlinkat(Some(parent.as_raw_fd()), name).ok().map(PathBuf::from)
}

#[allow(unsafe_code)]
fn make(parent: &OwnedFd, name: &Path, kind: Kind) -> io::Result<()> {
    let parent = Some(parent.as_raw_fd());
    match kind {
        Kind::Directory => mkdirat(parent, name, Mode::from_bits_truncate(0o755))?,
        Kind::File => {
            let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let fd = openat(parent, name, flags, Mode::from_bits_truncate(0o755))?;
            // SAFETY: a new descriptor that nothing else owns.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
    Ok(())
}

/// A name for what is open: through it, calls that take paths reach exactly that.
pub(crate) fn name_of(fd: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

pub(crate) fn c_path(path: &Path) -> io::Result<CString> {
    let bytes: &OsStr = path.as_os_str();
    Ok(CString::new(bytes.as_bytes())?)
}
