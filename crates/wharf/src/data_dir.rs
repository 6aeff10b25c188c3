//! Where one Wharf keeps its things, and the lock that says whether it runs.
//!
//! The data directory survives a reboot; the run directory beside it, under `/run`, does not need to. Both belong to
//! exactly one process at a time.

pub use crate::endpoint::Endpoint;
use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// One Wharf's directories.
#[derive(Clone, Debug)]
pub struct DataDir {
    root: PathBuf,
}

/// Which part of Wharf a lock is for: they may run as one process or as several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The control plane.
    Server,
    /// The container instance.
    Agent,
}

impl Part {
    fn file_name(self) -> &'static str {
        match self {
            Self::Server => "server.lock",
            Self::Agent => "agent.lock",
        }
    }
}

/// Held as long as the part runs; the kernel lets go of it when the process dies.
pub struct PartLock(#[expect(dead_code, reason = "held for its drop")] Flock<File>);

impl DataDir {
    /// Opens `path`, or the default: `/var/lib/wharf` for root, `$XDG_STATE_HOME/wharf` for a user.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        let root = path.map_or_else(default_root, Path::to_owned);
        std::fs::create_dir_all(&root)
            .with_context(|| format!("creating the data directory {}", root.display()))?;
        std::fs::set_permissions(&root, Permissions::from_mode(0o711))
            .with_context(|| format!("setting the permissions of {}", root.display()))?;
        Ok(Self { root: root.canonicalize()? })
    }

    /// The durable journal of the control plane.
    pub fn store(&self) -> PathBuf {
        self.root.join("store.redb")
    }

    /// Log segments.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The store of metrics.
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.redb")
    }

    /// Images.
    pub fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    /// Writable layers of containers, and the spools of their output.
    pub fn containers(&self) -> PathBuf {
        self.root.join("containers")
    }

    /// Volumes of tasks, and shared ones.
    pub fn volumes(&self) -> PathBuf {
        self.root.join("volumes")
    }

    /// What the Docker driver remembers.
    pub fn docker(&self) -> PathBuf {
        self.root.join("docker")
    }

    /// The certificate of the server's authority, which anybody may read; a joined agent has it too.
    pub fn authority_certificate(&self) -> PathBuf {
        self.root.join("ca.pem")
    }

    /// The key of the authority.
    pub fn authority_key(&self) -> PathBuf {
        self.root.join("ca.key")
    }

    /// Join tokens.
    pub fn join_tokens(&self) -> PathBuf {
        self.root.join("join-tokens")
    }

    /// The agent's ledger.
    pub fn ledger(&self) -> PathBuf {
        self.root.join("agent")
    }

    /// Where the data directory is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What a command line needs to find this directory: nothing for the default one.
    pub fn option(&self) -> String {
        match default_root().canonicalize() {
            Ok(default) if default == self.root => String::new(),
            _ => format!(" --data-dir {}", self.root.display()),
        }
    }

    /// State that dies with the host: `/run/wharf/NAME`.
    pub fn run_dir(&self) -> PathBuf {
        Path::new("/run/wharf").join(self.name())
    }

    /// The cgroup that holds every task of this Wharf.
    pub fn cgroup_parent(&self) -> String {
        format!("wharf-{}", self.name())
    }

    /// Eight hexadecimal digits that follow from the path, so that several Wharfs on one host keep apart.
    fn name(&self) -> String {
        let path = self.root.as_os_str().as_encoded_bytes();
        let hash = path.iter().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(*b)).wrapping_mul(0x0100_0193));
        format!("{hash:08x}")
    }

    /// Takes the lock of `part`, or says who has it.
    pub fn lock(&self, part: Part) -> Result<PartLock> {
        let path = self.root.join(part.file_name());
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let file = file.with_context(|| format!("opening {}", path.display()))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut lock) => {
                lock.set_len(0)?;
                lock.rewind()?;
                write!(lock, "{}", std::process::id())?;
                Ok(PartLock(lock))
            }
            Err(_) => bail!(
                "another Wharf (process {}) already uses {}; stop it first, or choose another --data-dir",
                read_pid(&path).map_or_else(|| "unknown".to_owned(), |pid| pid.to_string()),
                self.root.display()
            ),
        }
    }

    /// The process that holds the lock of `part`.
    pub fn running(&self, part: Part) -> Option<i32> {
        let path = self.root.join(part.file_name());
        let file = OpenOptions::new().read(true).write(true).open(&path).ok()?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(_) => None,
            Err(_) => read_pid(&path),
        }
    }

    /// Writes `endpoint.json`.
    pub fn publish_endpoint(&self, endpoint: &Endpoint) -> Result<()> {
        self.write_whole("endpoint.json", &serde_json::to_vec_pretty(endpoint)?)
    }

    /// Writes a file that only its owner reads, whole or not at all.
    pub fn write_whole(&self, name: &str, content: &[u8]) -> Result<()> {
        write_whole(&self.root.join(name), content, 0o600)
    }

    /// Reads `endpoint.json`, which is there once a Wharf was started here or joined from here.
    pub fn endpoint(&self) -> Result<Endpoint> {
        self.find_endpoint()?.with_context(|| {
            format!(
                "no Wharf has been started on {} (there is no endpoint.json); start one with `wharf up`",
                self.root.display()
            )
        })
    }

    /// Reads `endpoint.json` when it is there.
    pub fn find_endpoint(&self) -> Result<Option<Endpoint>> {
        let path = self.root.join("endpoint.json");
        match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            text => {
                let text = text.with_context(|| format!("reading {}", path.display()))?;
                serde_json::from_slice(&text).map(Some).with_context(|| format!("reading {}", path.display()))
            }
        }
    }
}

/// Writes a file with these permissions, whole or not at all. One process at a time writes it.
pub fn write_whole(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let next = path.with_added_extension("next");
    let write = || {
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(mode).open(&next)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&next, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

fn default_root() -> PathBuf {
    if nix::unistd::geteuid().is_root() {
        return PathBuf::from("/var/lib/wharf");
    }
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/".into())).join(".local/state");
    state.unwrap_or_else(home).join("wharf")
}

fn read_pid(path: &Path) -> Option<i32> {
    let mut text = String::new();
    File::open(path).ok()?.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_runs_once_and_its_lock_ends_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(Some(dir.path())).unwrap();
        assert_eq!(data.running(Part::Server), None);
        let lock = data.lock(Part::Server).unwrap();
        assert_eq!(data.running(Part::Server), Some(std::process::id() as i32));
        let refusal = data.lock(Part::Server).err().expect("a second lock").to_string();
        assert!(refusal.contains("already uses"), "{refusal}");
        assert_eq!(data.running(Part::Agent), None);
        drop(lock);
        assert_eq!(data.running(Part::Server), None);
    }

    #[test]
    fn an_endpoint_is_readable_by_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(Some(dir.path())).unwrap();
        let missing = data.endpoint().err().expect("no endpoint yet").to_string();
        assert!(missing.contains("wharf up"), "{missing}");
        let endpoint = Endpoint {
            url: "http://127.0.0.1:4566".into(),
            access_key_id: "AKIA".into(),
            secret_access_key: "s".into(),
            region: "us-east-1".into(),
            authority: None,
            listens_on: None,
            joined_with: None,
        };
        data.publish_endpoint(&endpoint).unwrap();
        assert!(data.endpoint().unwrap() == endpoint);
        let mode = std::fs::metadata(data.root().join("endpoint.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
