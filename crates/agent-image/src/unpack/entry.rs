//! What an archive says of one entry, before anything is done about it.

use super::UnpackError;
use rustix::fs::FileType;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tar::EntryType;

/// A path inside the layer: relative, without `.`, `..` or empty components. Empty for the root.
pub(super) struct EntryPath(PathBuf);

/// Longest path, in bytes: Linux's own limit for one call.
const MAX_PATH_BYTES: usize = 4095;

impl EntryPath {
    pub(super) fn parse(raw: &[u8]) -> Result<EntryPath, UnpackError> {
        let refused = |why| UnpackError::Refused { path: printable(raw), why };
        if raw.len() > MAX_PATH_BYTES {
            return Err(refused("the path is too long"));
        }
        if raw.contains(&0) {
            return Err(refused("the path has a zero byte"));
        }
        let mut path = PathBuf::new();
        for component in raw.split(|&b| b == b'/') {
            match component {
                b"" | b"." => {}
                b".." => return Err(refused("the path leads out of the layer")),
                name => path.push(OsStr::from_bytes(name)),
            }
        }
        Ok(EntryPath(path))
    }

    /// Parent directory and name; `None` for the root.
    pub(super) fn split(&self) -> Option<(&Path, &OsStr)> {
        Some((self.0.parent()?, self.0.file_name()?))
    }

    pub(super) fn as_path(&self) -> &Path {
        &self.0
    }

    pub(super) fn failed(&self, source: io::Error) -> UnpackError {
        UnpackError::Entry { path: printable(self.0.as_os_str().as_bytes()), source }
    }

    pub(super) fn refused(&self, why: &'static str) -> UnpackError {
        UnpackError::Refused { path: printable(self.0.as_os_str().as_bytes()), why }
    }
}

/// A path for a message: short, and without control characters.
fn printable(path: &[u8]) -> String {
    let shown = &path[..path.len().min(200)];
    String::from_utf8_lossy(shown).chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// What to make.
pub(super) enum Kind {
    File,
    Directory,
    HardLink(Vec<u8>),
    Symlink(Vec<u8>),
    Node { file_type: FileType, device: u64 },
}

impl Kind {
    /// `None` for entries that make nothing.
    pub(super) fn of(entry: &tar::Entry<'_, impl Read>) -> Result<Option<Kind>, UnpackError> {
        let refused = |why| UnpackError::Refused { path: printable(&entry.path_bytes()), why };
        let link = || match entry.link_name_bytes() {
            Some(target) if !target.is_empty() && !target.contains(&0) => Ok(target.into_owned()),
            _ => Err(refused("a link without a target")),
        };
        let node = |file_type| {
            let (major, minor) = (entry.header().device_major(), entry.header().device_minor());
            match (major, minor) {
                (Ok(major), Ok(minor)) => {
                    let device = rustix::fs::makedev(major.unwrap_or(0), minor.unwrap_or(0));
                    Ok(Kind::Node { file_type, device })
                }
                _ => Err(refused("a device with an unreadable number")),
            }
        };
        Ok(Some(match entry.header().entry_type() {
            EntryType::XGlobalHeader => return Ok(None),
            // Before POSIX, a slash at the end made a directory of it.
            EntryType::Regular if entry.path_bytes().ends_with(b"/") => Kind::Directory,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
            EntryType::Directory => Kind::Directory,
            EntryType::Link => Kind::HardLink(link()?),
            EntryType::Symlink => Kind::Symlink(link()?),
            EntryType::Char => node(FileType::CharacterDevice)?,
            EntryType::Block => node(FileType::BlockDevice)?,
            EntryType::Fifo => Kind::Node { file_type: FileType::Fifo, device: 0 },
            _ => return Err(refused("an entry of an unknown type")),
        }))
    }
}

const WHITEOUT: &[u8] = b".wh.";

pub(super) fn is_whiteout(name: &OsStr) -> bool {
    name.as_bytes().starts_with(WHITEOUT)
}

/// What a whiteout hides.
pub(super) enum Hidden<'a> {
    /// Everything that the layers below have in its directory.
    AllBelow,
    /// One entry of its directory.
    One(&'a OsStr),
    /// Nothing: leftovers of AUFS, which old images have.
    Bookkeeping,
    /// `.` or `..` or nothing at all.
    Invalid,
}

pub(super) fn hidden_name(name: &OsStr) -> Hidden<'_> {
    match &name.as_bytes()[WHITEOUT.len()..] {
        b".wh..opq" => Hidden::AllBelow,
        rest if rest.starts_with(WHITEOUT) => Hidden::Bookkeeping,
        b"" | b"." | b".." => Hidden::Invalid,
        rest => Hidden::One(OsStr::from_bytes(rest)),
    }
}
