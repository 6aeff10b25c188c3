//! What the fuzz target of the blocks starts from, on stable.

#[path = "../../../fuzz/src/log_block.rs"]
mod log_block;
#[path = "../../../fuzz/src/seeds.rs"]
mod seeds;

#[test]
fn seeds_of_log_block() {
    seeds::replay(env!("CARGO_MANIFEST_DIR"), "log_block", log_block::check);
}
