//! Processes: what runs in one dies with it, at whichever await point it is.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// One process. It counts its steps, which are polls of its tasks and calls to its edge (disk, network, host), so that it
/// can be killed before any of them. From then on nothing of it has an effect: its edge never answers again.
#[derive(Clone)]
pub struct Life(Arc<Inner>);

struct Inner {
    dead: AtomicBool,
    is_without_power: AtomicBool,
    steps: AtomicU64,
    /// It dies with this step.
    doom: AtomicU64,
    tasks: Mutex<JoinSet<()>>,
    died: Notify,
}

impl Default for Life {
    fn default() -> Self {
        Self::new()
    }
}

impl Life {
    /// A process that has just started.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            dead: AtomicBool::new(false),
            is_without_power: AtomicBool::new(false),
            steps: AtomicU64::new(0),
            doom: AtomicU64::new(u64::MAX),
            tasks: Mutex::new(JoinSet::new()),
            died: Notify::new(),
        }))
    }

    /// Runs a task of the process.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(Mortal { life: self.clone(), task: Box::pin(task) });
        if self.is_dead() {
            tasks.abort_all();
        }
    }

    /// The process dies this many steps from now.
    pub fn doom(&self, steps: u64) {
        self.0.doom.store(self.0.steps.load(Ordering::Relaxed) + steps.max(1), Ordering::Relaxed);
    }

    /// The process dies now.
    pub fn kill(&self) {
        if !self.0.dead.swap(true, Ordering::Relaxed) {
            self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
            self.0.died.notify_waiters();
            self.0.died.notify_one();
        }
    }

    /// Its machine loses its power: the process dies, and nobody says goodbye for it.
    pub fn cut_power(&self) {
        self.0.is_without_power.store(true, Ordering::Relaxed);
        self.kill();
    }

    /// Whether its machine lost its power.
    pub fn is_without_power(&self) -> bool {
        self.0.is_without_power.load(Ordering::Relaxed)
    }

    /// Whether it is over.
    pub fn is_dead(&self) -> bool {
        self.0.dead.load(Ordering::Relaxed)
    }

    /// Returns once it is over. One may wait.
    pub async fn died(&self) {
        while !self.is_dead() {
            self.0.died.notified().await;
        }
    }

    /// One step; false when the process is dead, or dies with it.
    pub fn step(&self) -> bool {
        if self.is_dead() {
            return false;
        }
        let step = self.0.steps.fetch_add(1, Ordering::Relaxed) + 1;
        if step >= self.0.doom.load(Ordering::Relaxed) {
            self.kill();
            return false;
        }
        true
    }

    /// Begins a call to the edge. It never returns in a process that is dead, or dies here.
    pub async fn edge(&self) {
        if !self.step() {
            std::future::pending::<()>().await;
        }
    }
}

/// A task of a process.
struct Mortal {
    life: Life,
    task: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Future for Mortal {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.life.step() {
            return Poll::Ready(());
        }
        self.task.as_mut().poll(cx)
    }
}
