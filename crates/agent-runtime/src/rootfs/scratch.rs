//! A container's memory file system: `/dev`, the files of `/etc` that are made for it, and what hides other paths are
//! parts of one. For each file system on the host every memory control group there has an entry, so a second one is not
//! free (docs/performance.md).

use super::{NOSUID_NODEV_NOEXEC, detach, move_mount, remount};
use nix::mount::{MsFlags, mount};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Its parts, not mounted yet. What they are made of cannot be reached from the container.
pub(super) struct Scratch {
    /// For `/dev`.
    pub(super) dev: OwnedFd,
    /// For the control groups, where there are several trees of them.
    pub(super) groups: Option<OwnedFd>,
    /// For what is to be empty. Read-only once it is mounted.
    pub(super) empty: OwnedFd,
    /// For `/etc/NAME`. They cost no disk, and their size is bounded.
    pub(super) etc: Vec<(&'static str, OwnedFd)>,
}

impl Scratch {
    /// Puts it together at `at`, below what will be mounted there as the root, and goes with the host's mounts: nothing has to
    /// be unmounted by itself.
    pub(super) fn make(
        at: &Path,
        etc: impl Iterator<Item = (&'static str, Vec<u8>)>,
        has_groups: bool,
    ) -> Result<Self, String> {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_STRICTATIME;
        mount(Some("tmpfs"), at, Some("tmpfs"), flags, Some("mode=755,size=65536k"))
            .map_err(|e| format!("mount /dev: {e}"))?;
        let etc = etc.map(|(name, contents)| Ok((name, file(&at.join(name), &contents)?)));
        Ok(Self {
            etc: etc.collect::<Result<_, String>>()?,
            dev: directory(&at.join("dev"))?,
            groups: has_groups.then(|| directory(&at.join("groups"))).transpose()?,
            empty: directory(&at.join("empty"))?,
        })
    }
}

/// Mounts an empty directory, into which nothing can be written.
pub(super) fn mount_empty(empty: &OwnedFd, target: &str) -> Result<(), String> {
    move_mount(empty, target)?;
    remount(target, NOSUID_NODEV_NOEXEC | MsFlags::MS_RDONLY)
}

fn directory(path: &Path) -> Result<OwnedFd, String> {
    part(path, DirBuilder::new().mode(0o755).create(path))
}

fn file(path: &Path, contents: &[u8]) -> Result<OwnedFd, String> {
    let mut file = OpenOptions::new();
    file.write(true).create_new(true).mode(0o644);
    part(path, file.open(path).and_then(|mut file| file.write_all(contents)))
}

fn part(path: &Path, made: io::Result<()>) -> Result<OwnedFd, String> {
    made.map_err(|e| format!("{}: {e}", path.display()))?;
    detach(path)
}
