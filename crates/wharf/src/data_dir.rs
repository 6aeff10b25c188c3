//! Where one Wharf keeps its things, and the lock that says whether it runs.
//!
//! The data directory survives a reboot; the run directory beside it, under `/run`, does not need to. Both belong to
//! exactly one process at a time.

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// One Wharf's directories.
#[derive(Clone, Debug)]
pub struct DataDir {
    root: PathBuf,
}

/// What clients need to find and sign for a running Wharf: `endpoint.json`, readable by its owner alone.
#[derive(Clone, Serialize, Deserialize)]
pub struct Endpoint {
    /// `http://HOST:PORT`
    pub url: String,
    /// The first administrator's key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// The region that `wharf env` exports.
    pub region: String,
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
        let next = self.root.join(format!("{name}.next"));
        let mut file = File::create(&next)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(next, self.root.join(name))?;
        Ok(())
    }

    /// Reads `endpoint.json`.
    pub fn endpoint(&self) -> Result<Endpoint> {
        let path = self.root.join("endpoint.json");
        let text = std::fs::read(&path).with_context(|| {
            format!(
                "no Wharf has been started on {} (cannot read {}); start one with `wharf up`",
                self.root.display(),
                path.display()
            )
        })?;
        Ok(serde_json::from_slice(&text)?)
    }
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
        };
        data.publish_endpoint(&endpoint).unwrap();
        assert_eq!(data.endpoint().unwrap().url, endpoint.url);
        let mode = std::fs::metadata(data.root().join("endpoint.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
