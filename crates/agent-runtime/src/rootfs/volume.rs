//! Volumes and memory file systems in a container, as Docker mounts them.
//! <https://docs.docker.com/engine/storage/bind-mounts/>, <https://docs.docker.com/engine/storage/volumes/>

use super::copy_up;
use super::inside::{self, Kind};
use crate::{sys, tmpfs};
use agent_driver::{ContainerSpec, Mount, MountSource, Storage, Tmpfs};
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A volume that was taken along from the host.
pub(super) struct Taken<'a> {
    spec: &'a Mount,
    mount: OwnedFd,
    kind: Kind,
    /// The kernel could not make the copy read-only before it is mounted: Linux before 5.12.
    is_writable_yet: bool,
}

/// # Errors
/// What Docker refuses to mount, in its words.
pub(crate) fn check(storage: &Storage) -> Result<(), String> {
    for target in storage.mounts.iter().map(|m| &m.target).chain(storage.tmpfs.iter().map(|t| &t.target)) {
        if !target.starts_with('/') {
            return Err(format!("invalid mount path: '{target}' mount path must be absolute"));
        }
        if depth(target) == 0 {
            return Err("invalid specification: destination can't be '/'".to_owned());
        }
        if target.contains('\0') {
            return Err(format!("invalid mount path: {target:?}"));
        }
    }
    for volume in &storage.mounts {
        match &volume.source {
            MountSource::Named(name) => {
                return Err(format!("the volume {name} is of another runtime"));
            }
            MountSource::Path(path) if !path.is_absolute() => {
                return Err(format!("invalid mount config: the source {} is not absolute", path.display()));
            }
            MountSource::Path(_) => {}
        }
    }
    storage.tmpfs.iter().try_for_each(|t| tmpfs::parse(&t.options).map(drop))
}

/// Clones the volumes' mounts while the host's file system is still there, with all that is mounted below them.
pub(super) fn take(spec: &ContainerSpec) -> Result<Vec<Taken<'_>>, String> {
    spec.storage.mounts.iter().map(take_one).collect()
}

fn take_one(spec: &Mount) -> Result<Taken<'_>, String> {
    let MountSource::Path(path) = &spec.source else { return Err("a volume of another runtime".to_owned()) };
    let fail = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => format!(
            "invalid mount config for type \"bind\": bind source path does not exist: {}",
            path.display()
        ),
        _ => format!("mount {}: {e}", path.display()),
    };
    let kind = if fs::metadata(path).map_err(fail)?.is_dir() { Kind::Directory } else { Kind::File };
    let mount = sys::clone_mounts(&inside::c_path(path).map_err(fail)?).map_err(fail)?;
    Ok(Taken { spec, mount, kind, is_writable_yet: spec.read_only })
}

/// Mounts everything, what is nearer to the root first, so that nothing hides what was asked for below it.
pub(super) fn mount_all(storage: &Storage, volumes: Vec<Taken>) -> Result<(), String> {
    enum Any<'a> {
        Volume(Taken<'a>),
        Memory(&'a Tmpfs),
    }
    let volumes = volumes.into_iter().map(|taken| (depth(&taken.spec.target), Any::Volume(taken)));
    let memory = storage.tmpfs.iter().map(|tmpfs| (depth(&tmpfs.target), Any::Memory(tmpfs)));
    let mut all: Vec<_> = volumes.chain(memory).collect();
    all.sort_by_key(|(depth, _)| *depth);
    for (_, any) in all {
        match any {
            Any::Volume(taken) => mount_volume(taken)?,
            Any::Memory(tmpfs) => mount_tmpfs(tmpfs)?,
        }
    }
    Ok(())
}

/// Whether a volume is mounted at exactly this path.
pub(super) fn covers(storage: &Storage, path: &str) -> bool {
    storage.mounts.iter().any(|volume| clean(&volume.target) == Path::new(path))
}

fn depth(target: &str) -> usize {
    clean(target).components().count() - 1
}

/// As it would be written without `.`, `..` and doubled slashes, which Docker resolves before it looks at any link.
fn clean(target: &str) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for part in Path::new(target).components() {
        match part {
            std::path::Component::Normal(name) => clean.push(name),
            std::path::Component::ParentDir => drop(clean.pop()),
            _ => {}
        }
    }
    clean
}

fn mount_volume(mut taken: Taken) -> Result<(), String> {
    let target = &taken.spec.target;
    let fail = |e: io::Error| format!("mount {target}: {e}");
    let path = clean(target);
    let in_image = inside::find(&path).ok();
    if let (true, Kind::Directory, Some(from)) = (taken.spec.copy_up, taken.kind, &in_image) {
        copy_up::fill(from, &taken.mount)
            .map_err(|e| format!("copy the image's {target} to its volume: {e}"))?;
    }
    // After the copying, which writes.
    if taken.spec.read_only {
        match sys::make_read_only(taken.mount.as_fd()) {
            Ok(()) => taken.is_writable_yet = false,
            Err(e) if e.raw_os_error() == Some(libc::ENOSYS) => {}
            Err(e) => return Err(fail(e)),
        }
    }
    let place = place(&path, taken.kind).map_err(fail)?;
    sys::move_mount(taken.mount.as_fd(), place.as_fd()).map_err(fail)?;
    if taken.is_writable_yet {
        let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(None::<&str>, &inside::name_of(&taken.mount), None::<&str>, flags, None::<&str>)
            .map_err(|e| fail(e.into()))?;
    }
    Ok(())
}

fn mount_tmpfs(spec: &Tmpfs) -> Result<(), String> {
    let fail = |e: io::Error| format!("mount {}: {e}", spec.target);
    let options = tmpfs::parse(&spec.options)?;
    let path = clean(&spec.target);
    let mut data = options.data.clone();
    if let (false, Ok(found)) = (options.has_mode(), inside::find(&path)) {
        // The directory that it covers lends it its mode.
        let mode = fs::metadata(inside::name_of(&found)).map_err(fail)?.mode() & 0o7777;
        let separator = if data.is_empty() { "" } else { "," };
        data = format!("mode={mode:o}{separator}{data}");
    }
    let place = place(&path, Kind::Directory).map_err(fail)?;
    mount(Some("tmpfs"), &inside::name_of(&place), Some("tmpfs"), options.flags, Some(&*data))
        .map_err(|e| fail(e.into()))
}

/// Where to mount. Nothing is mounted in `/proc`: programs trust what they find there.
fn place(path: &Path, kind: Kind) -> io::Result<OwnedFd> {
    let place = inside::find_or_make(path, kind)?;
    if fstatfs(&place)?.filesystem_type() == PROC_SUPER_MAGIC {
        return Err(io::Error::other("it is inside /proc"));
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_sources_that_are_refused() {
        let volume = |source: MountSource, target: &str| Mount {
            source,
            target: target.to_owned(),
            read_only: false,
            copy_up: false,
        };
        let path = |path: &str| MountSource::Path(path.into());
        for (mount, part) in [
            (volume(path("/a"), "b"), "must be absolute"),
            (volume(path("/a"), "/b/.."), "can't be '/'"),
            (volume(path("a"), "/b"), "not absolute"),
            (volume(MountSource::Named("v".to_owned()), "/b"), "of another runtime"),
        ] {
            let refusal = check(&Storage { mounts: vec![mount], ..Storage::default() }).unwrap_err();
            assert!(refusal.contains(part), "{refusal}");
        }
        assert_eq!(clean("/a/./b//../c"), Path::new("/a/c"));
        assert_eq!((depth("/a"), depth("/a/b/"), depth("/../..")), (1, 2, 0));
    }
}
