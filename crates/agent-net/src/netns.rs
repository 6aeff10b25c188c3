//! Network namespaces that live as long as a file is bound to them.

use crate::rtnl::Rtnl;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statfs::{NSFS_MAGIC, statfs};
use rtnetlink::LinkUnspec;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;

/// The loopback interface is always a namespace's first.
const LOOPBACK: u32 = 1;
/// Of interfaces to come, and not of loopback: there are no IPv6 addresses to give, as on Docker's default bridge.
const NO_IPV6: &str = "/proc/sys/net/ipv6/conf/default/disable_ipv6";

/// Makes a namespace with loopback up and binds it to the file, which is created. Answers a socket inside.
pub fn create(at: &Path) -> io::Result<Rtnl> {
    let at = at.to_owned();
    // This thread stays in the new namespace, so it must end: nothing else may ever run on it.
    let maker = thread::Builder::new().name("wharf-netns".into()).spawn(move || create_here(&at))?;
    maker.join().unwrap_or_else(|_| Err(io::Error::other("the thread that makes namespaces panicked")))
}

fn create_here(at: &PathBuf) -> io::Result<Rtnl> {
    File::create(at)?;
    unshare(CloneFlags::CLONE_NEWNET)?;
    mount(Some("/proc/thread-self/ns/net"), at, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    prepare()
}

/// A socket in a namespace that somebody else made, with loopback up.
pub fn enter(at: &Path) -> io::Result<Rtnl> {
    let namespace = File::open(at)?;
    let guest = thread::Builder::new().name("wharf-netns".into()).spawn(move || {
        setns(namespace, CloneFlags::CLONE_NEWNET)?;
        prepare()
    })?;
    guest.join().unwrap_or_else(|_| Err(io::Error::other("the thread in a namespace panicked")))
}

/// Readies this thread's namespace for an interface.
fn prepare() -> io::Result<Rtnl> {
    let mut inside = Rtnl::open()?;
    inside.set_link(LinkUnspec::new_with_index(LOOPBACK).up().build())?;
    match fs::write(NO_IPV6, "1") {
        // The kernel has none.
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(inside),
    }
}

/// Whether the file is bound to a namespace.
pub fn is_bound(at: &Path) -> bool {
    statfs(at).is_ok_and(|fs| fs.filesystem_type() == NSFS_MAGIC)
}

/// Unbinds and deletes the file; the namespace goes when its last process has. Idempotent.
pub fn remove(at: &Path) -> io::Result<()> {
    loop {
        match umount2(at, MntFlags::MNT_DETACH) {
            Ok(()) => {}
            Err(Errno::EINVAL | Errno::ENOENT) => break,
            Err(e) => return Err(e.into()),
        }
    }
    match fs::remove_file(at) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
