//! What an image has where a new volume is mounted becomes the volume's first contents, as Docker does.
//! <https://docs.docker.com/engine/storage/volumes/#mounting-a-volume-over-existing-data>
//!
//! Who is killed on the way leaves a marker, and the next one begins anew: a volume is filled as a whole or looks
//! empty. A lock on the volume's directory lets one container fill it at a time.

use super::inside::name_of;
use crate::dir::{PATIENCE, RECHECK};
use crate::sys;
use nix::libc;
use nix::sys::stat::{Mode, SFlag, UtimensatFlags, mknod, utimensat};
use nix::sys::time::TimeSpec;
use std::ffi::CString;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{
    DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, lchown, symlink,
};
use std::path::Path;
use std::thread::sleep;
use std::time::Instant;

const MARKER: &str = ".wharf-filling";
/// Each level holds two files open.
const DEPTH_MAX: u32 = 200;

/// Fills `volume` from `image`, both directories, when it is empty.
pub(super) fn fill(image: &OwnedFd, volume: &OwnedFd) -> io::Result<()> {
    let (image, volume) = (open_dir(&name_of(image))?, open_dir(&name_of(volume))?);
    let Some(image) = image else { return Ok(()) };
    let volume = volume.ok_or(ErrorKind::NotADirectory)?;
    lock(&volume)?;
    let volume = OwnedFd::from(volume);
    let image = OwnedFd::from(image);
    let (from, to) = (name_of(&image), name_of(&volume));
    let marker = to.join(MARKER);
    if fs::symlink_metadata(&marker).is_ok() {
        empty(&to, &marker)?;
    } else if fs::read_dir(&to)?.next().is_some() {
        return Ok(());
    }
    File::create(&marker)?;
    copy_entries(&from, &to, DEPTH_MAX)?;
    copy_metadata(&from.join("."), &fs::metadata(&from)?, &to.join("."))?;
    fs::remove_file(&marker)
}

/// `None` when it is no directory.
fn open_dir(path: &Path) -> io::Result<Option<File>> {
    match OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(path) {
        Err(e) if e.kind() == ErrorKind::NotADirectory => Ok(None),
        other => other.map(Some),
    }
}

fn lock(volume: &File) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match volume.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(RECHECK),
            Err(TryLockError::WouldBlock) => return Err(ErrorKind::TimedOut.into()),
            Err(TryLockError::Error(e)) => return Err(e),
        }
    }
}

/// Removes everything but the marker.
fn empty(volume: &Path, marker: &Path) -> io::Result<()> {
    for entry in fs::read_dir(volume)? {
        let path = entry?.path();
        if path == *marker {
            continue;
        }
        if fs::symlink_metadata(&path)?.is_dir() {
            fs::remove_dir_all(&path)?
        } else {
            fs::remove_file(&path)?
        }
    }
    Ok(())
}

fn copy_entries(from: &Path, to: &Path, depth: u32) -> io::Result<()> {
    if depth == 0 {
        return Err(io::Error::other(format!("more than {DEPTH_MAX} directories inside each other")));
    }
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        let (source, target) = (from.join(&name), to.join(&name));
        let found = fs::symlink_metadata(&source)?;
        let kind = found.file_type();
        if kind.is_dir() {
            fs::DirBuilder::new().mode(0o700).create(&target)?;
            let below = (open_dir(&source)?, open_dir(&target)?);
            let (Some(below_from), Some(below_to)) = below else {
                return Err(ErrorKind::NotADirectory.into());
            };
            let (below_from, below_to) = (OwnedFd::from(below_from), OwnedFd::from(below_to));
            copy_entries(&name_of(&below_from), &name_of(&below_to), depth - 1)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else if kind.is_file() {
            copy_file(&source, &target)?;
        } else {
            let kind =
                if kind.is_fifo() || kind.is_socket() || kind.is_block_device() || kind.is_char_device() {
                    SFlag::from_bits_truncate(found.mode() & libc::S_IFMT)
                } else {
                    continue;
                };
            mknod(&target, kind, Mode::empty(), found.rdev())?;
        }
        copy_metadata(&source, &found, &target)?;
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(from)?;
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target).map(drop)
}

fn copy_metadata(from: &Path, found: &Metadata, to: &Path) -> io::Result<()> {
    lchown(to, Some(found.uid()), Some(found.gid()))?;
    let c_path = |path: &Path| CString::new(path.as_os_str().as_bytes());
    // After the owner, whose change takes capabilities away.
    sys::copy_attributes(&c_path(from)?, &c_path(to)?)?;
    if !found.file_type().is_symlink() {
        fs::set_permissions(to, fs::Permissions::from_mode(found.mode() & 0o7777))?;
    }
    let (accessed, modified) =
        (TimeSpec::new(found.atime(), found.atime_nsec()), TimeSpec::new(found.mtime(), found.mtime_nsec()));
    utimensat(None, to, &accessed, &modified, UtimensatFlags::NoFollowSymlink)?;
    Ok(())
}
