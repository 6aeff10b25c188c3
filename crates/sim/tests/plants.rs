//! Bugs that are planted at the edge are found within so many seeds, and the seeds that find them pass without.

use sim::{Knobs, Plant, run};

const SEEDS_MAX: u64 = 60;

/// The first seed in which the planted bug breaks something, and what it breaks.
fn find(plant: Plant) -> (u64, &'static str) {
    for seed in 0..SEEDS_MAX {
        let knobs = Knobs { plant: Some(plant), ..Knobs::swarm(seed) };
        let Err(failure) = run(seed, knobs, false) else { continue };
        println!("{}: seed {seed}: {}", plant.as_str(), failure.violation);
        if let Err(failure) = run(seed, Knobs::swarm(seed), false) {
            panic!("the seed fails without the plant too: {failure}");
        }
        return (seed, failure.violation.id);
    }
    panic!("{} was not found in {SEEDS_MAX} seeds", plant.as_str());
}

#[test]
fn a_disk_that_skips_syncs_is_found() {
    let (_, id) = find(Plant::SkippedSync);
    assert!(id.starts_with("INV-STORE") || id.starts_with("INV-API"), "{id}");
}

#[test]
fn a_ledger_that_skips_syncs_is_found() {
    find(Plant::SkippedLedgerSync);
}

#[test]
fn a_network_that_swallows_an_acknowledgement_is_found() {
    let (_, id) = find(Plant::DroppedAck);
    assert_eq!(id, "INV-ACS-5");
}

#[test]
fn a_network_that_delivers_a_request_twice_is_found() {
    let (_, id) = find(Plant::DoubledDelivery);
    assert_eq!(id, "INV-API-2");
}
