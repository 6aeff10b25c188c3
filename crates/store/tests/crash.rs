//! Crashes: a disk that forgets and tears what was not synced, and a process that is killed.

mod common;

use ::redb::StorageBackend;
use common::cluster;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use store::redb::RedbJournal;
use store::{Committer, Store, StoreError, Tx};

/// Bytes that are safe, and writes since the last sync, which a crash may lose, keep or tear in any combination.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Bytes>>);

#[derive(Debug, Default)]
struct Bytes {
    synced: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
    syncs_left: Option<u32>,
}

impl Disk {
    fn bytes(&self) -> MutexGuard<'_, Bytes> {
        self.0.lock().expect("no test panics with the lock")
    }

    /// The disk as a crash at this moment may leave it: of each unsynced write, in 512-byte sectors, the parts that
    /// `keep` says.
    fn crash(&self, keep: &[u8]) -> Disk {
        let bytes = self.bytes();
        let mut after = bytes.synced.clone();
        let sectors = bytes.unsynced.iter().flat_map(|(at, data)| {
            data.chunks(512).enumerate().map(move |(n, sector)| (at + n * 512, sector))
        });
        for ((at, sector), keep) in sectors.zip(keep.iter().cycle()) {
            if keep % 2 == 0 {
                continue;
            }
            let end = at + sector.len();
            after.resize(after.len().max(end), 0);
            after[at..end].copy_from_slice(sector);
        }
        let after = Bytes { current: after.clone(), synced: after, ..Bytes::default() };
        Disk(Arc::new(Mutex::new(after)))
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> std::io::Result<u64> {
        Ok(self.bytes().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        let from = offset as usize;
        let bytes = self.bytes();
        let found = bytes.current.get(from..from + out.len());
        out.copy_from_slice(found.ok_or(std::io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        let mut bytes = self.bytes();
        bytes.current.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> std::io::Result<()> {
        let mut bytes = self.bytes();
        match &mut bytes.syncs_left {
            Some(0) => return Err(std::io::Error::other("the power is off")),
            Some(left) => *left -= 1,
            None => {}
        }
        bytes.synced = bytes.current.clone();
        bytes.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        let mut bytes = self.bytes();
        if bytes.syncs_left == Some(0) && bytes.unsynced.len() > 64 {
            return Err(std::io::Error::other("the power is off"));
        }
        let from = offset as usize;
        bytes.current[from..from + data.len()].copy_from_slice(data);
        bytes.unsynced.push((from, data.to_vec()));
        Ok(())
    }
}

fn open(disk: &Disk) -> Result<Store, StoreError> {
    Store::open(Box::new(RedbJournal::on(disk.clone())?), Committer::Inline)
}

/// One commit: two clusters that must be there together or not at all.
async fn commit_pair(store: &Store, n: u32) -> Result<(), StoreError> {
    let change = |tx: &mut Tx| {
        tx.put(cluster(&format!("a{n:04}")));
        tx.put(cluster(&format!("b{n:04}")));
        Ok(())
    };
    store.commit(change).await
}

fn names(store: &Store) -> BTreeSet<String> {
    store.snapshot().all_clusters().map(|row| row.name.to_string()).collect()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_survives_a_torn_and_reordered_tail(
        syncs in 8..40u32,
        keep in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let disk = Disk::default();
        let store = open(&disk).expect("opens");
        disk.bytes().syncs_left = Some(syncs);
        let mut acknowledged = 0;
        while runtime().block_on(commit_pair(&store, acknowledged)).is_ok() {
            acknowledged += 1;
            prop_assert!(acknowledged <= syncs, "a commit was acknowledged without a sync");
        }
        let reopened = open(&disk.crash(&keep)).expect("opens after the crash");
        reopened.snapshot().check_indexes().expect("consistent");
        let found = names(&reopened);
        let pairs = found.len() as u32 / 2;
        // The commit that failed may have reached the disk, whole.
        prop_assert!(pairs == acknowledged || pairs == acknowledged + 1, "{pairs} of {acknowledged}");
        let whole: BTreeSet<_> =
            (0..pairs).flat_map(|n| [format!("a{n:04}"), format!("b{n:04}")]).collect();
        prop_assert_eq!(found, whole);
        runtime().block_on(commit_pair(&reopened, 9999)).expect("the store works on");
    }
}

/// Set in the child of the test below: the path of the store that it writes until it is killed.
const CHILD: &str = "STORE_TEST_KILLED_CHILD";

#[test]
fn what_was_acknowledged_survives_kill_9() {
    if let Ok(path) = std::env::var(CHILD) {
        return write_until_killed(&path);
    }
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("store.redb");
    let mut acknowledged = BTreeSet::new();
    for round in 1..=6 {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "what_was_acknowledged_survives_kill_9", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the child starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut lines = stdout.lines().map_while(Result::ok);
        let mut acknowledge = |line: String| {
            if let Some((_, name)) = line.split_once("committed ") {
                acknowledged.insert(name.to_owned());
            }
        };
        lines.by_ref().take(20 * round).for_each(&mut acknowledge);
        child.kill().expect("SIGKILL");
        child.wait().expect("dead");
        lines.for_each(&mut acknowledge);

        let journal = RedbJournal::open(&path).expect("opens");
        let found = names(&Store::open(Box::new(journal), Committer::Thread).expect("opens"));
        let lost: Vec<_> = acknowledged.difference(&found).collect();
        assert!(lost.is_empty(), "lost in round {round}: {lost:?}");
    }
    assert!(acknowledged.len() > 100, "{}", acknowledged.len());
}

/// Sixteen writers at once, each telling of every commit after it was acknowledged, until somebody kills the process.
fn write_until_killed(path: &str) {
    let journal = RedbJournal::open(path).expect("opens");
    let store = Store::open(Box::new(journal), Committer::Thread).expect("opens");
    let start = store.snapshot().revision();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    runtime.block_on(async {
        let writers = (0..16).map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..10_000 {
                    let name = format!("r{start}-w{writer}-{n}");
                    let change = |tx: &mut Tx| {
                        tx.put(cluster(&name));
                        Ok::<_, StoreError>(())
                    };
                    store.commit(change).await.expect("commits");
                    println!("\ncommitted {name}");
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("writes");
        }
    });
}

#[test]
fn commits_by_many_tasks_at_once_are_all_there_after_reopening() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("store.redb");
    let open = || {
        let journal = RedbJournal::open(&path).expect("opens");
        Store::open(Box::new(journal), Committer::Thread).expect("opens")
    };
    let store = open();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    runtime.block_on(async {
        let writers: Vec<_> = (0..500)
            .map(|n| {
                let store = store.clone();
                tokio::spawn(async move { commit_pair(&store, n).await })
            })
            .collect();
        for writer in writers {
            writer.await.expect("runs").expect("commits");
        }
    });
    assert_eq!(store.snapshot().revision(), 500);
    let in_use = RedbJournal::open(&path).expect_err("one process, one store");
    assert!(matches!(in_use, store::JournalError::InUse(_)), "{in_use}");
    drop(store);
    assert_eq!(names(&open()).len(), 1000);
}

#[test]
fn a_file_that_was_never_made_whole_is_made_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("store.redb");
    // What a process leaves that is killed while it makes the file: the engine writes its magic number last.
    std::fs::write(&path, vec![0; 1 << 20]).expect("written");
    let journal = RedbJournal::open(&path).expect("opens");
    let store = Store::open(Box::new(journal), Committer::Thread).expect("opens");
    assert_eq!(store.snapshot().revision(), 0);
}
