//! Namespaces made ahead of time, each with loopback up and a veth pair that is down.

use crate::config::HostNetworkConfig;
use crate::netns;
use crate::rtnl::Rtnl;
use rtnetlink::packet_route::link::{InfoData, InfoVeth};
use rtnetlink::{LinkUnspec, LinkVeth};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The file in a spare's or a task's directory that is bound to the namespace. The directory can be renamed, which
/// the file could not: that is how a spare becomes a task's.
pub const NETNS_FILE: &str = "netns";
/// The interface inside.
pub const INSIDE: &str = "eth0";
/// The pool is filled up once no spare was taken for this long, so that making spares does not slow down those who
/// took one: the kernel changes links one at a time.
const REFILL_AFTER: Duration = Duration::from_millis(20);
/// How long the pool rests after it could not make a namespace.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A namespace that belongs to no task yet.
#[derive(Debug)]
pub struct Spare {
    /// Its directory, with [`NETNS_FILE`] in it.
    pub dir: PathBuf,
    /// Index of the host's end of its veth pair.
    pub link: u32,
    /// A socket inside.
    pub inside: Rtnl,
    /// Index of [`INSIDE`].
    pub inside_link: u32,
}

impl Spare {
    fn make(config: &HostNetworkConfig, id: &str) -> io::Result<Self> {
        let dir = config.pool_dir().join(id);
        fs::create_dir(&dir)?;
        let made = Self::make_in(&dir, &config.spare_link(id));
        if made.is_err() {
            let _ = discard(&dir);
        }
        made
    }

    fn make_in(dir: &Path, name: &str) -> io::Result<Self> {
        let file = dir.join(NETNS_FILE);
        let mut inside = netns::create(&file)?;
        let namespace = File::open(&file)?;
        let mut host = Rtnl::open()?;
        let peer = LinkUnspec::new_with_name(INSIDE).setns_by_fd(namespace.as_raw_fd()).build();
        host.add_link(
            LinkVeth::new(name, INSIDE).set_info_data(InfoData::Veth(InfoVeth::Peer(peer))).build(),
        )?;
        let link = host.link(name)?.ok_or(io::ErrorKind::NotFound)?.index;
        let inside_link = inside.link(INSIDE)?.ok_or(io::ErrorKind::NotFound)?.index;
        Ok(Self { dir: dir.to_owned(), link, inside, inside_link })
    }
}

/// Removes a directory with a namespace in it. Its links go with the namespace. Idempotent.
pub fn discard(dir: &Path) -> io::Result<()> {
    netns::remove(&dir.join(NETNS_FILE))?;
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Removes the spares that an earlier process left. They are cheap, and were not wanted yet.
pub fn discard_all(config: &HostNetworkConfig) -> io::Result<()> {
    let mut host = Rtnl::open()?;
    for entry in fs::read_dir(config.pool_dir())? {
        let entry = entry?;
        if let Some(link) = host.link(&config.spare_link(&entry.file_name().to_string_lossy()))? {
            host.delete_link(link.index)?;
        }
        discard(&entry.path())?;
    }
    Ok(())
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
        // Unique beyond this process: a link of an earlier one may still be on its way out.
        Spare::make(&self.config, &format!("{}-{id}", std::process::id()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
