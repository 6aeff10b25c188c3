//! What tasks cost as they grow in number: two durable commits for each ten tasks, made and accepted by their agents, by
//! many writers at once. Prints the rate, the CPU and the memory of each tenth of the way:
//! `cargo run --release -p store --example task_scale -- DIR [TASKS] [random]`; `random` makes ids without an order.

use model::cluster::{Cluster, ClusterStatus};
use model::fixture;
use model::task::{Task, TaskStatus, Times};
use model::task_definition::{LaunchType, TaskDefinition};
use model::{InstanceId, Tags, TaskId, Timestamp};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use store::redb::RedbJournal;
use store::{Committer, Store, StoreError, TaskKey, Tx};

const WRITERS: usize = 256;
const BATCH: usize = 10;
const INSTANCES: usize = 5000;

fn main() {
    let mut args = std::env::args().skip(1);
    let parent = args.next().unwrap_or_else(|| ".".to_owned());
    let tasks: usize = args.next().map_or(100_000, |text| text.parse().expect("a number of tasks"));
    let ids = if args.next().is_some() { TaskIds::Random } else { TaskIds::ByAge };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let dir = tempfile::tempdir_in(&parent).expect("a directory");
    let path = dir.path().join("store.redb");
    let store = open(&path);
    let definition = Arc::new(fixture::definition(&["app!"]));
    runtime.block_on(prepare(&store, &definition));
    let instances = (0..INSTANCES).map(|n| instance(n).into()).collect();
    let template = Arc::new((template(definition), instances));
    let before = Usage::now();
    let made = Arc::new(AtomicUsize::new(0));
    for step in 1..=10 {
        let start = Usage::now();
        runtime.block_on(fill(&store, &template, &made, tasks * step / 10, ids));
        let (now, stored) = (Usage::now(), store.snapshot().task_count());
        let done = (tasks / 10) as f64;
        println!(
            "{stored:>9} tasks: {:>6.0} tasks/s, {:>5.1} µs of CPU a task, {:>5} bytes of memory a task, file {} MiB",
            done / (now.at - start.at).as_secs_f64(),
            (now.cpu - start.cpu).as_secs_f64() * 1e6 / done,
            (now.memory - before.memory) / stored,
            std::fs::metadata(&path).expect("a file").len() >> 20,
        );
    }
    drop(store);
    let start = Instant::now();
    let store = open(&path);
    println!("{:>9} tasks open in {:?}", store.snapshot().task_count(), start.elapsed());
}

fn open(path: &Path) -> Store {
    Store::open(Box::new(RedbJournal::open(path).expect("opens")), Committer::Thread).expect("opens")
}

async fn prepare(store: &Store, definition: &Arc<TaskDefinition>) {
    let change = |tx: &mut Tx| {
        tx.put(TaskDefinition::clone(definition));
        tx.put(Cluster {
            scope: definition.scope.clone(),
            name: "default".into(),
            status: ClusterStatus::Active,
            tags: Tags::new(),
            settings: Tags::new(),
            capacity_providers: vec![],
            default_capacity_provider_strategy: vec![],
            created_at: Timestamp(1),
        });
        (0..INSTANCES).for_each(|n| tx.put(fixture::instance(&instance(n), 1 << 20, 1 << 20)));
        Ok::<_, StoreError>(())
    };
    store.commit(change).await.expect("commits");
}

async fn fill(store: &Store, template: &Arc<Template>, made: &Arc<AtomicUsize>, until: usize, ids: TaskIds) {
    let writers = (0..WRITERS).map(|_| {
        let (store, template, made) = (store.clone(), template.clone(), made.clone());
        tokio::spawn(async move {
            loop {
                let claim = made.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |first| {
                    (first < until).then_some(first + BATCH)
                });
                let Ok(first) = claim else { break };
                let keys = run(&store, &template, first, ids).await;
                accept(&store, &keys).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no panic");
    }
}

async fn run(store: &Store, template: &Template, first: usize, ids: TaskIds) -> Vec<TaskKey> {
    let tasks: Vec<Task> = (first..first + BATCH).map(|n| task(n, template, ids)).collect();
    let keys = tasks.iter().map(|task| (task.scope.clone(), task.id.clone())).collect();
    let change = |tx: &mut Tx| {
        tasks.into_iter().for_each(|task| tx.put(task));
        Ok::<_, StoreError>(())
    };
    store.commit(change).await.expect("commits");
    keys
}

async fn accept(store: &Store, keys: &[TaskKey]) {
    let change = |tx: &mut Tx| {
        for key in keys {
            let mut task = Task::clone(tx.get::<Task>(key).expect("the task is there"));
            task.times.connectivity_at = Some(now());
            task.version += 1;
            tx.put(task);
        }
        Ok::<_, StoreError>(())
    };
    store.commit(change).await.expect("commits");
}

/// A task, and the ids of the instances, whose text tasks share as those of Wharf do.
type Template = (Task, Vec<InstanceId>);

/// The same for all of them but for what is each one's own.
fn template(definition: Arc<TaskDefinition>) -> Task {
    Task {
        definition,
        eni: None,
        launch_type: LaunchType::Ec2,
        last_status: TaskStatus::Pending,
        started_by: Some("task_scale".to_owned()),
        ..fixture::task(&["app!"])
    }
}

fn task(n: usize, (template, instances): &Template, ids: TaskIds) -> Task {
    let mut task = template.clone();
    for container in &mut task.containers {
        container.id = format!("{:08x}-0000-4000-8000-{:012x}", mixed(n) >> 96, mixed(n) >> 80).into();
    }
    let times = Times { created_at: now(), ..Times::default() };
    Task { id: ids.id(n), instance: Some(instances[n % INSTANCES].clone()), times, ..task }
}

fn instance(n: usize) -> String {
    format!("{:032x}", mixed(n))
}

#[derive(Clone, Copy)]
enum TaskIds {
    /// As those of Wharf.
    ByAge,
    Random,
}

impl TaskIds {
    fn id(self, n: usize) -> TaskId {
        match self {
            Self::ByAge => TaskId::new(now(), mixed(n)),
            Self::Random => format!("{:032x}", mixed(n)).into(),
        }
    }
}

/// A number without an order, another one for each `n`.
fn mixed(n: usize) -> u128 {
    (n as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Timestamp(since.as_millis() as i64)
}

/// What the process has used so far.
struct Usage {
    at: Instant,
    cpu: Duration,
    memory: usize,
}

impl Usage {
    fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
        let after_name = stat.rsplit(')').next().expect("a name in parentheses");
        let ticks = after_name.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|text| text.parse::<u64>().expect("a number")).sum();
        let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
        let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
        Self { at: Instant::now(), cpu: Duration::from_millis(ticks * 10), memory: pages * 4096 }
    }
}
