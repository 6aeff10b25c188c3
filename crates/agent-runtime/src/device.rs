//! Devices of the host for a container, looked up on the host.
//! <https://docs.docker.com/reference/cli/docker/container/run/#device>

use agent_driver::{Device, Storage};
use nix::libc;
use nix::sys::stat::{major, minor};
use serde::{Deserialize, Serialize};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What Docker leaves out of a directory of devices.
const SKIPPED: [&str; 8] = ["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console"];
/// Deeper directories are not devices'.
const DEPTH_MAX: u32 = 8;

/// A device node to make in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Node {
    /// In the container.
    pub(crate) path: String,
    pub(crate) is_block: bool,
    pub(crate) major: u64,
    pub(crate) minor: u64,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Of `r`, `w` and `m`.
    pub(crate) permissions: String,
}

/// The nodes of a container; all of the host's when it is privileged, and then those that were asked for under other
/// names.
///
/// # Errors
/// A text that names the path, in Docker's words.
pub(crate) fn gather(storage: &Storage, privileged: bool) -> Result<Vec<Node>, String> {
    let mut nodes = Vec::new();
    if privileged {
        walk(Path::new("/dev"), "/dev", "rwm", DEPTH_MAX, &mut nodes);
    }
    for device in &storage.devices {
        gather_one(device, &mut nodes)?;
    }
    Ok(nodes)
}

fn gather_one(device: &Device, nodes: &mut Vec<Node>) -> Result<(), String> {
    let Device { host_path, container_path, permissions } = device;
    let permissions = if permissions.is_empty() { "rwm" } else { permissions };
    if !permissions.chars().all(|c| "rwm".contains(c)) || permissions.len() > 3 {
        return Err(format!("invalid device permissions {permissions:?} of {host_path}"));
    }
    let target = if container_path.is_empty() { host_path } else { container_path };
    if !target.starts_with('/') {
        return Err(format!("the device path {target:?} in the container is not an absolute path"));
    }
    let fail = |why: String| {
        format!("error gathering device information while adding custom device {host_path:?}: {why}")
    };
    // Docker follows links here, and not below a directory.
    let found = fs::metadata(host_path).map_err(|e| fail(e.to_string()))?;
    if found.is_dir() {
        let before = nodes.len();
        walk(Path::new(host_path), target.trim_end_matches('/'), permissions, DEPTH_MAX, nodes);
        return if nodes.len() > before { Ok(()) } else { Err(fail("no devices in it".to_owned())) };
    }
    nodes.push(node(&found, target, permissions).ok_or_else(|| fail("not a device node".to_owned()))?);
    Ok(())
}

/// What cannot be looked at is no device that the container could have used.
fn walk(dir: &Path, target: &str, permissions: &str, depth: u32, nodes: &mut Vec<Node>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        let target = format!("{target}/{name}");
        match fs::symlink_metadata(entry.path()) {
            Ok(found) if found.is_dir() && depth > 0 => {
                walk(&entry.path(), &target, permissions, depth - 1, nodes);
            }
            Ok(found) => nodes.extend(node(&found, &target, permissions)),
            Err(_) => {}
        }
    }
}

fn node(found: &Metadata, path: &str, permissions: &str) -> Option<Node> {
    let kind = found.mode() & libc::S_IFMT;
    let is_block = kind == libc::S_IFBLK;
    (is_block || kind == libc::S_IFCHR).then(|| Node {
        path: path.to_owned(),
        is_block,
        major: major(found.rdev()),
        minor: minor(found.rdev()),
        mode: found.mode() & 0o7777,
        uid: found.uid(),
        gid: found.gid(),
        permissions: permissions.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(host_path: &str, container_path: &str, permissions: &str) -> Result<Vec<Node>, String> {
        let device = Device {
            host_path: host_path.to_owned(),
            container_path: container_path.to_owned(),
            permissions: permissions.to_owned(),
        };
        gather(&Storage { devices: vec![device], ..Storage::default() }, false)
    }

    #[test]
    fn nodes_directories_and_what_is_neither() {
        let null = &gathered("/dev/null", "/dev/void", "r").unwrap()[0];
        assert_eq!((null.path.as_str(), null.major, null.minor, null.is_block), ("/dev/void", 1, 3, false));
        let all = gathered("/dev", "/devices", "").unwrap();
        assert!(all.iter().any(|node| node.path == "/devices/null" && node.permissions == "rwm"));
        assert!(!all.iter().any(|node| node.path.starts_with("/devices/pts/")));
        for (path, target, permissions, part) in [
            ("/etc/passwd", "", "", "not a device node"),
            ("/dev/nope", "", "", "No such file"),
            ("/dev/null", "", "rx", "invalid device permissions"),
            ("/dev/null", "relative", "", "absolute"),
            ("/proc/self/fdinfo", "", "", "no devices"),
        ] {
            let refusal = gathered(path, target, permissions).unwrap_err();
            assert!(refusal.contains(part), "{refusal}");
        }
    }
}
