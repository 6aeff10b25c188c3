//! What the fuzz target of the cluster queries starts from, on stable.
#![allow(clippy::disallowed_methods, reason = "it reads the seeds")]

#[path = "../../../fuzz/src/cluster_query.rs"]
mod cluster_query;
#[path = "../../../fuzz/src/seeds.rs"]
mod seeds;

#[test]
fn seeds_of_cluster_query() {
    seeds::replay(env!("CARGO_MANIFEST_DIR"), "cluster_query", cluster_query::check);
}
