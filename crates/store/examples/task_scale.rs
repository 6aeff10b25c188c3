//! What 100 and 100,000 stored tasks cost: memory, opening, and updates of tasks by 64 writers:
//! `cargo run --release -p store --example task_scale -- DIR`

use model::fixture;
use model::task::{Task, TaskStatus, Times};
use model::task_definition::{LaunchType, TaskDefinition};
use model::{TaskId, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::redb::RedbJournal;
use store::{Committer, Store, StoreError, Tx};

const FOR: Duration = Duration::from_secs(3);
const WRITERS: usize = 64;

fn main() {
    let parent = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    for tasks in [100, 100_000] {
        let dir = tempfile::tempdir_in(&parent).expect("a directory");
        let path = dir.path().join("store.redb");
        runtime.block_on(fill(&open(&path), tasks));
        let start = Instant::now();
        let store = open(&path);
        let opened = start.elapsed();
        let updates = runtime.block_on(update(&store, tasks)) as f64 / FOR.as_secs_f64();
        let file = std::fs::metadata(&path).expect("a file").len() >> 20;
        println!(
            "{tasks} tasks: open {opened:?}, {updates:.0} updates/s, file {file} MiB, RSS {} MiB",
            rss_mib()
        );
    }
}

fn open(path: &std::path::Path) -> Store {
    Store::open(Box::new(RedbJournal::open(path).expect("opens")), Committer::Thread).expect("opens")
}

/// Spread over the key space, as the ids of real tasks are.
fn id(n: usize) -> TaskId {
    TaskId::from(format!("{:032x}", (n as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)))
}

async fn fill(store: &Store, tasks: usize) {
    let definition = Arc::new(fixture::definition(&[]));
    for first in (0..tasks).step_by(1000) {
        let definition = definition.clone();
        let change = move |tx: &mut Tx| {
            tx.put(TaskDefinition::clone(&definition));
            (first..tasks.min(first + 1000)).for_each(|n| tx.put(task(n, definition.clone())));
            Ok::<_, StoreError>(())
        };
        store.commit(change).await.expect("commits");
    }
}

async fn update(store: &Store, tasks: usize) -> usize {
    let end = Instant::now() + FOR;
    let writers = (0..WRITERS).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut updates = 0;
            while Instant::now() < end {
                let key = (fixture::scope(), id((writer + updates * 7919) % tasks));
                let change = move |tx: &mut Tx| {
                    Ok::<_, StoreError>(tx.update(&key, |task: &mut Task| {
                        let running = task.last_status == TaskStatus::Running;
                        task.last_status = if running { TaskStatus::Pending } else { TaskStatus::Running };
                        task.version += 1;
                    }))
                };
                store.commit(change).await.expect("commits").expect("the task is there");
                updates += 1;
            }
            updates
        })
    });
    let mut updates = 0;
    for writer in writers.collect::<Vec<_>>() {
        updates += writer.await.expect("no panic");
    }
    updates
}

fn rss_mib() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok())
        .map_or(0, |pages| (pages * 4096) >> 20)
}

fn task(n: usize, definition: Arc<TaskDefinition>) -> Task {
    Task {
        id: id(n),
        definition,
        containers: vec![],
        eni: None,
        launch_type: LaunchType::Ec2,
        instance: Some(format!("{:032x}", n % 100).into()),
        last_status: TaskStatus::Pending,
        times: Times { created_at: Timestamp(n as i64), ..Times::default() },
        ..fixture::task(&[])
    }
}
