//! The network between machines: a path for each agent and one for the client, which may be cut one way or both, or slow.

use crate::dice::Dice;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long TCP goes on trying before it gives a connection up (Linux: `tcp_retries2`, about fifteen minutes).
const RETRANSMISSION_MAX: Duration = Duration::from_secs(900);

/// Which way over a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the agent, or the client, to the control plane.
    Up,
    /// From the control plane.
    Down,
}

/// What one path does just now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// Nothing gets to the control plane.
    pub cut_up: bool,
    /// Nothing comes from it.
    pub cut_down: bool,
    /// Longest delay of a message.
    pub delay_max_ms: u64,
    /// Of so many calls, one is lost: its request or its answer. 0 is none.
    pub loses_one_in: u64,
    /// Of so many frames, one takes up to [`STALL_MAX_MS`]. 0 is none.
    pub stalls_one_in: u64,
    /// Of so many frames of the control plane, one comes again within [`AGAIN_MAX_MS`]. 0 is none.
    pub repeats_one_in: u64,
    /// Of so many calls of an agent, one is delivered again within [`AGAIN_MAX_MS`]. 0 is none.
    pub doubles_one_in: u64,
}

/// How long a single frame takes at most: longer than a session waits for a sign of life.
const STALL_MAX_MS: u64 = 4_000;
/// How late a message or a call comes again: so late that others overtake it, and much sooner than a task that is over is
/// forgotten.
const AGAIN_MAX_MS: u64 = 8_000;

impl Weather {
    fn cuts(self, way: Way) -> bool {
        match way {
            Way::Up => self.cut_up,
            Way::Down => self.cut_down,
        }
    }
}

struct Path {
    weather: Mutex<Weather>,
    cleared: Notify,
}

/// Every path.
pub struct Net {
    dice: Dice,
    paths: Vec<Path>,
}

/// Why a call has no answer. It may have been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

impl Net {
    /// So many paths, all of them good.
    pub fn new(seed: u64, paths: usize) -> Self {
        let path = |_| Path { weather: Mutex::default(), cleared: Notify::new() };
        Self { dice: Dice::new(seed, "net"), paths: (0..paths).map(path).collect() }
    }

    /// What a path does just now.
    pub fn weather(&self, path: usize) -> Weather {
        *self.lock(path)
    }

    /// What a path does from now on.
    pub fn set_weather(&self, path: usize, weather: Weather) {
        *self.lock(path) = weather;
        self.paths[path].cleared.notify_waiters();
    }

    /// Whether messages get through.
    pub fn is_open(&self, path: usize, way: Way) -> bool {
        !self.weather(path).cuts(way)
    }

    /// How long a message takes.
    pub fn delay(&self, path: usize) -> Duration {
        match self.weather(path).delay_max_ms {
            0 => Duration::ZERO,
            most => self.dice.millis(0..most),
        }
    }

    /// How long a frame takes.
    pub fn frame_delay(&self, path: usize) -> Duration {
        match self.dice.one_in(self.weather(path).stalls_one_in) {
            true => self.dice.millis(0..STALL_MAX_MS),
            false => self.delay(path),
        }
    }

    /// How much later a frame of the control plane comes again, if it does.
    pub fn repeats(&self, path: usize) -> Option<Duration> {
        self.again(self.weather(path).repeats_one_in)
    }

    /// How much later a call is delivered again, if it is.
    pub fn doubles(&self, path: usize) -> Option<Duration> {
        self.again(self.weather(path).doubles_one_in)
    }

    fn again(&self, one_in: u64) -> Option<Duration> {
        self.dice.one_in(one_in).then(|| self.dice.millis(0..AGAIN_MAX_MS))
    }

    /// Waits until messages may get through.
    pub async fn cleared(&self, path: usize, way: Way) {
        loop {
            // Made before the look: what clears in between is not missed.
            let cleared = self.paths[path].cleared.notified();
            if self.is_open(path, way) {
                return;
            }
            cleared.await;
        }
    }

    /// Carries a part of a call over a path. Over one that is cut it waits, as TCP does, and may be given up meanwhile.
    pub async fn carry(&self, path: usize, way: Way) -> Result<(), Lost> {
        let delay = self.delay(path);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if self.dice.one_in(self.weather(path).loses_one_in) {
            return Err(Lost);
        }
        if self.is_open(path, way) {
            return Ok(());
        }
        // Somebody on the way may say that there is no way.
        if self.dice.one_in(2) {
            tokio::time::sleep(self.dice.millis(1..3_000)).await;
            return Err(Lost);
        }
        tokio::time::timeout(RETRANSMISSION_MAX, self.cleared(path, way)).await.map_err(|_| Lost)?;
        tokio::time::sleep(self.dice.millis(0..5_000)).await;
        Ok(())
    }

    fn lock(&self, path: usize) -> MutexGuard<'_, Weather> {
        self.paths[path].weather.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
