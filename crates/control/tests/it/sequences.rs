//! A thousand random lives of many tasks: no address leaks, no invariant breaks.

use crate::world::{World, task};
use core_task::report::ReportedStatus;
use invariants::{View, check_all, check_task_change};
use model::task::TaskStatus;
use model::task_definition::NetworkMode;
use store::Snapshot;

const STEPS: usize = 40;

#[tokio::test(start_paused = true)]
async fn no_address_leaks_over_a_thousand_random_sequences() {
    for seed in 0..1000 {
        live(seed).await;
    }
}

async fn live(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut world = World::new();
    world.put_instance("i1").await;
    let mut before = world.store.snapshot();
    for step in 0..STEPS {
        let id = format!("t{}", random.usize(..8));
        let known = before.task(&crate::world::scope(), &id.as_str().into()).map(|t| t.last_status);
        match (random.usize(..8), known) {
            (0..=2, None) => world.put_task(task(&id, NetworkMode::Awsvpc)).await,
            (0..=1, Some(_)) => world.report(&id, ReportedStatus::Running).await,
            (2, Some(_)) => world.stop(&id).await,
            (3, Some(_)) => world.report(&id, ReportedStatus::Stopped).await,
            (4, _) => world = world.restart(),
            _ => world.activate().await,
        }
        before = check(seed, step, &before, &world);
    }
    finish(&world).await;
    let end = world.store.snapshot();
    assert_eq!(end.enis().count(), 0, "seed {seed}");
    assert!(end.all_tasks().all(|t| t.last_status == TaskStatus::Stopped), "seed {seed}");
}

/// Everything is stopped, and the agent says so.
async fn finish(world: &World) {
    let ids: Vec<String> = world.store.snapshot().all_tasks().map(|t| t.id.to_string()).collect();
    for id in &ids {
        world.stop(id).await;
        world.report(id, ReportedStatus::Stopped).await;
    }
    world.activate().await;
}

fn check(seed: u64, step: usize, before: &Snapshot, world: &World) -> Snapshot {
    let after = world.store.snapshot();
    let changes = before.all_tasks().filter_map(|was| Some((was, after.task(&was.scope, &was.id)?)));
    for (was, is) in changes {
        check_task_change(was, is).unwrap_or_else(|v| panic!("seed {seed}, step {step}: {v:?}"));
    }
    let view = View {
        tasks: after.all_tasks().map(|t| t.as_ref()).collect(),
        instances: after.all_instances().map(|i| i.as_ref()).collect(),
        enis: after.enis().map(|e| e.as_ref()).collect(),
        definitions: after.all_task_definitions().map(|d| d.as_ref()).collect(),
    };
    check_all(&view).unwrap_or_else(|v| panic!("seed {seed}, step {step}: {v:?}"));
    after
}
