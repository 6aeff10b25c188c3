//! What happened, in order: a hash of all of it, and the last lines.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// How many lines a failure shows.
const LINES_MAX: usize = 300;
/// FNV-1a, 64 bits.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// The trace of a run. Two runs with one hash did the same.
pub struct Trace {
    began: Instant,
    /// Every line goes to standard error too.
    is_loud: bool,
    state: Mutex<State>,
}

struct State {
    hash: u64,
    lines: u64,
    last: VecDeque<String>,
}

impl Trace {
    /// An empty trace; a loud one prints each line.
    pub fn new(is_loud: bool) -> Self {
        let state = State { hash: FNV_OFFSET, lines: 0, last: VecDeque::new() };
        Self { began: Instant::now(), is_loud, state: Mutex::new(state) }
    }

    /// Adds a line.
    pub fn note(&self, what: fmt::Arguments<'_>) {
        let mut state = self.state();
        let mut line =
            if state.last.len() < LINES_MAX { None } else { state.last.pop_front() }.unwrap_or_default();
        line.clear();
        let elapsed = self.began.elapsed();
        // A String takes everything.
        let _ = write!(line, "{:>6}.{:03} {what}", elapsed.as_secs(), elapsed.subsec_millis());
        if self.is_loud {
            eprintln!("{line}");
        }
        state.hash =
            line.bytes().fold(state.hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
        state.lines += 1;
        state.last.push_back(line);
    }

    /// Of all lines.
    pub fn hash(&self) -> u64 {
        self.state().hash
    }

    /// How many there were.
    pub fn lines(&self) -> u64 {
        self.state().lines
    }

    /// The last lines.
    pub fn last(&self) -> Vec<String> {
        self.state().last.iter().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
