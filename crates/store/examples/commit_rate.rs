//! Commits a second and the latency of one, durable on the disk that holds the given directory:
//! `cargo run --release -p store --example commit_rate -- DIR`

use model::cluster::{Cluster, ClusterStatus};
use model::{Scope, Tags, Timestamp};
use std::time::{Duration, Instant};
use store::redb::RedbJournal;
use store::{Committer, Store, StoreError, Tx};

const FOR: Duration = Duration::from_secs(3);

fn main() {
    let parent = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    for writers in [1, 8, 64, 512] {
        let dir = tempfile::tempdir_in(&parent).expect("a directory");
        let journal = RedbJournal::open(dir.path().join("store.redb")).expect("opens");
        let store = Store::open(Box::new(journal), Committer::Thread).expect("opens");
        let mut latencies = runtime.block_on(measure(&store, writers));
        latencies.sort();
        let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
        let rate = latencies.len() as f64 / FOR.as_secs_f64();
        println!("{writers:>4} writers: {rate:>8.0} commits/s, p50 {:?}, p99 {:?}", at(50), at(99));
    }
}

async fn measure(store: &Store, writers: u32) -> Vec<Duration> {
    let end = Instant::now() + FOR;
    let writers = (0..writers).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            while Instant::now() < end {
                let start = Instant::now();
                commit(&store, format!("{writer}-{}", latencies.len() % 1000)).await.expect("commits");
                latencies.push(start.elapsed());
            }
            latencies
        })
    });
    let mut all = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        all.extend(writer.await.expect("no panic"));
    }
    all
}

async fn commit(store: &Store, name: String) -> Result<(), StoreError> {
    let change = move |tx: &mut Tx| {
        tx.put(Cluster {
            scope: Scope::new("000000000000", "us-east-1"),
            name: name.into(),
            status: ClusterStatus::Active,
            tags: Tags::new(),
            settings: Tags::new(),
            capacity_providers: Vec::new(),
            default_capacity_provider_strategy: Vec::new(),
            created_at: Timestamp(1),
        });
        Ok(())
    };
    store.commit(change).await
}
