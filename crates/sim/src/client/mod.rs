//! The client: calls the API with what a seed makes it want, and remembers what it was told.

mod capacity;
mod definitions;
mod instances;
mod probe;
mod tasks;
mod wish;

use crate::dice::Dice;
use crate::world::{CallError, World};
use api_ecs::Ecs;
use definitions::Definition;
use invariants::Violation;
use model::ClusterName;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::sleep;
use wire::ecs::{Api, CreateClusterRequest};
use wire::{ApiError, Cx};

/// What containers of each image do; hosts are told of it in `chaos.rs`.
pub const IMAGES: [&str; 10] =
    ["forever", "forever", "forever", "huge", "stubborn", "short", "long", "failing", "broken", "missing"];

/// The client.
pub struct Client {
    world: Arc<World>,
    dice: Dice,
    requests: AtomicU64,
    /// It wants nothing more.
    is_done: AtomicBool,
    /// Calls that have not ended.
    under_way: AtomicU64,
    /// What it has registered.
    definitions: Mutex<Vec<Definition>>,
    /// The ARNs of those that it has deregistered.
    inactive: Mutex<Vec<String>>,
}

impl Client {
    /// A client that has not called yet.
    pub fn new(world: Arc<World>) -> Arc<Self> {
        let dice = Dice::new(world.seed, "client");
        Arc::new(Self {
            world,
            dice,
            requests: AtomicU64::new(0),
            is_done: AtomicBool::new(false),
            under_way: AtomicU64::new(0),
            definitions: Mutex::default(),
            inactive: Mutex::default(),
        })
    }

    /// It calls no more.
    pub fn stop(&self) {
        self.is_done.store(true, Ordering::Relaxed);
    }

    /// Returns once it has stopped and all its calls have ended.
    pub async fn ended(&self) {
        while self.under_way.load(Ordering::Relaxed) > 0 {
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Makes clusters and definitions, and then calls at random times until it is stopped.
    pub async fn run(self: Arc<Self>) {
        for n in 0..self.world.knobs.clusters {
            let cluster_name = Some(format!("cluster-{n}"));
            let request = CreateClusterRequest { cluster_name, ..CreateClusterRequest::default() };
            self.insist("CreateCluster", |ecs, cx| {
                let request = request.clone();
                async move { ecs.create_cluster(&cx, request).await }
            })
            .await;
        }
        self.make_capacity_providers().await;
        while lock(&self.definitions).is_empty() {
            self.register_definition().await;
        }
        while !self.is_done() {
            sleep(self.dice.wait(self.world.knobs.call_interval)).await;
            // Calls overlap: one that hangs keeps no other.
            let me = self.clone();
            self.under_way.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                if !me.is_done() {
                    me.call_something().await;
                }
                me.under_way.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }

    async fn call_something(&self) {
        let Some(state) = self.world.check.last() else { return };
        let wanted = state
            .all_tasks()
            .filter(|task| task.desired_status == model::task::DesiredStatus::Running)
            .count();
        let is_full = wanted >= self.world.knobs.tasks;
        let (run, stop) = if is_full { (5, 60) } else { (60, 10) };
        let weights = self.world.knobs.calls.list();
        match self.dice.weighted(&[&[run, stop, 5, 6, 2], &weights[..]].concat()) {
            0 => self.run_tasks().await,
            1 => self.stop_task().await,
            2 => self.start_task().await,
            3 => self.register_definition().await,
            4 => self.deregister_definition().await,
            5 => self.delete_definitions().await,
            6 => self.deregister_instance().await,
            7 => self.drain_or_activate().await,
            8 => self.describe_instance().await,
            _ => self.put_capacity_providers().await,
        }
    }

    fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Relaxed)
    }

    /// Calls until there is an answer; a refusal is one.
    async fn insist<T, F, Fut>(&self, operation: &str, request: F) -> Option<T>
    where
        F: Fn(Arc<Ecs>, Cx) -> Fut,
        Fut: Future<Output = Result<T, ApiError>> + Send + 'static,
        T: Send + 'static,
    {
        loop {
            match self.call(operation, &request).await {
                Ok(answer) => return Some(answer),
                Err(CallError::Api(error)) if error.status < 500 => return None,
                Err(_) => sleep(Duration::from_millis(500)).await,
            }
        }
    }

    /// Calls once, and counts it; a fault of the service is a violation.
    async fn call<T, F, Fut>(&self, operation: &str, request: F) -> Result<T, CallError>
    where
        F: Fn(Arc<Ecs>, Cx) -> Fut,
        Fut: Future<Output = Result<T, ApiError>> + Send + 'static,
        T: Send + 'static,
    {
        let answer = self.world.call(self.world.client_path(), None, operation, request).await;
        let tally = &self.world.tally;
        let counter = if answer.is_ok() { &tally.acknowledged } else { &tally.unanswered };
        counter.fetch_add(1, Ordering::Relaxed);
        if let Err(CallError::Api(error)) = &answer {
            let is_store_failure = self.world.plane().is_none_or(|plane| plane.life.is_dead());
            if error.status >= 500 && !is_store_failure && !self.world.disk.is_failing() {
                let text = format!("{error}: {}", error.internal.as_deref().unwrap_or_default());
                self.world.fail(Violation { id: "INV-API-3", text });
            }
        }
        answer
    }

    /// An instance that was not deregistered.
    fn some_instance(&self, cluster: &str) -> Option<String> {
        let state = self.world.check.last()?;
        let instances: Vec<_> = state
            .instances(&self.world.scope(), &cluster.into())
            .filter(|instance| instance.status != model::instance::InstanceStatus::Inactive)
            .collect();
        self.dice.choose(&instances).map(|instance| instance.id.to_string())
    }

    /// A name of its own for a request for tasks.
    fn new_request(&self, count: usize) -> String {
        let name = format!("request-{}", self.requests.fetch_add(1, Ordering::Relaxed));
        self.world.check.asks(&name, count);
        name
    }

    fn cluster(&self) -> ClusterName {
        format!("cluster-{}", self.dice.pick(0..self.world.knobs.clusters as u64)).as_str().into()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
