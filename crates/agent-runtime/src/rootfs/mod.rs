//! The root file system of a container, put together by its init.
//!
//! Init mounts the overlay, makes it its root, and only then makes the mounts in it: every path of the image is
//! resolved inside the image, so its symbolic links lead nowhere else. The control groups come from the host as detached
//! mounts, and so do volumes.

mod copy_up;
mod dev;
pub(crate) mod inside;
mod scratch;
mod volume;

pub(crate) use volume::check as check_mounts;

use crate::dir::{ContainerDir, Launch};
use crate::{etc, sys, sysctl};
use agent_driver::{ContainerSpec, Namespace, Sharing};
use inside::Kind;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{chdir, pivot_root};
use scratch::{Scratch, mount_empty};
use std::ffi::CString;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

const NOSUID_NODEV_NOEXEC: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

/// Docker's default size of `/dev/shm`.
pub(crate) const SHM_BYTES: u64 = 64 << 20;

/// Docker's default masked paths, files and directories.
const MASKED: [&str; 11] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];
/// Also masked by Docker: it tells about other tenants' load.
const MASKED_POWERCAP: &str = "/sys/devices/virtual/powercap";

const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Docker's defaults in a network namespace of one's own: any user may use low ports and ping.
const NETWORK_SYSCTLS: [(&str, &str); 2] = [
    ("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"),
    ("/proc/sys/net/ipv4/ping_group_range", "0 2147483647"),
];

/// Makes the layer that lies under every image: what is mounted over is there, without a write to the container's own
/// layer. Idempotent.
pub(crate) fn ensure_skeleton(dir: &Path) -> io::Result<()> {
    for mount_point in ["proc", "dev", "sys", "etc"] {
        DirBuilder::new().recursive(true).mode(0o755).create(dir.join(mount_point))?;
    }
    for name in etc::NAMES {
        OpenOptions::new().write(true).create(true).truncate(false).open(dir.join("etc").join(name))?;
    }
    Ok(())
}

/// Makes the container's root file system the root of the calling process, which is alone in its mount namespace.
/// `shm` is the shared memory of its task, when it uses that.
///
/// # Errors
/// A text that names the mount or the file.
pub(crate) fn enter(dir: &ContainerDir, launch: &Launch, shm: Option<OwnedFd>) -> Result<(), String> {
    let spec = &launch.spec;
    umask(Mode::empty());
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .map_err(|e| format!("make mounts private: {e}"))?;
    let etc = etc::files(spec).map_err(|e| format!("/etc/resolv.conf: {e}"))?;
    let groups = detach_groups(launch)?;
    let volumes = volume::take(spec)?;
    let shm = match spec.ipc {
        Sharing::Host => Some(detach(Path::new("/dev/shm"))?),
        Sharing::Task | Sharing::Private => shm,
    };
    let scratch = Scratch::make(&dir.rootfs(), etc, !launch.hierarchies.is_v2())?;
    mount_overlay(dir, launch)?;
    change_root(&dir.rootfs()).map_err(|e| format!("change root: {e}"))?;

    mount_kernel_filesystems(spec, &scratch.dev, shm)?;
    dev::fill().map_err(|e| format!("fill /dev: {e}"))?;
    mount_groups(launch, scratch.groups.as_ref(), groups)?;
    if spec.network.namespace != Namespace::Host {
        for (path, value) in NETWORK_SYSCTLS {
            // Missing on kernels without IPv4's ping sockets, and read-only in nested containers.
            let _ = fs::write(path, value);
        }
    }
    sysctl::apply(spec)?;
    volume::mount_all(&spec.storage, volumes)?;
    for (name, file) in scratch.etc {
        let target = format!("/etc/{name}");
        if !volume::covers(&spec.storage, &target) {
            let place = inside::find_or_make(Path::new(&target), Kind::File);
            place
                .and_then(|place| sys::move_mount(file.as_fd(), place.as_fd()))
                .map_err(|e| format!("{target}: {e}"))?;
        }
    }
    dev::add(&launch.devices)?;
    if !spec.security.privileged {
        for path in READ_ONLY {
            bind_read_only(path)?;
        }
        mask(&scratch.empty)?;
    }
    umask(Mode::from_bits_truncate(0o022));
    Ok(())
}

/// Makes the root file system read-only when it shall be; the mounts in it stay as they are.
pub(crate) fn seal(launch: &Launch) -> Result<(), String> {
    if launch.spec.storage.readonly_rootfs { remount("/", MsFlags::MS_RDONLY) } else { Ok(()) }
}

/// The container's own groups, for version 1 with the names that their trees have on the host.
fn detach_groups(launch: &Launch) -> Result<Vec<(PathBuf, OwnedFd)>, String> {
    let trees = launch.hierarchies.trees().iter();
    trees.map(|tree| Ok((tree.mount.clone(), detach(&tree.mount.join(&launch.cgroup))?))).collect()
}

fn detach(path: &Path) -> Result<OwnedFd, String> {
    sys::clone_mount(&c_path(path)?).map_err(|e| format!("{}: {e}", path.display()))
}

/// Mounts the overlay with its layers named by descriptor: nothing needs escaping, and a hundred layers fit in the
/// page that the kernel takes.
fn mount_overlay(dir: &ContainerDir, launch: &Launch) -> Result<(), String> {
    let open = |path: &Path| {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(nix::libc::O_PATH | nix::libc::O_DIRECTORY);
        options.open(path).map_err(|e| format!("{}: {e}", path.display()))
    };
    let layers = launch.spec.layers.iter().chain([&launch.skeleton]);
    let layers = layers.map(|layer| open(layer)).collect::<Result<Vec<_>, _>>()?;
    let (upper, work) = (open(&dir.data.join("upper"))?, open(&dir.data.join("work"))?);
    let mut options = String::from("lowerdir=");
    for (index, layer) in layers.iter().enumerate() {
        let separator = if index == 0 { "" } else { ":" };
        let _ = write!(options, "{separator}{}", layer.as_raw_fd());
    }
    let _ = write!(options, ",upperdir={},workdir={}", upper.as_raw_fd(), work.as_raw_fd());
    // The writable layer dies with its container, so it is never worth waiting for the disk.
    options.push_str(",volatile");
    chdir("/proc/self/fd").map_err(|e| format!("/proc/self/fd: {e}"))?;
    mount(Some("overlay"), &dir.rootfs(), Some("overlay"), MsFlags::empty(), Some(options.as_str()))
        .map_err(|e| format!("mount overlay: {e}"))
}

/// Makes a mount point the root, and leaves the old one.
pub(crate) fn change_root(root: &Path) -> nix::Result<()> {
    chdir(root)?;
    // The old root lands on top of the new one, and is taken off.
    pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    chdir("/")
}

fn mount_kernel_filesystems(spec: &ContainerSpec, dev: &OwnedFd, shm: Option<OwnedFd>) -> Result<(), String> {
    let nosuid_noexec = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    mount_new("/proc", "proc", NOSUID_NODEV_NOEXEC, "")?;
    move_mount(dev, "/dev")?;
    mount_new("/dev/pts", "devpts", nosuid_noexec, "newinstance,ptmxmode=0666,mode=0620,gid=5")?;
    match shm {
        Some(shm) => {
            make_mount_point("/dev/shm").map_err(|e| format!("mount /dev/shm: {e}"))?;
            move_mount(&shm, "/dev/shm")?;
        }
        None => {
            let bytes = spec.storage.shm_bytes.unwrap_or(SHM_BYTES);
            mount_new("/dev/shm", "tmpfs", NOSUID_NODEV_NOEXEC, &format!("mode=1777,size={bytes}"))?;
        }
    }
    mount_new("/dev/mqueue", "mqueue", NOSUID_NODEV_NOEXEC, "")?;
    let sys = if spec.security.privileged { MsFlags::empty() } else { MsFlags::MS_RDONLY };
    mount_new("/sys", "sysfs", NOSUID_NODEV_NOEXEC | sys, "")
}

fn mount_new(target: &str, kind: &str, flags: MsFlags, options: &str) -> Result<(), String> {
    let fail = |e: io::Error| format!("mount {target}: {e}");
    make_mount_point(target).map_err(fail)?;
    mount(Some(kind), target, Some(kind), flags, Some(options)).map_err(|e| fail(e.into()))
}

/// A directory, and not a link to one: programs trust what they find in /proc.
fn make_mount_point(target: &str) -> io::Result<()> {
    match DirBuilder::new().mode(0o755).create(target) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
        other => return other,
    }
    if fs::symlink_metadata(target)?.is_dir() { Ok(()) } else { Err(ErrorKind::NotADirectory.into()) }
}

/// `/sys/fs/cgroup`, read-only unless the container is privileged: its group on version 2, the directory `dir` of its
/// groups on version 1.
fn mount_groups(
    launch: &Launch,
    dir: Option<&OwnedFd>,
    groups: Vec<(PathBuf, OwnedFd)>,
) -> Result<(), String> {
    let read_only = if launch.spec.security.privileged { MsFlags::empty() } else { MsFlags::MS_RDONLY };
    let protect = |path: &str| remount(path, NOSUID_NODEV_NOEXEC | read_only);
    const TARGET: &str = "/sys/fs/cgroup";
    let Some(dir) = dir else {
        groups.iter().try_for_each(|(_, group)| move_mount(group, TARGET))?;
        return protect(TARGET);
    };
    move_mount(dir, TARGET)?;
    for (host_mount, group) in groups {
        let Some(name) = host_mount.file_name().and_then(|name| name.to_str()) else { continue };
        let target = format!("{TARGET}/{name}");
        fs::create_dir(&target).map_err(|e| format!("{target}: {e}"))?;
        move_mount(&group, &target)?;
        protect(&target)?;
        for controller in name.split(',').filter(|c| *c != name) {
            symlink(name, format!("{TARGET}/{controller}"))
                .map_err(|e| format!("{TARGET}/{controller}: {e}"))?;
        }
    }
    protect(TARGET)
}

fn move_mount(mount: &OwnedFd, target: &str) -> Result<(), String> {
    let fail = |e: io::Error| format!("mount {target}: {e}");
    let place = inside::find(Path::new(target)).map_err(fail)?;
    sys::move_mount(mount.as_fd(), place.as_fd()).map_err(fail)
}

fn bind_read_only(path: &str) -> Result<(), String> {
    match mount(Some(path), path, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>) {
        Err(nix::errno::Errno::ENOENT) => Ok(()),
        Err(e) => Err(format!("bind {path}: {e}")),
        Ok(()) => remount(path, NOSUID_NODEV_NOEXEC | MsFlags::MS_RDONLY),
    }
}

/// Gives a mount other flags.
fn remount(path: &str, flags: MsFlags) -> Result<(), String> {
    let flags = flags | MsFlags::MS_BIND | MsFlags::MS_REMOUNT;
    mount(None::<&str>, path, None::<&str>, flags, None::<&str>).map_err(|e| format!("remount {path}: {e}"))
}

/// Hides files behind `/dev/null` and directories behind an empty one.
fn mask(empty: &OwnedFd) -> Result<(), String> {
    let mut empty_dir: Option<&str> = None;
    for path in MASKED.into_iter().chain([MASKED_POWERCAP]) {
        let fail = |e: nix::errno::Errno| format!("mask {path}: {e}");
        match fs::symlink_metadata(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(format!("mask {path}: {e}")),
            Ok(found) if !found.is_dir() => {
                mount(Some("/dev/null"), path, None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(fail)?;
            }
            Ok(_) => {
                if let Some(other) = empty_dir {
                    mount(Some(other), path, None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(fail)?;
                } else {
                    mount_empty(empty, path)?;
                    empty_dir = Some(path);
                }
            }
        }
    }
    Ok(())
}

fn c_path(path: &Path) -> Result<CString, String> {
    CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| format!("{path:?} has a NUL byte"))
}
