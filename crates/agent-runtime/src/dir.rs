//! A container's directory: what the agent and the shim tell each other.
//!
//! ```text
//! STATE/ID/lock         held by the shim
//!          begun        which attempt it is; written by the shim just before it makes init: from here on the program
//!                       may have run
//!          state.json   process ids of an attempt; written by the shim
//!          exit.json    how an attempt ended; written by the shim
//!          rootfs/      where init mounts the root file system, in its own mount namespace
//! DATA/ID/launch.json   what to run; written by the agent
//!         upper/ work/  the container's writes
//! ```
//!
//! STATE may be on tmpfs: after a reboot there are no containers, only their DATA to remove. DATA must be on a file
//! system that an overlay can be written to.

use crate::cgroup::Hierarchies;
use crate::device::Node;
use crate::sys;
use agent_driver::{ContainerSpec, Exit, RuntimeState};
use nix::libc;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long what should take a moment may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How soon to look again at something that gives no sign.
pub(crate) const RECHECK: Duration = Duration::from_millis(2);

/// What the shim needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Launch {
    pub(crate) spec: ContainerSpec,
    /// The layer below the image's.
    pub(crate) skeleton: PathBuf,
    pub(crate) hierarchies: Hierarchies,
    /// The container's group, relative to each hierarchy.
    pub(crate) cgroup: PathBuf,
    /// Its own, beside Docker's defaults.
    pub(crate) devices: Vec<Node>,
    /// What its root may have.
    pub(crate) capabilities: u64,
    /// The directory of the process that has what its task's containers share.
    pub(crate) holder: PathBuf,
    /// How long the container says nothing before its shim rests.
    #[serde(default = "default_silence_ms")]
    pub(crate) silence_ms: u16,
}

/// Of a container that an agent before this one started.
fn default_silence_ms() -> u16 {
    u16::MAX
}

/// Processes of a container.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Pids {
    pub(crate) shim: i32,
    pub(crate) init: i32,
    /// Of which attempt.
    pub(crate) attempt: u32,
}

/// The end of an attempt to run a container.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Ended {
    #[serde(flatten)]
    exit: Exit,
    attempt: u32,
}

/// The directories of one container.
#[derive(Clone, Debug)]
pub(crate) struct ContainerDir {
    /// STATE/ID.
    pub(crate) state: PathBuf,
    /// DATA/ID.
    pub(crate) data: PathBuf,
}

impl ContainerDir {
    pub(crate) fn rootfs(&self) -> PathBuf {
        self.state.join("rootfs")
    }

    /// Makes the directory and takes its lock, which is released when the file and every copy of its descriptor is
    /// closed. `None` when the directory exists.
    pub(crate) fn create(&self) -> io::Result<Option<File>> {
        match fs::create_dir(&self.state) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(None),
            other => other?,
        }
        let lock = File::create(self.state.join("lock"))?;
        lock.lock()?;
        fs::create_dir(self.rootfs())?;
        Ok(Some(lock))
    }

    /// Takes the lock of a directory that is there; `None` while another has it.
    pub(crate) fn take(&self) -> io::Result<Option<File>> {
        let lock = File::options().write(true).open(self.state.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    /// A process of the container, when its shim still vouches for the number. Opened before the look at the lock: then
    /// it cannot be a later process with that number.
    pub(crate) fn open_process(&self, pid: i32) -> io::Result<Option<OwnedFd>> {
        match sys::pidfd_open(pid) {
            Err(e) if e.raw_os_error() == Some(libc::ESRCH) => Ok(None),
            Err(e) => Err(e),
            Ok(pidfd) => Ok(self.is_held()?.then_some(pidfd)),
        }
    }

    /// Whether a shim, or an agent that is about to start one, lives.
    pub(crate) fn is_held(&self) -> io::Result<bool> {
        let lock = match File::open(self.state.join("lock")) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
            other => other?,
        };
        // Shared, so that two who look do not mistake each other for a shim.
        match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    /// `None` when there is no such container.
    pub(crate) fn observe(&self) -> io::Result<Option<RuntimeState>> {
        if let Some(exit) = self.read_exit()? {
            return Ok(Some(RuntimeState::Exited(exit)));
        }
        if self.is_held()? {
            return Ok(Some(RuntimeState::Running));
        }
        // The shim may have come to its end between the two looks.
        Ok(match self.read_exit()? {
            Some(exit) => Some(RuntimeState::Exited(exit)),
            None if self.has_begun() => Some(RuntimeState::Lost),
            None if self.state.exists() => Some(RuntimeState::Unstarted),
            // What a reboot leaves when STATE is on tmpfs.
            None if self.data.exists() => Some(RuntimeState::Lost),
            None => None,
        })
    }

    /// As [`observe`](Self::observe), but waits for a shim that is held back to begin or to end: one whose agent died
    /// is about to.
    pub(crate) fn observe_settled(&self) -> io::Result<Option<RuntimeState>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.observe()? {
                Some(RuntimeState::Running) if !self.has_begun() && Instant::now() < deadline => {
                    sleep(RECHECK)
                }
                settled => return Ok(settled),
            }
        }
    }

    fn has_begun(&self) -> bool {
        self.state.join("begun").exists()
    }

    /// The attempt that was begun last; 0 is the first start. `None` before that.
    pub(crate) fn attempt(&self) -> io::Result<Option<u32>> {
        read(&self.state.join("begun"))
    }

    pub(crate) fn mark_begun(&self, attempt: u32) -> io::Result<()> {
        self.write_whole("begun", &attempt)
    }

    pub(crate) fn write_launch(&self, launch: &Launch) -> io::Result<()> {
        fs::write(self.data.join("launch.json"), serde_json::to_vec(launch)?)
    }

    /// `None` when it is missing or was not written to its end.
    pub(crate) fn read_launch(&self) -> io::Result<Option<Launch>> {
        read(&self.data.join("launch.json"))
    }

    pub(crate) fn write_pids(&self, pids: Pids) -> io::Result<()> {
        self.write_whole("state.json", &pids)
    }

    /// `None` while there are none of the attempt that was begun last.
    pub(crate) fn read_pids(&self) -> io::Result<Option<Pids>> {
        let pids: Option<Pids> = read(&self.state.join("state.json"))?;
        let attempt = self.attempt()?;
        Ok(pids.filter(|pids| attempt.is_none_or(|attempt| attempt == pids.attempt)))
    }

    pub(crate) fn write_exit(&self, exit: Exit, attempt: u32) -> io::Result<()> {
        self.write_whole("exit.json", &Ended { exit, attempt })
    }

    /// `None` while the attempt that was begun last has not ended.
    fn read_exit(&self) -> io::Result<Option<Exit>> {
        let ended: Option<Ended> = read(&self.state.join("exit.json"))?;
        let attempt = self.attempt()?;
        Ok(ended.filter(|ended| attempt == Some(ended.attempt)).map(|ended| ended.exit))
    }

    /// Not synced: a power loss ends the container as well.
    pub(crate) fn write_whole(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        let fresh = self.state.join(format!("{name}.new"));
        fs::write(&fresh, serde_json::to_vec(value)?)?;
        fs::rename(fresh, self.state.join(name))
    }
}

pub(crate) fn read<T: DeserializeOwned>(file: &Path) -> io::Result<Option<T>> {
    match fs::read(file) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
