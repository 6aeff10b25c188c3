//! What calls cost does not grow with the tasks that are stored. Time is no measure in a test; the stored tasks are
//! STOPPED ones that no answer is about, and the calls must give the same answers beside them.

use crate::world::World;
use model::task::Task;
use model::{TaskId, Timestamp};
use serde_json::json;
use std::time::Instant;

const STORED: u32 = 20_000;

/// Copies of a STOPPED task under other ids.
fn fill(w: &World, of: &TaskId, n: u32) {
    let task = w.task(of);
    for chunk in 0..n / 1000 {
        w.commit(|tx| {
            for i in 0..1000 {
                let id = TaskId::from(format!("{:032x}", u128::MAX - u128::from(chunk * 1000 + i)));
                let mut copy = Task { id, client_request: None, ..task.clone() };
                copy.times.stopped_at = Some(Timestamp(task.times.created_at.0 + 1));
                tx.put(copy);
            }
        });
    }
}

/// One round of the calls that have to stay fast, and how long it took.
fn round(w: &World) -> f64 {
    let begun = Instant::now();
    let id = w.run_fargate("web");
    w.ok("DescribeTasks", json!({ "tasks": [id] }));
    assert_eq!(w.ok("ListTasks", json!({ "family": "web" }))["taskArns"].as_array().map(Vec::len), Some(1));
    w.ok("DescribeClusters", json!({ "include": ["STATISTICS"] }));
    w.ok("StopTask", json!({ "task": id }));
    w.reconcile_one(&id);
    begun.elapsed().as_secs_f64()
}

#[test]
fn calls_do_not_read_the_tasks_that_they_are_not_about() {
    let worlds = [0, STORED].map(|stored| {
        let w = World::with_agent();
        w.register("web");
        let first = w.run_fargate("web");
        w.ok("StopTask", json!({ "task": first }));
        w.reconcile();
        fill(&w, &first, stored);
        w
    });
    // In turn, so that whatever else this machine does slows both.
    let mut best = [f64::INFINITY; 2];
    for _ in 0..20 {
        best = [0, 1].map(|n| best[n].min(round(&worlds[n])));
    }
    let [few, many] = best;
    // A scan of 20,000 tasks costs a hundred times a round; noise does not.
    assert!(many < few * 10.0, "a round took {few:.6} s beside few tasks and {many:.6} s beside {STORED}");
}
