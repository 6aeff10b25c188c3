//! Bugs that are planted at the edge are found within so many seeds, and the seeds that find them pass without.

use sim::{Fault, Knobs, Plant, run};

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

/// A plant that does harm through these kinds of faults alone: the seed that finds it passes without them.
fn find_through(plant: Plant, faults: &[Fault]) -> &'static str {
    let (seed, id) = find(plant);
    let swarm = Knobs::swarm(seed);
    let others = faults.iter().fold(swarm.faults.clone(), |weights, fault| weights.without(*fault));
    assert!(others.has_any(), "seed {seed} has no other faults");
    if let Err(failure) = run(seed, Knobs { plant: Some(plant), faults: others, ..swarm }, false) {
        panic!("{} was found without {faults:?}: {failure}", plant.as_str());
    }
    id
}

#[test]
fn a_committer_that_answers_before_the_sync_is_found() {
    assert_eq!(find_through(Plant::EarlyAnswer, &[Fault::SyncCrash, Fault::ControlCrash]), "INV-STORE-1");
}

#[test]
fn a_call_to_a_driver_that_outlives_its_agent_is_found() {
    find_through(Plant::LateEffect, &[Fault::DriverCrash]);
}

#[test]
fn an_acknowledgement_of_what_was_lost_is_found() {
    assert_eq!(find_through(Plant::GhostAck, &[Fault::LostAnswer]), "INV-LIVE-1");
}
