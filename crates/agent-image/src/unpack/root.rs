//! The target directory, and places in it: every call is relative to a descriptor that the kernel resolved inside.

use super::metadata::Metadata;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, XattrFlags, fsetxattr, linkat, mkdirat, mknodat,
    openat, openat2, readlinkat, statat, symlinkat, unlinkat,
};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Mode of a directory that no layer describes.
const DEFAULT_DIRECTORY: Mode = Mode::from_raw_mode(0o755);
/// As many links as the kernel itself follows.
const MAX_LINKS: u32 = 40;

pub(super) struct Root {
    fd: OwnedFd,
    parents: Vec<PathBuf>,
}

impl Root {
    /// Opens an empty directory and gives it the looks of the root below.
    pub(super) fn open(target: &Path, parents: &[PathBuf]) -> io::Result<Root> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(CWD, target, flags, Mode::empty())?;
        let root = Root { fd, parents: parents.to_vec() };
        root.look_as_below(Path::new(""))?;
        Ok(root)
    }

    /// Opens a directory for use as a place's parent, making it and its parents when missing.
    pub(super) fn ensure_directory(&self, path: &Path) -> io::Result<OwnedFd> {
        self.ensure_directory_through(path, MAX_LINKS)
    }

    fn ensure_directory_through(&self, path: &Path, links: u32) -> io::Result<OwnedFd> {
        match self.existing_directory(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if links == 0 {
            return Err(Errno::LOOP.into());
        }
        let parent_fd = self.ensure_directory_through(parent, links)?;
        match mkdirat(&parent_fd, name, DEFAULT_DIRECTORY) {
            Ok(()) => {
                self.look_as_below(path)?;
                self.existing_directory(path)
            }
            // A link to a directory that only a layer below has: make it here too, as a merged view would show it.
            Err(Errno::EXIST) => {
                let target = readlinkat(&parent_fd, name, Vec::new())?;
                let target = parent.join(OsStr::from_bytes(target.as_bytes()));
                self.ensure_directory_through(&target, links - 1)
            }
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens a directory of this layer, following links inside of it.
    pub(super) fn existing_directory(&self, path: &Path) -> io::Result<OwnedFd> {
        open_inside(&self.fd, path, OFlags::PATH)
    }

    pub(super) fn existing_directory_for_reading(&self, path: &Path) -> io::Result<File> {
        Ok(open_inside(&self.fd, path, OFlags::RDONLY | OFlags::NOFOLLOW)?.into())
    }

    /// Copies owner, mode and times from the topmost layer below that has the directory.
    fn look_as_below(&self, path: &Path) -> io::Result<()> {
        let target = self.existing_directory_for_reading(path)?;
        for parent in &self.parents {
            let below =
                openat(CWD, parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
            match open_inside(&below, path, OFlags::RDONLY | OFlags::NOFOLLOW) {
                Ok(found) => return Metadata::of_file(&found.into())?.apply_to_file(&target),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // It is hidden there, or something else than a directory.
                Err(_) => break,
            }
        }
        Ok(rustix::fs::fchmod(&target, DEFAULT_DIRECTORY)?)
    }
}

fn open_inside(root: &OwnedFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let flags = flags | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(root, path, flags, Mode::empty(), resolve)?)
}

/// Hides what the layers below have in a directory (overlayfs, "opaque directories").
pub(super) fn make_opaque(directory: &OwnedFd) -> io::Result<()> {
    let directory =
        openat(directory, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(fsetxattr(&directory, "trusted.overlay.opaque", b"y", XattrFlags::empty())?)
}

/// A name in a directory of the layer; what has the name is never followed.
pub(super) struct Place<'a> {
    pub(super) parent: OwnedFd,
    pub(super) name: &'a OsStr,
}

/// What a place has.
pub(super) enum Existing {
    Nothing,
    Whiteout,
    Directory,
    Other,
}

impl Place<'_> {
    pub(super) fn existing(&self) -> io::Result<Existing> {
        let stat = match statat(&self.parent, self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(Existing::Nothing),
            other => other?,
        };
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Existing::Directory,
            FileType::CharacterDevice if stat.st_rdev == 0 => Existing::Whiteout,
            _ => Existing::Other,
        })
    }

    /// Makes room: an archive may name a path twice, and the last one wins. A directory that has entries stays, with
    /// an error: no layer takes away what it has just added.
    pub(super) fn clear(&self) -> io::Result<()> {
        let flags = match self.existing()? {
            Existing::Nothing => return Ok(()),
            Existing::Directory => AtFlags::REMOVEDIR,
            Existing::Whiteout | Existing::Other => AtFlags::empty(),
        };
        Ok(unlinkat(&self.parent, self.name, flags)?)
    }

    pub(super) fn directory(&self) -> io::Result<()> {
        let existing = self.existing()?;
        if let Existing::Directory = existing {
            return Ok(());
        }
        self.clear()?;
        mkdirat(&self.parent, self.name, DEFAULT_DIRECTORY)?;
        match existing {
            Existing::Whiteout => make_opaque(&self.open_directory()?),
            _ => Ok(()),
        }
    }

    pub(super) fn open_directory(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.parent, self.name, flags, Mode::empty())?)
    }

    pub(super) fn create(&self) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(&self.parent, self.name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    pub(super) fn symlink(&self, target: &[u8]) -> io::Result<()> {
        Ok(symlinkat(OsStr::from_bytes(target), &self.parent, self.name)?)
    }

    pub(super) fn node(&self, file_type: FileType, device: u64) -> io::Result<()> {
        Ok(mknodat(&self.parent, self.name, file_type, Mode::RUSR | Mode::WUSR, device)?)
    }

    /// What overlayfs takes for "not there" (overlayfs, "whiteouts").
    pub(super) fn whiteout(&self) -> io::Result<()> {
        self.node(FileType::CharacterDevice, rustix::fs::makedev(0, 0))
    }

    pub(super) fn link_to(&self, target: &Place<'_>) -> io::Result<()> {
        Ok(linkat(&target.parent, target.name, &self.parent, self.name, AtFlags::empty())?)
    }
}
