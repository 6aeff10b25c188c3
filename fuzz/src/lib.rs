//! What the fuzz targets check, one module for each. `check` panics on a finding, and says whether it understood the
//! bytes: a seed must be understood, or it leads nowhere.

pub mod acs_frame;
pub mod cbor_request;
pub mod cluster_query;
pub mod filter_pattern;
pub mod json_request;
pub mod log_block;
pub mod query_request;
pub mod sigv4_header;
pub mod tcs_frame;

// Not public, and here nevertheless: the format on disk is nobody's but that crate's.
#[allow(dead_code)]
#[path = "../../crates/api-logs/src/block.rs"]
mod block;
