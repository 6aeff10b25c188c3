//! INV-METRIC-3: what was acknowledged is kept, and seen.

use crate::world::*;
use api_metrics::{Metrics, MetricsError};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn puts_at_the_same_time_all_count_and_are_seen_at_once() {
    let world = std::sync::Arc::new(World::new());
    let mut puts = tokio::task::JoinSet::new();
    for n in 0..200 {
        let world = world.clone();
        puts.spawn(async move {
            world.put(vec![value(1.0, NOW), value(1.0, NOW + MINUTE * (n % 10))]).await.expect("taken");
            assert!(world.series("Sum", 60, NOW, NOW + MINUTE).await[0].1 >= 1.0);
        });
    }
    while let Some(put) = puts.join_next().await {
        put.expect("no panic");
    }
    let sum: f64 = world.series("Sum", 60, NOW, NOW + HOUR).await.iter().map(|(_, sum)| sum).sum();
    assert_eq!(sum, 400.0);
}

#[tokio::test]
async fn what_was_acknowledged_is_in_the_file_also_when_nothing_was_closed() {
    let world = World::new();
    let copied = world.dir.path().join("copy.redb");
    for n in 1..=5 {
        world.put(vec![value(1.0, NOW)]).await.expect("taken");
        // The file as a process that is killed now would leave it.
        std::fs::copy(world.path(), &copied).expect("copied");
        let after_crash = World {
            dir: tempfile::tempdir().expect("a directory"),
            clock: world.clock.clone(),
            metrics: Metrics::open(&copied, world.clock.clone()).expect("opens"),
        };
        assert_eq!(after_crash.series("Sum", 60, NOW, NOW + MINUTE).await, [(0, f64::from(n))]);
    }
}

#[tokio::test]
async fn a_file_that_was_never_made_whole_is_made_anew() {
    let World { dir, clock, metrics } = World::new();
    drop(metrics);
    // What a process leaves that is killed while it makes the file: the engine writes its magic number last.
    std::fs::write(dir.path().join("metrics.redb"), vec![0; 1 << 20]).expect("written");
    let metrics = Metrics::open(&dir.path().join("metrics.redb"), clock.clone()).expect("opens");
    let world = World { dir, clock, metrics };
    world.put(vec![value(1.0, NOW)]).await.expect("taken");
    assert_eq!(world.restarted().series("Sum", 60, NOW, NOW + MINUTE).await, [(0, 1.0)]);
}

#[tokio::test]
async fn a_file_has_one_user_and_no_newer_format() {
    let world = World::new();
    let opened = |world: &World| Metrics::open(&world.path(), world.clock.clone()).map(drop);
    assert_eq!(opened(&world), Err(MetricsError::InUse(world.path())));
    let World { dir, clock, metrics } = world;
    drop(metrics);
    let path = dir.path().join("metrics.redb");
    let database = redb::Database::open(&path).expect("opens");
    let tx = database.begin_write().expect("begins");
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    tx.open_table(meta).expect("a table").insert("format", 2).expect("written");
    tx.commit().expect("committed");
    drop(database);
    let newer = Metrics::open(&path, clock.clone()).map(drop);
    assert_eq!(newer, Err(MetricsError::NewerFormat { found: 2, known: 1 }));
    std::fs::write(&path, b"no database").expect("written");
    assert!(matches!(Metrics::open(&path, clock).map(drop), Err(MetricsError::Failed(_))));
}
