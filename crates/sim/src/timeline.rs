//! How many tasks were where, over time, and when there were faults: what a report draws.

use crate::world::World;
use model::task::TaskStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// At most so many samples are drawn.
const SAMPLES: u32 = 400;

/// How many tasks were in each stage at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Since the run began.
    pub at: Duration,
    /// Before RUNNING.
    pub starting: usize,
    /// RUNNING.
    pub running: usize,
    /// After RUNNING and before STOPPED.
    pub stopping: usize,
}

/// What is recorded of a run.
#[derive(Default)]
pub struct Timeline(Mutex<State>);

#[derive(Default)]
struct State {
    samples: Vec<Sample>,
    faults: Vec<(Duration, &'static str)>,
    began: Option<Instant>,
}

impl Timeline {
    /// A fault of this kind begins.
    pub fn fault(&self, kind: &'static str) {
        let mut state = self.state();
        let at = state.began.map_or(Duration::ZERO, |began| began.elapsed());
        state.faults.push((at, kind));
    }

    /// In order.
    pub fn samples(&self) -> Vec<Sample> {
        self.state().samples.clone()
    }

    /// When each began, and its kind.
    pub fn faults(&self) -> Vec<(Duration, &'static str)> {
        self.state().faults.clone()
    }

    /// Takes samples for ever.
    pub async fn record(world: Arc<World>) {
        let began = Instant::now();
        world.timeline.state().began = Some(began);
        let period = (world.knobs.duration / SAMPLES).max(Duration::from_millis(500));
        loop {
            if let Some(snapshot) = world.check.last() {
                let mut sample = Sample { at: began.elapsed(), ..Sample::default() };
                for cluster in snapshot.all_clusters() {
                    for status in TaskStatus::ALL {
                        let count = snapshot.count_tasks(&cluster.scope, &cluster.name, status);
                        match status {
                            TaskStatus::Provisioning | TaskStatus::Pending | TaskStatus::Activating => {
                                sample.starting += count;
                            }
                            TaskStatus::Running => sample.running += count,
                            TaskStatus::Stopped => {}
                            _ => sample.stopping += count,
                        }
                    }
                }
                world.timeline.state().samples.push(sample);
            }
            sleep(period).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
