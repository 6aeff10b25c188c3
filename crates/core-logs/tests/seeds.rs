//! What the fuzz target of the patterns starts from, on stable.
#![allow(clippy::disallowed_methods, reason = "it reads the seeds")]

#[path = "../../../fuzz/src/filter_pattern.rs"]
mod filter_pattern;
#[path = "../../../fuzz/src/seeds.rs"]
mod seeds;

#[test]
fn seeds_of_filter_pattern() {
    seeds::replay(env!("CARGO_MANIFEST_DIR"), "filter_pattern", filter_pattern::check);
}
