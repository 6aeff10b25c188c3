//! Worlds: a fixed set of seeds, fresh ones, and one again.
//!
//! `WHARF_SIM_SEED` runs one seed alone and prints its trace; `WHARF_SIM_SECONDS` is how long fresh seeds are run.

use sim::{Knobs, Outcome, run};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Of the fixed set.
const FIXED_SEEDS: u64 = 30;

fn swarm(seed: u64) -> Outcome {
    run(seed, Knobs::swarm(seed), false).unwrap_or_else(|failure| panic!("{failure}"))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
}

#[test]
fn fixed_seeds_break_nothing() {
    if let Some(seed) = number("WHARF_SIM_SEED") {
        let outcome = run(seed, Knobs::swarm(seed), true).unwrap_or_else(|failure| panic!("{failure}"));
        return println!("{outcome:?}");
    }
    for seed in 0..FIXED_SEEDS {
        println!("{:?}", swarm(seed));
    }
}

#[test]
fn fresh_seeds_break_nothing() {
    let budget = Duration::from_secs(number("WHARF_SIM_SECONDS").unwrap_or(5));
    let first = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64 >> 10);
    let (began, mut simulated, mut seeds) = (Instant::now(), Duration::ZERO, 0);
    while began.elapsed() < budget {
        simulated += swarm(first + seeds).virtual_time;
        seeds += 1;
    }
    println!("{seeds} seeds from {first}: {} s in {} s", simulated.as_secs(), began.elapsed().as_secs());
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 100..106 {
        let (first, second) = (swarm(seed), swarm(seed));
        assert_eq!((first.hash, first.lines), (second.hash, second.lines), "seed {seed}");
    }
}
