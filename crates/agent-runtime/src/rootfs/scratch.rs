//! A container's memory file system: `/dev`, the files of `/etc` that are made for it, and what hides other paths are
//! parts of one. For each file system on the host every memory control group there has an entry, so a second one is not
//! free (docs/performance.md).

use super::{NOSUID_NODEV_NOEXEC, detach, mount_new, move_mount, remount};
use nix::mount::{MntFlags, MsFlags, umount2};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Where it is put together. It is not left there.
const AT: &str = "/dev";

/// Its parts, not mounted yet. What they are made of cannot be reached from the container.
pub(super) struct Scratch {
    /// For `/dev`.
    pub(super) dev: OwnedFd,
    /// For the control groups of version 1.
    pub(super) groups: OwnedFd,
    /// For what is to be empty. Read-only once it is mounted.
    pub(super) empty: OwnedFd,
    /// For `/etc/NAME`. They cost no disk, and their size is bounded.
    pub(super) etc: Vec<(&'static str, OwnedFd)>,
}

impl Scratch {
    pub(super) fn make(etc: impl Iterator<Item = (&'static str, Vec<u8>)>) -> Result<Self, String> {
        mount_new(AT, "tmpfs", MsFlags::MS_NOSUID | MsFlags::MS_STRICTATIME, "mode=755,size=65536k")?;
        let etc =
            etc.map(|(name, contents)| Ok((name, file(name, &contents)?))).collect::<Result<_, String>>()?;
        let made =
            Self { etc, dev: directory("dev")?, groups: directory("groups")?, empty: directory("empty")? };
        umount2(AT, MntFlags::MNT_DETACH).map_err(|e| format!("unmount {AT}: {e}"))?;
        Ok(made)
    }
}

/// Mounts an empty directory, into which nothing can be written.
pub(super) fn mount_empty(empty: &OwnedFd, target: &str) -> Result<(), String> {
    move_mount(empty, target)?;
    remount(target, NOSUID_NODEV_NOEXEC | MsFlags::MS_RDONLY)
}

fn directory(name: &str) -> Result<OwnedFd, String> {
    part(name, |path| DirBuilder::new().mode(0o755).create(path))
}

fn file(name: &str, contents: &[u8]) -> Result<OwnedFd, String> {
    part(name, |path| {
        let mut file = OpenOptions::new();
        file.write(true).create_new(true).mode(0o644);
        file.open(path)?.write_all(contents)
    })
}

fn part(name: &str, make: impl FnOnce(&Path) -> io::Result<()>) -> Result<OwnedFd, String> {
    let path = Path::new(AT).join(name);
    make(&path).map_err(|e| format!("{name}: {e}"))?;
    detach(&path)
}
