//! Everything that a simulation holds, and the calls of those in it.

use crate::check::Check;
use crate::clock::WallClock;
use crate::dice::Dice;
use crate::disk::Disk;
use crate::knobs::{Knobs, Plant};
use crate::life::Life;
use crate::link::Links;
use crate::net::{Net, Way};
use crate::node::Node;
use crate::plane::Plane;
use crate::tally::Tally;
use crate::timeline::Timeline;
use crate::trace::Trace;
use api_ecs::Ecs;
use invariants::Violation;
use model::Scope;
use std::future::Future;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use store::{Snapshot, Write};
use tokio::sync::{Notify, oneshot};
use wire::{ApiError, Cx};

/// A simulation.
pub struct World {
    /// From which everything follows.
    pub seed: u64,
    /// What it is like.
    pub knobs: Knobs,
    /// What happened.
    pub trace: Trace,
    /// The network; the client's path is the last one.
    pub net: Net,
    /// The links that are open.
    pub links: Links,
    /// The control plane's disk.
    pub disk: Arc<Disk>,
    /// The control plane's clock.
    pub control_clock: Arc<WallClock>,
    /// What must hold.
    pub check: Check,
    /// What is counted.
    pub tally: Tally,
    /// What is drawn.
    pub timeline: Timeline,
    nodes: OnceLock<Vec<Node>>,
    plane: Mutex<Option<Arc<Plane>>>,
    verdict: Mutex<Option<Violation>>,
    failed: Notify,
    /// When a planted bug strikes.
    plant: Dice,
}

/// Why a call has no output.
#[derive(Clone, Debug)]
pub enum CallError {
    /// It may have been carried out.
    Lost,
    /// It was refused.
    Api(ApiError),
}

impl World {
    /// The account of everybody.
    pub const ACCOUNT: &str = "000000000000";
    /// The one region.
    pub const REGION: &str = "us-east-1";
    /// How the control plane is reached.
    pub const HOST: &str = "wharf.sim";
    /// The same as a URL.
    pub const ORIGIN: &str = "http://wharf.sim";
    /// With which agents sign telemetry.
    pub const KEY_ID: &str = "AKIDSIMULATED";
    /// Its secret.
    pub const SECRET: &str = "simulated-secret";

    /// A world in which nothing has started.
    pub fn new(seed: u64, knobs: Knobs, is_loud: bool) -> Arc<Self> {
        let planted = knobs.plant;
        let skips = |plant| if planted == Some(plant) { SKIPS_ONE_IN } else { 0 };
        let world = Arc::new(Self {
            seed,
            trace: Trace::new(is_loud),
            net: Net::new(seed, knobs.nodes + 1),
            links: Links::default(),
            disk: Disk::new(Dice::new(seed, "disk"), skips(Plant::SkippedSync)),
            control_clock: Arc::default(),
            check: Check::new(knobs.nodes),
            tally: Tally::default(),
            timeline: Timeline::default(),
            nodes: OnceLock::new(),
            plane: Mutex::default(),
            verdict: Mutex::default(),
            failed: Notify::new(),
            plant: Dice::new(seed, "plant"),
            knobs,
        });
        let cluster = |n: usize| format!("cluster-{}", n % world.knobs.clusters);
        let skipped = skips(Plant::SkippedLedgerSync);
        let nodes = (0..world.knobs.nodes).map(|n| Node::new(seed, n, cluster(n), skipped)).collect();
        let _ = world.nodes.set(nodes);
        world
    }

    /// The hosts.
    pub fn nodes(&self) -> &[Node] {
        self.nodes.get().map_or(&[], |nodes| nodes)
    }

    /// Whose everything is.
    pub fn scope(&self) -> Scope {
        Scope::new(Self::ACCOUNT, Self::REGION)
    }

    /// The client's path.
    pub fn client_path(&self) -> usize {
        self.knobs.nodes
    }

    /// The control plane that listens now.
    pub fn plane(&self) -> Option<Arc<Plane>> {
        lock(&self.plane).clone()
    }

    /// Another control plane listens, or none.
    pub fn set_plane(&self, plane: Option<Arc<Plane>>) {
        *lock(&self.plane) = plane;
    }

    /// An invariant is broken: the run ends. The first one counts.
    pub fn fail(&self, violation: Violation) {
        self.trace.note(format_args!("VIOLATION {violation}"));
        lock(&self.verdict).get_or_insert(violation);
        self.failed.notify_one();
    }

    /// Fails when something is broken.
    pub fn verdict(&self, check: invariants::Check) {
        if let Err(violation) = check {
            self.fail(violation);
        }
    }

    /// What was broken first.
    pub fn broken(&self) -> Option<Violation> {
        lock(&self.verdict).clone()
    }

    /// Returns once something is broken. One may wait.
    pub async fn failure(&self) -> Violation {
        loop {
            if let Some(violation) = self.broken() {
                return violation;
            }
            self.failed.notified().await;
        }
    }

    /// What everybody may see has changed.
    pub fn show(&self, snapshot: Snapshot) {
        self.check.published(snapshot);
        self.verdict(self.check.settle());
    }

    /// Calls the API over a path. The answer may be lost although the call was carried out.
    pub async fn call<T, F, Fut>(
        self: &Arc<Self>,
        path: usize,
        caller: Option<&Life>,
        operation: &str,
        request: F,
    ) -> Result<T, CallError>
    where
        F: Fn(Arc<Ecs>, Cx) -> Fut,
        Fut: Future<Output = Result<T, ApiError>> + Send + 'static,
        T: Send + 'static,
    {
        if let Some(life) = caller {
            life.edge().await;
        }
        self.net.carry(path, Way::Up).await.map_err(|_| CallError::Lost)?;
        let plane = self.plane().filter(|plane| !plane.life.is_dead()).ok_or(CallError::Lost)?;
        let is_planted = self.knobs.plant == Some(Plant::DoubledDelivery);
        if operation == "RunTask" && is_planted && self.plant.one_in(DOUBLES_ONE_IN) {
            let again = request(plane.ecs.clone(), self.cx());
            plane.life.spawn(async move { drop(again.await) });
        }
        let (answer, answered) = oneshot::channel();
        let future = request(plane.ecs.clone(), self.cx());
        plane.life.spawn(async move {
            // Nobody may wait any more.
            let _ = answer.send(future.await);
        });
        let answer = answered.await.map_err(|_| CallError::Lost)?;
        if plane.life.is_dead() {
            return Err(CallError::Lost);
        }
        drop(plane);
        match &answer {
            Ok(_) => self.trace.note(format_args!("{operation} from {path}: done")),
            Err(error) => self.trace.note(format_args!("{operation} from {path}: {error}")),
        }
        self.net.carry(path, Way::Down).await.map_err(|_| CallError::Lost)?;
        if let Some(life) = caller {
            life.edge().await;
        }
        answer.map_err(CallError::Api)
    }

    /// Whether the network swallows a frame without a word: a bug that is planted.
    pub fn swallows(&self, way: Way, text: &str) -> bool {
        let is_planted = self.knobs.plant == Some(Plant::DroppedAck);
        is_planted && way == Way::Up && text.contains("\"AckRequest\"") && self.plant.one_in(SWALLOWS_ONE_IN)
    }

    /// Adds a frame to the trace.
    pub fn note_frame(&self, path: usize, way: Way, text: &str) {
        let kind = text.split_once("\"type\":\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or("?");
        self.trace.note(format_args!("frame {way:?} on {path}: {kind}, {} bytes", text.len()));
    }

    /// Adds a commit to the trace.
    pub fn note_commit(&self, writes: &[Write]) {
        self.tally.commits.fetch_add(1, Ordering::Relaxed);
        let bytes: usize = writes.iter().filter_map(|write| write.value.as_ref()).map(Vec::len).sum();
        self.trace.note(format_args!("commit of {} rows, {bytes} bytes", writes.len()));
    }

    /// Everybody signs with the same key.
    pub fn cx(&self) -> Cx {
        Cx {
            scope: self.scope(),
            caller_arn: format!("arn:aws:iam::{}:root", Self::ACCOUNT),
            access_key: Self::KEY_ID.to_owned(),
            request_id: String::new(),
            origin: Self::ORIGIN.to_owned(),
            user_agent: String::new(),
        }
    }
}

/// How often a planted disk skips a sync.
const SKIPS_ONE_IN: u64 = 4;
/// How often a planted network swallows an acknowledgement.
const SWALLOWS_ONE_IN: u64 = 8;
/// How often a planted network delivers a RunTask twice.
const DOUBLES_ONE_IN: u64 = 8;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
