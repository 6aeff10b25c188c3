//! Owner, mode, times and extended attributes of an entry.

use super::UnpackError;
use super::entry::EntryPath;
use super::root::Place;
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags, chmodat, chownat, fchmod, fchown,
    fsetxattr, fstat, futimens, statat, utimensat,
};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};

const XATTR_RECORD: &str = "SCHILY.xattr.";
/// GNU's sparse files in pax archives: the content is a map of the real one. (Those in GNU archives are read.)
const SPARSE_RECORD: &str = "GNU.sparse.";
const MTIME_RECORD: &str = "mtime";

pub(super) struct Metadata {
    uid: u32,
    gid: u32,
    mode: u32,
    mtime: Timespec,
    xattrs: Vec<(String, Vec<u8>)>,
}

impl Metadata {
    pub(super) fn of(
        entry: &mut tar::Entry<'_, impl Read>,
        path: &EntryPath,
    ) -> Result<Metadata, UnpackError> {
        let unreadable = |_| path.refused("its header cannot be read");
        let id = |id: io::Result<u64>| {
            id.ok()
                .and_then(|id| u32::try_from(id).ok())
                .filter(|&id| id != u32::MAX)
                .ok_or_else(|| path.refused("its owner has no valid number"))
        };
        let header = entry.header();
        let mut metadata = Metadata {
            uid: id(header.uid())?,
            gid: id(header.gid())?,
            mode: header.mode().map_err(unreadable)? & 0o7777,
            mtime: Timespec { tv_sec: clamp_seconds(header.mtime().map_err(unreadable)?), tv_nsec: 0 },
            xattrs: Vec::new(),
        };
        for record in entry.pax_extensions().map_err(unreadable)?.into_iter().flatten() {
            let record = record.map_err(unreadable)?;
            let Ok(key) = record.key() else { continue };
            if key.starts_with(SPARSE_RECORD) {
                return Err(path.refused("a sparse file of a kind that is not supported"));
            } else if key == MTIME_RECORD {
                metadata.mtime = parse_time(record.value_bytes())
                    .ok_or_else(|| path.refused("its time cannot be read"))?;
            } else if let Some(name) = key.strip_prefix(XATTR_RECORD).filter(|name| is_kept(name)) {
                metadata.xattrs.push((name.to_owned(), record.value_bytes().to_vec()));
            }
        }
        Ok(metadata)
    }

    pub(super) fn of_file(file: &File) -> io::Result<Metadata> {
        let stat = fstat(file)?;
        Ok(Metadata {
            uid: stat.st_uid,
            gid: stat.st_gid,
            mode: stat.st_mode & 0o7777,
            mtime: Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as _ },
            xattrs: Vec::new(),
        })
    }

    /// For regular files and directories. In this order, as a change of owner takes setuid bits and capabilities away.
    pub(super) fn apply_to_file(&self, file: &File) -> io::Result<()> {
        if is_privileged() {
            fchown(file, Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)))?;
        }
        fchmod(file, Mode::from_raw_mode(self.mode))?;
        for (name, value) in &self.xattrs {
            match fsetxattr(file, name.as_str(), value, XattrFlags::empty()) {
                // Not every file system has them, and programs live without.
                Err(Errno::NOTSUP) if !name.starts_with("security.") => {}
                other => other?,
            }
        }
        Ok(futimens(file, &self.times())?)
    }

    /// For links and device nodes, which cannot be opened.
    pub(super) fn apply_to_place(&self, place: &Place<'_>) -> io::Result<()> {
        let (parent, name) = (&place.parent, place.name);
        if is_privileged() {
            let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
            chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            chmodat(parent, name, Mode::from_raw_mode(self.mode), AtFlags::empty())?;
        }
        Ok(utimensat(parent, name, &self.times(), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    fn times(&self) -> Timestamps {
        Timestamps { last_access: self.mtime, last_modification: self.mtime }
    }
}

/// Only root can give files away; without it (in a developer's tests) everything belongs to whoever unpacks.
fn is_privileged() -> bool {
    rustix::process::geteuid().is_root()
}

/// Attributes that belong to an image. Those of overlayfs, of security modules and of file systems belong to a host.
fn is_kept(name: &str) -> bool {
    name == "security.capability"
        || name.starts_with("system.posix_acl_")
        || (name.starts_with("user.") && !name.starts_with("user.overlay."))
}

fn clamp_seconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(0)
}

/// A pax time: decimal seconds since the epoch, maybe negative, maybe with a fraction.
fn parse_time(text: &[u8]) -> Option<Timespec> {
    let text = std::str::from_utf8(text).ok()?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nanos = format!("{:0<9.9}", fraction).parse::<u32>().ok()?;
    let negative = seconds.starts_with('-');
    let seconds = seconds.parse::<i64>().ok()?;
    Some(match (negative, nanos) {
        (true, 1..) => Timespec { tv_sec: seconds.checked_sub(1)?, tv_nsec: (1_000_000_000 - nanos).into() },
        _ => Timespec { tv_sec: seconds, tv_nsec: nanos.into() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_fractions_and_before_the_epoch() {
        let parsed = |text: &str| parse_time(text.as_bytes()).map(|t| (t.tv_sec, t.tv_nsec));
        assert_eq!(parsed("1700000000"), Some((1_700_000_000, 0)));
        assert_eq!(parsed("1700000000.5"), Some((1_700_000_000, 500_000_000)));
        assert_eq!(parsed("1.1234567891"), Some((1, 123_456_789)));
        assert_eq!(parsed("-1.25"), Some((-2, 750_000_000)));
        assert_eq!(parsed("soon"), None);
        assert_eq!(parsed("1.x"), None);
    }

    #[test]
    fn only_attributes_of_images_are_kept() {
        assert!(is_kept("security.capability") && is_kept("user.note"));
        assert!(
            !is_kept("trusted.overlay.redirect")
                && !is_kept("user.overlay.opaque")
                && !is_kept("security.selinux")
        );
    }
}
