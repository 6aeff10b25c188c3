//! What became of each task: answered to a caller, told to an agent, acknowledged by it.

use super::super::stats::Series;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// Shared by callers and agents.
pub(super) struct Tally {
    began: OnceLock<Instant>,
    target: usize,
    seen: Mutex<Seen>,
    complete: watch::Sender<usize>,
}

/// What was seen so far.
#[derive(Default)]
pub(super) struct Seen {
    /// By the number that a task's id is.
    ways: HashMap<u128, Way>,
    /// When each task had both been answered and acknowledged, in the order in which that came about.
    completed_at: Vec<Duration>,
    /// RunTask called to answered.
    pub(super) calls: Series,
    /// RunTask called to its task acknowledged.
    pub(super) ways_taken: Series,
    /// Everything that must not be or that one would want to know of, counted by what it is.
    pub(super) oddities: std::collections::BTreeMap<&'static str, usize>,
    /// The last task that each agent acknowledged.
    last_of_agent: HashMap<usize, u128>,
}

/// One task's way.
#[derive(Clone, Copy, Default)]
struct Way {
    called_at: Option<Duration>,
    acknowledged: Option<(usize, Duration)>,
}

impl Tally {
    /// Of a run that is to have `target` tasks.
    pub(super) fn new(target: usize) -> Self {
        let seen = Seen { ways: HashMap::with_capacity(target), ..Seen::default() };
        Self { began: OnceLock::new(), target, seen: Mutex::new(seen), complete: watch::Sender::new(0) }
    }

    /// The clock starts; what was before it counts as nothing.
    pub(super) fn begin(&self) {
        self.began.get_or_init(Instant::now);
    }

    /// Since the run began.
    pub(super) fn now(&self) -> Duration {
        self.began.get().map_or(Duration::ZERO, Instant::elapsed)
    }

    /// RunTask that was called then has answered with these tasks.
    pub(super) fn answered(&self, called_at: Duration, tasks: &[u128]) {
        let now = self.now();
        let mut seen = self.seen();
        seen.calls.push(now.saturating_sub(called_at));
        for task in tasks {
            let way = seen.ways.entry(*task).or_default();
            if way.called_at.replace(called_at).is_some() {
                seen.count("tasks answered twice");
            } else if let Some((_, at)) = way.acknowledged {
                seen.complete(now, at.saturating_sub(called_at));
            }
        }
        self.complete.send_replace(seen.completed_at.len());
    }

    /// An agent has acknowledged these tasks.
    pub(super) fn acknowledged(&self, agent: usize, tasks: &[u128]) {
        let now = self.now();
        let mut seen = self.seen();
        for task in tasks {
            let way = seen.ways.entry(*task).or_default();
            match way.acknowledged {
                // An acknowledgement may be lost with its link; another agent must never be told.
                Some((first, _)) if first == agent => seen.count("tasks told again"),
                Some(_) => seen.count(TOLD_TO_TWO),
                None => {
                    way.acknowledged = Some((agent, now));
                    if let Some(called_at) = way.called_at {
                        seen.complete(now, now.saturating_sub(called_at));
                    }
                }
            }
            seen.last_of_agent.insert(agent, *task);
        }
        self.complete.send_replace(seen.completed_at.len());
    }

    /// Something odd happened.
    pub(super) fn odd(&self, what: &'static str) {
        self.seen().count(what);
    }

    /// Returns once every task is answered and acknowledged, or with how many are when nothing has moved for so long.
    pub(super) async fn all_complete(&self, patience: Duration) -> Result<(), usize> {
        let mut complete = self.complete.subscribe();
        loop {
            let count = *complete.borrow_and_update();
            if count >= self.target {
                return Ok(());
            }
            if tokio::time::timeout(patience, complete.changed()).await.is_err() {
                return Err(count);
            }
        }
    }

    /// Says how far it is, for ever.
    pub(super) async fn tell_progress(&self) -> Infallible {
        loop {
            tokio::time::sleep(PROGRESS_INTERVAL).await;
            let count = *self.complete.borrow();
            eprintln!("{count} of {} tasks after {:.0} s", self.target, self.now().as_secs_f64());
        }
    }

    /// The agent that acknowledged a task that was answered too.
    pub(super) fn agent_of(&self, task: u128) -> Option<usize> {
        let seen = self.seen();
        let way = seen.ways.get(&task).filter(|way| way.called_at.is_some())?;
        way.acknowledged.map(|(agent, _)| agent)
    }

    /// The last task of each agent that has any.
    pub(super) fn last_tasks(&self) -> Vec<u128> {
        self.seen().last_of_agent.values().copied().collect()
    }

    /// What was seen so far.
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An oddity that fails the run.
const TOLD_TO_TWO: &str = "tasks told to two agents";

impl Seen {
    fn count(&mut self, what: &'static str) {
        *self.oddities.entry(what).or_default() += 1;
    }

    fn complete(&mut self, at: Duration, took: Duration) {
        self.completed_at.push(at);
        self.ways_taken.push(took);
    }

    /// Whether something happened that never must.
    pub(super) fn is_wrong(&self) -> bool {
        self.oddities.contains_key(TOLD_TO_TWO) || self.oddities.contains_key("tasks answered twice")
    }

    /// Tasks a second in the first and in the last tenth; `None` when there are too few for a tenth.
    pub(super) fn tenths(&self) -> Option<(f64, f64)> {
        let (n, tenth) = (self.completed_at.len(), self.completed_at.len() / 10);
        let first = self.completed_at.get(tenth.checked_sub(1)?)?;
        let last = self.completed_at[n - 1].saturating_sub(self.completed_at[n - 1 - tenth]);
        let rate = |took: Duration| tenth as f64 / took.as_secs_f64().max(1e-6);
        Some((rate(*first), rate(last)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_counts_once_both_its_caller_and_its_agent_know_it() {
        let tally = Tally::new(2);
        tally.answered(Duration::ZERO, &[7, 8]);
        assert_eq!(tally.all_complete(Duration::ZERO).await, Err(0));
        tally.acknowledged(3, &[7]);
        assert_eq!((tally.agent_of(7), tally.agent_of(8)), (Some(3), None));
        assert_eq!(tally.all_complete(Duration::ZERO).await, Err(1));
        tally.acknowledged(3, &[7]);
        assert!(!tally.seen().is_wrong());
        tally.acknowledged(4, &[8]);
        assert_eq!(tally.all_complete(Duration::ZERO).await, Ok(()));
        tally.acknowledged(3, &[8]);
        assert!(tally.seen().is_wrong());
    }

    #[test]
    fn the_tenths_are_rates_of_their_own() {
        let mut seen = Seen::default();
        assert_eq!(seen.tenths(), None);
        for n in 1..=20_u64 {
            // One a second, and the last two in half a second each.
            let at = if n <= 18 { n * 1000 } else { 18_000 + (n - 18) * 500 };
            seen.complete(Duration::from_millis(at), Duration::ZERO);
        }
        assert_eq!(seen.tenths(), Some((1.0, 2.0)));
    }
}
