//! The thread that deletes what was disconnected: many links and namespaces at once, since the kernel makes everybody
//! wait for each deletion, and takes hardly longer for many.

use crate::wire;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a namespace waits for others to be deleted with.
const GATHER_FOR: Duration = Duration::from_millis(50);

/// Deletes directories of wires.
#[derive(Debug)]
pub struct Reaper {
    dir: PathBuf,
    next: AtomicU64,
    wake: Option<Sender<()>>,
    worker: Option<JoinHandle<()>>,
}

impl Reaper {
    /// Works on what will be in the directory, which is empty.
    pub fn start(dir: &Path) -> io::Result<Self> {
        let (wake, woken) = mpsc::channel();
        let of = dir.to_owned();
        let worker = thread::Builder::new().name("wharf-net-reaper".into()).spawn(move || {
            while woken.recv().is_ok() {
                thread::sleep(GATHER_FOR);
                // Whatever came until now is done below.
                while woken.try_recv().is_ok() {}
                if let Err(error) = reap(&of) {
                    tracing::warn!(%error, "namespaces of ended tasks stay for now");
                }
            }
        })?;
        Ok(Self { dir: dir.to_owned(), next: AtomicU64::new(0), wake: Some(wake), worker: Some(worker) })
    }

    /// Takes a wire's directory away from its task, to be deleted soon. A missing one is no error.
    pub fn take(&self, wire: &Path) -> io::Result<()> {
        let name = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        match fs::rename(wire, self.dir.join(name)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            moved => moved?,
        }
        if let Some(wake) = &self.wake {
            // Fails only when the thread has panicked; the next process reaps then.
            let _ = wake.send(());
        }
        Ok(())
    }
}

impl Drop for Reaper {
    /// Ends when everything is deleted.
    fn drop(&mut self) {
        self.wake = None;
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

/// Deletes all wires whose directories are in this one.
pub fn reap(dir: &Path) -> io::Result<()> {
    let dirs = wire::all_in(dir)?;
    if dirs.is_empty() { Ok(()) } else { wire::discard(&dirs) }
}
