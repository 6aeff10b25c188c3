//! What the fuzz targets start from, on stable.

#[path = "../../../fuzz/src/acs_frame.rs"]
mod acs_frame;
#[path = "../../../fuzz/src/seeds.rs"]
mod seeds;
#[path = "../../../fuzz/src/tcs_frame.rs"]
mod tcs_frame;

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn seeds_of_acs_frame() {
    seeds::replay(CRATE, "acs_frame", acs_frame::check);
}

#[test]
fn seeds_of_tcs_frame() {
    seeds::replay(CRATE, "tcs_frame", tcs_frame::check);
}
