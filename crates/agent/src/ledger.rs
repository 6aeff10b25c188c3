//! The agent's memory on disk: which instance it is, and the tasks that it has accepted.

use async_trait::async_trait;
use core_task::run::State;
use model::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The number of the files' format.
const FORMAT: u32 = 1;

/// Who the agent is, as far as it has been told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The configured cluster that it registered in.
    pub cluster: String,
    /// From the registration.
    pub arn: String,
    /// From the registration, too: its Availability Zone.
    #[serde(default)]
    pub availability_zone: Option<String>,
    /// The latest manifest's.
    pub timeline: i64,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// As it came, without credentials.
    pub task: acs::payload::Task,
    /// How far it is.
    pub state: State,
    /// [`Ledger::boot_id`] when this was written.
    pub boot_id: String,
    /// When nothing was left of it. It is remembered for a while, because its payload may come again.
    pub over_at: Option<Timestamp>,
}

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct LedgerError {
    /// The file.
    pub path: PathBuf,
    /// What happened.
    pub source: io::Error,
}

/// Where the agent remembers. What was saved is durable when the call answers.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Names the time since the host was booted: what ran under another one is gone, and may have left no trace.
    fn boot_id(&self) -> &str;
    /// Who the agent was.
    async fn instance(&self) -> Result<Option<Instance>, LedgerError>;
    /// Remembers who the agent is.
    async fn save_instance(&self, instance: &Instance) -> Result<(), LedgerError>;
    /// Every task.
    async fn tasks(&self) -> Result<Vec<Record>, LedgerError>;
    /// Remembers a task, in place of what was remembered of it.
    async fn save_task(&self, id: &str, record: &Record) -> Result<(), LedgerError>;
    /// The same of several at once, by their ids. When it fails, some of them may be remembered.
    async fn save_tasks(&self, tasks: &[(&str, &Record)]) -> Result<(), LedgerError> {
        for (id, record) in tasks {
            self.save_task(id, record).await?;
        }
        Ok(())
    }
    /// Forgets a task.
    async fn forget_task(&self, id: &str) -> Result<(), LedgerError>;
}

/// One JSON file a task under `DIR/tasks`, and `DIR/instance.json`; each replaced by rename, and synced.
pub struct FileLedger {
    dir: PathBuf,
    tasks: PathBuf,
    boot_id: String,
}

/// The kernel's own name for it (proc_sys_kernel(5)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    format: u32,
    #[serde(flatten)]
    content: T,
}

impl FileLedger {
    /// Opens or creates the ledger in `dir`.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        let tasks = dir.join("tasks");
        fs::create_dir_all(&tasks).map_err(at(&tasks))?;
        let boot_id = fs::read_to_string(BOOT_ID).map_err(at(Path::new(BOOT_ID)))?.trim().to_owned();
        Ok(Self { dir: dir.to_owned(), tasks, boot_id })
    }

    fn task_path(&self, id: &str) -> PathBuf {
        self.tasks.join(format!("{id}.json"))
    }
}

#[async_trait]
impl Ledger for FileLedger {
    fn boot_id(&self) -> &str {
        &self.boot_id
    }

    async fn instance(&self) -> Result<Option<Instance>, LedgerError> {
        let path = self.dir.join("instance.json");
        if !path.exists() {
            return Ok(None);
        }
        read(&path).map(Some)
    }

    async fn save_instance(&self, instance: &Instance) -> Result<(), LedgerError> {
        write(self.dir.join("instance.json"), instance).await
    }

    async fn tasks(&self) -> Result<Vec<Record>, LedgerError> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.tasks).map_err(at(&self.tasks))? {
            let path = entry.map_err(at(&self.tasks))?.path();
            match path.extension() {
                Some(extension) if extension == "json" => paths.push(path),
                // A write that was never finished, and so never relied upon.
                _ => fs::remove_file(&path).map_err(at(&path))?,
            }
        }
        paths.sort();
        paths.iter().map(|path| read(path)).collect()
    }

    async fn save_task(&self, id: &str, record: &Record) -> Result<(), LedgerError> {
        write(self.task_path(id), record).await
    }

    async fn save_tasks(&self, tasks: &[(&str, &Record)]) -> Result<(), LedgerError> {
        let file = |(id, record): &(&str, &Record)| {
            let path = self.task_path(id);
            Ok((path.clone(), encode(&path, record)?))
        };
        replace_all(&self.tasks, tasks.iter().map(file).collect::<Result<_, _>>()?).await
    }

    async fn forget_task(&self, id: &str) -> Result<(), LedgerError> {
        let path = self.task_path(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LedgerError { path, source: error }),
            _ => Ok(()),
        }
    }
}

/// A file that cannot be read stops the agent: going on without it would orphan the containers that it speaks of.
fn read<T: DeserializeOwned>(path: &Path) -> Result<T, LedgerError> {
    let text = fs::read(path).map_err(at(path))?;
    let file: Versioned<T> = serde_json::from_slice(&text).map_err(|e| at(path)(e.into()))?;
    if file.format != FORMAT {
        let text = format!("format {} is not this agent's ({FORMAT})", file.format);
        return Err(at(path)(io::Error::other(text)));
    }
    Ok(file.content)
}

async fn write<T: Serialize>(path: PathBuf, content: &T) -> Result<(), LedgerError> {
    let text = encode(&path, content)?;
    let dir = path.parent().unwrap_or(Path::new("/")).to_owned();
    replace_all(&dir, vec![(path, text)]).await
}

fn encode<T: Serialize>(path: &Path, content: &T) -> Result<Vec<u8>, LedgerError> {
    serde_json::to_vec(&Versioned { format: FORMAT, content }).map_err(|e| at(path)(e.into()))
}

/// Replaces files of a directory, and syncs them together: the file system has the less to do for each.
async fn replace_all(dir: &Path, files: Vec<(PathBuf, Vec<u8>)>) -> Result<(), LedgerError> {
    let dir = dir.to_owned();
    let done = tokio::task::spawn_blocking(move || {
        let written = files.iter().map(|(path, text)| write_new(path, text).map_err(at(path)));
        let written = written.collect::<Result<Vec<_>, _>>()?;
        for (file, (path, _)) in written.iter().zip(&files) {
            file.sync_data().map_err(at(path))?;
        }
        for (path, _) in &files {
            fs::rename(new_path(path), path).map_err(at(path))?;
        }
        File::open(&dir).and_then(|dir| dir.sync_all()).map_err(at(&dir))
    });
    done.await.unwrap_or_else(|error| Err(at(Path::new("ledger"))(io::Error::other(error))))
}

fn write_new(path: &Path, text: &[u8]) -> io::Result<File> {
    let mut file = File::create(new_path(path))?;
    file.write_all(text)?;
    Ok(file)
}

fn new_path(path: &Path) -> PathBuf {
    path.with_extension("new")
}

fn at(path: &Path) -> impl Fn(io::Error) -> LedgerError {
    let path = path.to_owned();
    move |source| LedgerError { path: path.clone(), source }
}
