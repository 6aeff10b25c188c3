//! `/dev` of a container: Docker's nodes and links, and the devices that were asked for.

use super::inside::{self, Kind};
use crate::device::Node;
use nix::libc;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

const DEVICES: [(&str, u64, u64); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

const LINKS: [(&str, &str); 6] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("/proc/kcore", "/dev/core"),
    ("pts/ptmx", "/dev/ptmx"),
];

/// What every container has.
pub(super) fn fill() -> io::Result<()> {
    let everyone = Mode::from_bits_truncate(0o666);
    for (name, major, minor) in DEVICES {
        mknod(&*format!("/dev/{name}"), SFlag::S_IFCHR, everyone, makedev(major, minor))?;
    }
    for (target, link) in LINKS {
        symlink(target, link)?;
    }
    Ok(())
}

/// Makes the nodes of this container. A node that is there already stays.
pub(super) fn add(nodes: &[Node]) -> Result<(), String> {
    nodes.iter().try_for_each(|node| add_one(node).map_err(|e| format!("device {}: {e}", node.path)))
}

fn add_one(node: &Node) -> io::Result<()> {
    let path = Path::new(&node.path);
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(ErrorKind::InvalidInput.into());
    };
    let parent = inside::find_or_make(parent, Kind::Directory)?;
    let target = inside::name_of(&parent).join(name);
    let kind = if node.is_block { SFlag::S_IFBLK } else { SFlag::S_IFCHR };
    match mknod(&target, kind, Mode::empty(), makedev(node.major, node.minor)) {
        Err(nix::errno::Errno::EEXIST) => return check_same(&target, node),
        other => other?,
    }
    chown(&target, Some(node.uid), Some(node.gid))?;
    fs::set_permissions(&target, fs::Permissions::from_mode(node.mode))
}

/// Whether the node that is there is the one that was wanted. The links that every container has may stand for one.
fn check_same(target: &Path, node: &Node) -> io::Result<()> {
    let found = fs::symlink_metadata(target)?;
    let kind = found.file_type();
    if kind.is_symlink() && LINKS.iter().any(|(_, link)| *link == node.path) {
        return Ok(());
    }
    let same = found.rdev() == makedev(node.major, node.minor) && found.mode() & libc::S_IFMT != 0;
    if same && (if node.is_block { kind.is_block_device() } else { kind.is_char_device() }) {
        return Ok(());
    }
    Err(io::Error::new(ErrorKind::AlreadyExists, "something else is there"))
}
