//! One run, from seed to verdict.

use crate::client::Client;
use crate::knobs::Knobs;
use crate::liveness;
use crate::node::Node;
use crate::plane::Plane;
use crate::report::Layout;
use crate::timeline::{Sample, Timeline};
use crate::world::World;
use crate::{acknowledged, chaos, view};
use agent::fake::HostEvent;
use invariants::Violation;
use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// What a run that found nothing was like.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// Of its trace: the same for the same seed.
    pub hash: u64,
    /// Lines of its trace.
    pub lines: u64,
    /// How long it took in the simulation.
    pub virtual_time: Duration,
    /// How long it took.
    pub real_time: Duration,
    /// Commits of the store.
    pub commits: u64,
    /// Calls that were acknowledged.
    pub acknowledged: u64,
    /// Tasks that were placed.
    pub placed: u64,
    /// Containers that were started.
    pub started: u64,
    /// Faults that were injected.
    pub faults: u64,
    /// Hosts.
    pub nodes: usize,
    /// Calls that were refused or lost.
    pub unanswered: u64,
    /// Tasks that no instance had room for.
    pub unplaced: u64,
    /// How the tasks lie at the end.
    pub layout: Layout,
    /// How many tasks were where.
    pub timeline: Vec<Sample>,
    /// When faults began.
    pub timeline_faults: Vec<(Duration, &'static str)>,
}

/// What a run found.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// The arguments of `wharf sim` that run it again.
    pub arguments: String,
    /// What is broken.
    pub violation: Violation,
    /// The last lines of the trace.
    pub last: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.last {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "seed {}, {}: {}", self.seed, build(), self.violation)?;
        write!(f, "replay: wharf sim {}", self.arguments)
    }
}

impl std::error::Error for Failure {}

thread_local! {
    /// The first panic on this thread since it was last looked at.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs the world of a seed to its end.
///
/// # Errors
/// What was broken, with the last lines of the trace.
pub fn run(seed: u64, knobs: Knobs, is_loud: bool) -> Result<Outcome, Box<Failure>> {
    listen_for_panics();
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without threads or sockets");
    let outcome = runtime.block_on(async {
        let virtually = tokio::time::Instant::now();
        let world = World::new(seed, knobs, is_loud);
        tokio::select! {
            biased;
            violation = world.failure() => return Err(failure(&world, violation)),
            () = story(&world) => {}
        }
        world.verdict(world.check.everything());
        if let Some(text) = PANIC.with_borrow_mut(Option::take) {
            world.fail(Violation { id: "INV-SIM-1", text });
        }
        match world.broken() {
            Some(violation) => Err(failure(&world, violation)),
            None => Ok(outcome(&world, virtually.elapsed(), began)),
        }
    });
    drop(runtime);
    outcome
}

/// Load and faults, then none, then what is left has to come about.
async fn story(world: &Arc<World>) {
    chaos::prepare(world);
    for node in world.nodes() {
        let (weak, index) = (Arc::downgrade(world), node.index);
        node.host.observe(Arc::new(move |event: &HostEvent| {
            if let Some(world) = weak.upgrade() {
                observe(&world, index, event);
            }
        }));
    }
    tokio::spawn(Plane::supervise(world.clone()));
    tokio::spawn(Timeline::record(world.clone()));
    tokio::spawn(acknowledged::watch(world.clone()));
    tokio::spawn(view::watch(world.clone()));
    for node in world.nodes() {
        tokio::spawn(Node::supervise(world.clone(), node.index));
    }
    let client = Client::new(world.clone());
    tokio::spawn(client.clone().run());
    let chaos = tokio::spawn(chaos::run(world.clone()));
    sleep(world.knobs.duration).await;
    chaos.abort();
    client.stop();
    // Calls that are under way, and faults that end by themselves.
    sleep(Duration::from_secs(1)).await;
    chaos::heal(world);
    // A call whose path was cut arrives late.
    if tokio::time::timeout(liveness::BOUND, client.ended()).await.is_err() {
        let text = format!("{} s after the last fault a call has no answer", liveness::BOUND.as_secs());
        return world.fail(Violation { id: "INV-LIVE-1", text });
    }
    liveness::settle(world).await;
    if world.broken().is_none() {
        client.probe().await;
        liveness::settle(world).await;
    }
    if let Some(plane) = world.plane() {
        world.verdict(view::look(&plane));
    }
}

fn observe(world: &Arc<World>, host: usize, event: &HostEvent) {
    match event {
        HostEvent::Started { id, restarts, .. } => {
            world.tally.started.fetch_add(1, Ordering::Relaxed);
            world.trace.note(format_args!("host {host}: {id} started, {restarts} restarts"));
        }
        HostEvent::Ended { id } => world.trace.note(format_args!("host {host}: {id} ended")),
        HostEvent::Removed { id } => world.trace.note(format_args!("host {host}: {id} removed")),
        HostEvent::Attached(network) => {
            world.trace.note(format_args!("host {host}: network of {}", network.task()));
        }
        HostEvent::Conflict { task, with, of } => {
            world.trace.note(format_args!("host {host}: {task} and {with} share {of}"));
        }
        HostEvent::Rebooted => world.trace.note(format_args!("host {host}: booted")),
    }
    world.verdict(world.check.host_event(host, event));
}

fn failure(world: &World, violation: Violation) -> Box<Failure> {
    let arguments = world.knobs.arguments(world.seed);
    Box::new(Failure { seed: world.seed, arguments, violation, last: world.trace.last() })
}

fn outcome(world: &World, virtual_time: Duration, began: Instant) -> Outcome {
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    Outcome {
        seed: world.seed,
        hash: world.trace.hash(),
        lines: world.trace.lines(),
        virtual_time,
        real_time: began.elapsed(),
        commits: count(&world.tally.commits),
        acknowledged: count(&world.tally.acknowledged),
        placed: count(&world.tally.placed),
        started: count(&world.tally.started),
        faults: count(&world.tally.faults),
        nodes: world.knobs.nodes,
        unanswered: count(&world.tally.unanswered),
        unplaced: count(&world.tally.unplaced),
        layout: Layout::of(world),
        timeline: world.timeline.samples(),
        timeline_faults: world.timeline.faults(),
    }
}

/// The commit that is checked out where this runs, or else the version.
fn build() -> String {
    let git = std::process::Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    let commit =
        git.ok().filter(|git| git.status.success()).and_then(|git| String::from_utf8(git.stdout).ok());
    match commit {
        Some(commit) => format!("commit {}", commit.trim()),
        None => format!("version {}", env!("CARGO_PKG_VERSION")),
    }
}

/// A panic in a task ends the task, and nobody would hear of it.
fn listen_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANIC.with_borrow_mut(|first| first.get_or_insert_with(|| panic.to_string()).len());
            before(panic);
        }));
    });
    PANIC.with_borrow_mut(Option::take);
}
