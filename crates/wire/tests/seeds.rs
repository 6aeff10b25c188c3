//! What the fuzz targets start from, on stable.
#![allow(clippy::unwrap_used, reason = "a finding is a panic")]

#[path = "../../../fuzz/src/cbor_request.rs"]
mod cbor_request;
#[path = "../../../fuzz/src/json_request.rs"]
mod json_request;
#[path = "../../../fuzz/src/query_request.rs"]
mod query_request;
#[path = "../../../fuzz/src/seeds.rs"]
mod seeds;
#[path = "../../../fuzz/src/sigv4_header.rs"]
mod sigv4_header;

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn seeds_of_cbor_request() {
    seeds::replay(CRATE, "cbor_request", cbor_request::check);
}

#[test]
fn seeds_of_json_request() {
    seeds::replay(CRATE, "json_request", json_request::check);
}

#[test]
fn seeds_of_query_request() {
    seeds::replay(CRATE, "query_request", query_request::check);
}

#[test]
fn seeds_of_sigv4_header() {
    seeds::replay(CRATE, "sigv4_header", sigv4_header::check);
}
