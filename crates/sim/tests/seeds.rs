//! Worlds.

use sim::{Knobs, run};

#[test]
fn a_world_without_faults() {
    for seed in 0..5 {
        let knobs = Knobs { fault_interval: None, ..Knobs::swarm(seed) };
        let outcome = run(seed, knobs, std::env::var_os("LOUD").is_some());
        println!("{:?}", outcome.unwrap_or_else(|failure| panic!("{failure}")));
    }
}
