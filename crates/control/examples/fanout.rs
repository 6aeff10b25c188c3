//! What it costs to tell agents of tasks: in one thread, CPU a task from the commit that makes it to the record of its
//! agent's acknowledgement, without the commit itself. Agents are queues in memory that acknowledge at once.
//! `cargo run --release -p control --example fanout -- [TASKS] [INSTANCES] [TOGETHER]`; `TOGETHER` tasks of a commit are
//! on one instance.

use acs::link::AcsQuery;
use acs::{AckRequest, AgentMessage, HeartbeatAckRequest};
use control::{Control, ControlConfig, Frame, Frames, Peer, SessionEnd};
use model::task::{Task, TaskStatus, Times};
use model::task_definition::{LaunchType, NetworkMode, TaskDefinition};
use model::time::{Clock, IdSource};
use model::{Timestamp, fixture};
use std::cell::Cell;
use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use store::{Committer, MemoryJournal, Store, StoreError, Tx};

/// Tasks in a commit: a RunTask makes ten at most.
const BATCH: usize = 10;
/// Commits before the sessions have their turn.
const COMMITS: usize = 50;

fn main() {
    let mut args =
        std::env::args().skip(1).map(|text| text.parse::<usize>().expect("a number greater than 0"));
    let tasks = args.next().unwrap_or(100_000);
    let instances = args.next().unwrap_or(5000);
    let together = args.next().unwrap_or(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(measure(tasks, instances, together));
}

async fn measure(tasks: usize, instances: usize, together: usize) {
    let store = Store::open(Box::new(MemoryJournal::new()), Committer::Inline).expect("an empty journal");
    let definition =
        Arc::new(TaskDefinition { network_mode: NetworkMode::Bridge, ..fixture::definition(&["app!"]) });
    prepare(&store, &definition, instances).await;
    let acks = Arc::new(AtomicUsize::new(0));
    let control = Control::new(
        store.clone(),
        Arc::new(FixedClock),
        Arc::new(Counter::default()),
        Arc::new(AnyKey),
        ControlConfig::default(),
    );
    for n in 0..instances {
        let (control, agent) = (control.clone(), Agent::new(acks.clone()));
        tokio::spawn(async move {
            let instance = (fixture::scope(), instance(n).as_str().into());
            let peer = Peer { instance, access_key: String::new() };
            control.serve_acs(agent, peer, AcsQuery::default(), String::new()).await
        });
    }
    let following = control.clone();
    tokio::spawn(async move { following.run(pending()).await });
    while store.snapshot().all_instances().any(|i| i.timeline == 0) {
        tokio::task::yield_now().await;
    }
    let (mut made, mut from) = (0, 0);
    for step in 1..=10 {
        let (start, writing) = (cpu(), Cell::new(Duration::ZERO));
        while made < tasks * step / 10 {
            for _ in 0..COMMITS {
                let before = cpu();
                write(&store, &definition, made, instances, together).await;
                made += BATCH;
                writing.set(writing.get() + (cpu() - before));
            }
            while acks.load(Ordering::Relaxed) < made {
                tokio::task::yield_now().await;
            }
        }
        let done = (made - from) as f64;
        let us = |time: Duration| time.as_secs_f64() * 1e6 / done;
        println!(
            "{made:>9} tasks: {:>5.1} µs of CPU a task to tell and record, {:>5.1} µs to write",
            us(cpu() - start - writing.get()),
            us(writing.get())
        );
        from = made;
    }
    settle(&store, made).await;
}

/// Whatever was acknowledged is recorded, or the figure is about something else.
async fn settle(store: &Store, made: usize) {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    let snapshot = store.snapshot();
    let recorded = snapshot.all_tasks().filter(|task| task.times.connectivity_at.is_some()).count();
    assert_eq!(recorded, made, "every acknowledgement is recorded");
}

async fn prepare(store: &Store, definition: &TaskDefinition, instances: usize) {
    let change = |tx: &mut Tx| {
        tx.put(definition.clone());
        (0..instances).for_each(|n| tx.put(fixture::instance(&instance(n), 1 << 20, 1 << 20)));
        Ok::<_, StoreError>(())
    };
    store.commit(change).await.expect("commits");
}

async fn write(
    store: &Store,
    definition: &Arc<TaskDefinition>,
    first: usize,
    instances: usize,
    together: usize,
) {
    let change = |tx: &mut Tx| {
        (first..first + BATCH).for_each(|n| tx.put(task(n, n / together % instances, definition)));
        Ok::<_, StoreError>(())
    };
    store.commit(change).await.expect("commits");
}

fn task(n: usize, on: usize, definition: &Arc<TaskDefinition>) -> Task {
    let mut task = fixture::task(&["app!"]);
    for container in &mut task.containers {
        container.id = format!("{n:08x}-0000-4000-8000-000000000000").into();
    }
    Task {
        id: format!("{n:032x}").into(),
        definition: definition.clone(),
        eni: None,
        launch_type: LaunchType::Ec2,
        instance: Some(instance(on).into()),
        last_status: TaskStatus::Pending,
        times: Times { created_at: FixedClock.now(), ..Times::default() },
        ..task
    }
}

fn instance(n: usize) -> String {
    format!("{:032x}", (n as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// An agent, and the link to it.
struct Agent {
    answers: VecDeque<Frame>,
    acks: Arc<AtomicUsize>,
}

impl Agent {
    fn new(acks: Arc<AtomicUsize>) -> Self {
        Self { answers: VecDeque::new(), acks }
    }

    fn answer(&mut self, message: AgentMessage) {
        self.answers.push_back(Frame::Text(acs::encode(&message)));
    }
}

impl Frames for Agent {
    async fn next(&mut self) -> Result<Frame, SessionEnd> {
        match self.answers.pop_front() {
            Some(frame) => Ok(frame),
            // There is one after the next message at the earliest, and then the session asks anew.
            None => pending().await,
        }
    }

    /// Looks for what an answer needs, and reads nothing else: agents have CPUs of their own.
    async fn send(&mut self, text: String) -> Result<(), SessionEnd> {
        let id = text.split("\"messageId\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let message_id = id.unwrap_or_default().to_owned();
        if text.starts_with("{\"type\":\"PayloadMessage\"") {
            let (cluster, container_instance) = (String::new(), String::new());
            self.answer(AckRequest { cluster, container_instance, message_id }.into());
            self.acks.fetch_add(text.matches("\"desiredStatus\"").count(), Ordering::Relaxed);
        } else if text.starts_with("{\"type\":\"HeartbeatMessage\"") {
            self.answer(HeartbeatAckRequest { message_id }.into());
        }
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), SessionEnd> {
        self.answers.push_back(Frame::Pong);
        Ok(())
    }

    async fn close(self, _: &SessionEnd) {}
}

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_800_000_000_000)
    }
}

#[derive(Default)]
struct Counter(AtomicU64);

impl IdSource for Counter {
    fn next_u128(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1
    }
}

struct AnyKey;

impl wire::Keys for AnyKey {
    fn find(&self, _: &str) -> Option<wire::Key> {
        Some(wire::Key { secret: String::new(), account: fixture::scope().account })
    }
}

/// The CPU time of this thread so far.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux with schedstat");
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds");
    Duration::from_nanos(nanos)
}
