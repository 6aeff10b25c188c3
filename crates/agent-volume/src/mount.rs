//! Mounting a volume's file system.

use crate::options::Options;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount as sys_mount, umount2};
use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
use std::io;
use std::path::Path;

/// Mounts are stacked when somebody mounts twice; more than this is an error of ours.
const STACKED_MAX: usize = 64;

/// Whether something is mounted exactly there. A missing path is not.
pub(crate) fn is_mounted(path: &Path) -> io::Result<bool> {
    match statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT, StatxFlags::empty()) {
        Ok(found) if found.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT) => {
            Ok(found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
        }
        Ok(_) => Err(io::Error::other("the kernel does not tell mount points; Linux 5.8 does")),
        Err(rustix::io::Errno::NOENT) => Ok(false),
        // The server of a network file system is gone; something is mounted.
        Err(rustix::io::Errno::STALE | rustix::io::Errno::HOSTDOWN) => Ok(true),
        Err(errno) => Err(errno.into()),
    }
}

/// Mounts unless it is mounted. `Err` is Docker's text.
pub(crate) fn mount(options: &Options, target: &Path) -> Result<(), String> {
    let failed = |why: String| {
        format!("error while mounting volume '{}': failed to mount local volume: {why}", target.display())
    };
    if is_mounted(target).map_err(|error| failed(error.to_string()))? {
        return Ok(());
    }
    let data = options.resolved().map_err(failed)?;
    let call = |flags: MsFlags| {
        let kind = Some(options.kind.as_str());
        sys_mount(Some(options.device.as_str()), target, kind, flags, Some(data.as_str())).map_err(|errno| {
            let data = match options.data_without_password() {
                data if data.is_empty() => data,
                data => format!(", data: {data}"),
            };
            let (device, flags, why) = (&options.device, flags.bits(), describe(errno));
            failed(format!("mount {device}:{}, flags: {flags:#x}{data}: {why}", target.display()))
        })
    };
    call(options.flags)?;
    // A bind takes its other flags only when it is mounted anew.
    let others = options.flags.difference(MsFlags::MS_BIND | MsFlags::MS_REC);
    if options.flags.contains(MsFlags::MS_BIND) && !others.is_empty() {
        call(MsFlags::MS_BIND | MsFlags::MS_REMOUNT | others).inspect_err(|_| {
            if let Err(error) = unmount(target) {
                tracing::warn!(%error, target = %target.display(), "a mount is left");
            }
        })?;
    }
    Ok(())
}

/// Unmounts what is mounted there. Its users are gone; should one be left, the mount goes when that one does.
pub(crate) fn unmount(target: &Path) -> io::Result<()> {
    for _ in 0..STACKED_MAX {
        if !is_mounted(target)? {
            return Ok(());
        }
        match umount2(target, MntFlags::UMOUNT_NOFOLLOW) {
            Err(Errno::EBUSY) => umount2(target, MntFlags::UMOUNT_NOFOLLOW | MntFlags::MNT_DETACH)?,
            other => other?,
        }
    }
    Err(io::Error::other("it is still mounted"))
}

/// As Go writes errors.
fn describe(errno: Errno) -> String {
    let text = errno.desc();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
