//! The process that keeps what the containers of a task share: a PID namespace, whose process 1 it is, and an IPC
//! namespace with its shared memory. It can do nothing, and does nothing but reap.
//!
//! ```text
//! STATE/TASK.holder/lock         held by it
//!                   state.json   its process id
//!                   hold.json    what it shall hold; written by the agent
//!                   rootfs/      where its shared memory was mounted, in its own mount namespace
//! ```
//!
//! The kernel ends what lives in its PID namespace when it is killed.

use crate::cgroup::Hierarchies;
use crate::dir::{self, ContainerDir, Pids};
use crate::rootfs::{SHM_BYTES, change_root};
use crate::sys::{self, Cloned};
use crate::{init, seccomp};
use agent_driver::RuntimeError;
use nix::fcntl::OFlag;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::{set_dumpable, set_name, set_no_new_privs};
use nix::unistd::{pause, pipe2};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// What is appended to a task's id for the holder's directory and group; no id has a dot.
pub(crate) const SUFFIX: &str = ".holder";

/// What a holder holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hold {
    pub(crate) pid: bool,
    pub(crate) ipc: bool,
    pub(crate) hierarchies: Hierarchies,
    pub(crate) cgroup: PathBuf,
}

pub(crate) fn dir(path: PathBuf) -> ContainerDir {
    ContainerDir { data: path.clone(), state: path }
}

impl Hold {
    pub(crate) fn write(&self, dir: &ContainerDir) -> io::Result<()> {
        dir.write_whole("hold.json", self)
    }

    pub(crate) fn read(dir: &ContainerDir) -> io::Result<Option<Self>> {
        dir::read(&dir.state.join("hold.json"))
    }
}

/// The holder, when it lives.
pub(crate) fn find(dir: &ContainerDir) -> io::Result<Option<OwnedFd>> {
    match dir.read_pids()? {
        Some(pids) => dir.open_process(pids.init),
        None => Ok(None),
    }
}

/// A detached copy of the mount of a holder's shared memory, for the mount namespace that the caller is in.
pub(crate) fn shared_memory(holder: &OwnedFd) -> io::Result<OwnedFd> {
    let own = File::open("/proc/self/ns/mnt")?;
    setns(holder, CloneFlags::CLONE_NEWNS)?;
    // It is all that the holder's namespace has.
    let copy = sys::clone_mount(c"/");
    setns(own, CloneFlags::CLONE_NEWNS)?;
    copy
}

/// Makes the holder; this process is done then.
pub(crate) fn make(dir: &ContainerDir) -> Result<(), RuntimeError> {
    let fail = |what: &'static str| move |e: io::Error| RuntimeError::Create(format!("{what}: {e}"));
    let hold = Hold::read(dir).map_err(fail("hold.json"))?;
    let hold = hold.ok_or_else(|| RuntimeError::Create("hold.json is not whole".to_owned()))?;
    let pipe = || pipe2(OFlag::O_CLOEXEC).map_err(|e| fail("pipe")(e.into()));
    let ((go, go_end), (report, report_end)) = (pipe()?, pipe()?);
    // A network and a host name of its own: it must not be a way to the host's.
    let mut namespaces = libc::CLONE_NEWNS | libc::CLONE_NEWNET | libc::CLONE_NEWUTS;
    for (wanted, namespace) in [(hold.pid, libc::CLONE_NEWPID), (hold.ipc, libc::CLONE_NEWIPC)] {
        namespaces |= if wanted { namespace } else { 0 };
    }
    let group = hold.hierarchies.open_v2(&hold.cgroup).map_err(fail("cgroup"))?;
    let cloned = sys::clone_process(namespaces, group.as_ref().map(AsFd::as_fd)).map_err(fail("clone"))?;
    let Cloned::Parent { pid, pidfd } = cloned else {
        drop((go_end, report));
        become_holder(dir, &hold, go, report_end);
    };
    drop((go, report_end));
    let made = dir
        .write_pids(Pids { shim: pid, init: pid, attempt: 0 })
        .and_then(|()| File::from(go_end).write_all(b"g"))
        .map_err(fail("state.json"))
        .and_then(|()| init::await_report(report));
    if made.is_err() {
        let _ = sys::pidfd_send_signal(pidfd.as_fd(), libc::SIGKILL);
        let _ = sys::wait_pidfd(pidfd.as_fd(), 0);
    }
    made
}

fn become_holder(dir: &ContainerDir, hold: &Hold, go: OwnedFd, report: OwnedFd) -> ! {
    let Ok([mut go, mut report]) = keep(go, report) else { sys::exit_now(1) };
    // Nobody would find it when it was not written down.
    if go.read_exact(&mut [0]).is_err() {
        sys::exit_now(1);
    }
    match settle(dir, hold) {
        Ok(()) => init::write_started(&mut report),
        Err(why) => {
            init::write_failure(&mut report, &RuntimeError::Create(why));
            sys::exit_now(1);
        }
    }
    drop((go, report));
    sys::trim_heap();
    loop {
        pause();
    }
}

/// Closes everything else but the lock, which is its standard error: the agent waits for the end of its pipe.
fn keep(go: OwnedFd, report: OwnedFd) -> io::Result<[File; 2]> {
    let null = || File::options().read(true).write(true).open("/dev/null").map(OwnedFd::from);
    let lock = io::stderr().as_fd().try_clone_to_owned()?;
    let kept = sys::keep_only([null()?, null()?, lock], [go, report])?;
    let kept: Vec<File> = kept.into_iter().map(File::from).collect();
    kept.try_into().map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Leaves everything but the lock.
fn settle(dir: &ContainerDir, hold: &Hold) -> Result<(), String> {
    let fail = |what: &'static str| move |e: io::Error| format!("{what}: {e}");
    hold.hierarchies.join_v1(&hold.cgroup).map_err(fail("join cgroup"))?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        .map_err(|e| format!("make mounts private: {e}"))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let options = format!("mode=1777,size={SHM_BYTES}");
    let root: &Path = &dir.rootfs();
    mount(Some("shm"), root, Some("tmpfs"), flags, Some(&*options))
        .map_err(|e| format!("mount shared memory: {e}"))?;
    change_root(root).map_err(|e| format!("change root: {e}"))?;
    // Children that end are reaped by the kernel when nobody wants to know.
    sys::set_disposition(libc::SIGCHLD, libc::SIG_IGN);
    let _ = set_name(c"holder");
    set_dumpable(false).map_err(|e| fail("hide")(e.into()))?;
    sys::limit_bounding_set(0).map_err(fail("drop capabilities"))?;
    sys::install_filter(&mut seccomp::filter(0)).map_err(fail("seccomp"))?;
    sys::set_capabilities(0).map_err(fail("drop capabilities"))?;
    set_no_new_privs().map_err(|e| fail("no new privileges")(e.into()))
}
