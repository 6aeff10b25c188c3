//! Namespaces made ahead of time, each with a wire that leads nowhere yet.

use crate::config::HostNetworkConfig;
use crate::netns;
use crate::wire::{self, NETNS_FILE, Wire};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

/// The pool is filled up once no spare was taken for this long, so that making spares does not slow down those who
/// took one: the kernel changes links one at a time.
const REFILL_AFTER: Duration = Duration::from_millis(20);
/// How long the pool rests after it could not make a namespace.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A namespace that belongs to no task yet.
#[derive(Debug)]
pub struct Spare {
    /// Its directory.
    pub dir: PathBuf,
    /// The way into it.
    pub wire: Wire,
}

impl Spare {
    fn make(config: &HostNetworkConfig, id: &str) -> io::Result<Self> {
        let dir = config.pool_dir().join(id);
        fs::create_dir(&dir)?;
        let file = dir.join(NETNS_FILE);
        let made = netns::create(&file).and_then(|inside| Wire::make(config, &dir, &file, inside));
        match made {
            Ok(wire) => Ok(Self { dir, wire }),
            Err(error) => {
                if let Err(error) = wire::discard(&[dir]) {
                    tracing::warn!(%error, "remains of a spare namespace stay");
                }
                Err(error)
            }
        }
    }
}

/// Spares and the thread that makes them.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    maker: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    config: HostNetworkConfig,
    /// When the pool began: no earlier pool gave the same names.
    began: u128,
    next_id: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    ready: Vec<Spare>,
    /// When a spare was last taken.
    taken: Option<Instant>,
    closed: bool,
}

impl Pool {
    /// Starts making spares. The directory is empty.
    pub fn start(config: &HostNetworkConfig) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            config: config.clone(),
            began: SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos(),
            next_id: AtomicU64::new(1),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let for_maker = shared.clone();
        let maker = thread::Builder::new().name("wharf-net-pool".into()).spawn(move || for_maker.fill())?;
        Ok(Self { shared, maker: Some(maker) })
    }

    /// A spare from the pool, or one made now when the pool is empty.
    pub fn take(&self) -> io::Result<Spare> {
        let ready = {
            let mut state = self.shared.lock();
            state.taken = Some(Instant::now());
            state.ready.pop()
        };
        self.shared.changed.notify_all();
        ready.map_or_else(|| self.shared.make(), Ok)
    }

    /// Spares that are ready.
    pub fn ready(&self) -> usize {
        self.shared.lock().ready.len()
    }
}

impl Drop for Pool {
    /// Ends the maker. Spares stay, for the next process to discard.
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        if let Some(maker) = self.maker.take() {
            let _ = maker.join();
        }
    }
}

impl Shared {
    fn fill(&self) {
        let mut state = self.lock();
        while !state.closed {
            if state.ready.len() >= self.config.pool_size {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            if let Some(rest) = state.taken.and_then(|at| REFILL_AFTER.checked_sub(at.elapsed())) {
                let waited = self.changed.wait_timeout(state, rest);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            drop(state);
            let made = self.make();
            state = self.lock();
            match made {
                Ok(spare) => state.ready.push(spare),
                Err(error) => {
                    tracing::warn!(%error, "no spare network namespace could be made");
                    let waited = self.changed.wait_timeout(state, RETRY_AFTER);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn make(&self) -> io::Result<Spare> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        Spare::make(&self.config, &format!("{:x}-{id}", self.began))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
