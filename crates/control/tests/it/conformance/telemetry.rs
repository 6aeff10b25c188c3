//! TCS: signed frames in, acknowledgements and records out.

use super::{CLUSTER_ARN, spoilt, task_arn, world};
use crate::agent::Agent as Session;
use crate::world::{OTHER_KEY_ID, World, arn, container_definition, definition, task_of};
use core_task::report::{ReportedStatus, apply_placed, task_health};
use model::Timestamp;
use model::container::HealthCheck;
use model::instance::RuntimeStatus;
use model::task::{HealthStatus, Task};
use model::task_definition::NetworkMode;
use model::time::Clock;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::telemetry::{Signer, health, idle_metrics, instance_status, metrics};

/// A link of `i1` and a running task whose container `app` has a health check.
struct Bench {
    world: World,
    link: Session,
    signer: Signer,
}

impl Bench {
    async fn new() -> Self {
        let world = world().await;
        put_checked_task(&world, "t1", "i1").await;
        let (link, signer) = Session::telemetry(&world, "i1").await;
        Self { world, link, signer }
    }

    async fn say(&mut self, message: &Value) {
        let frame = self.signer.frame(message, self.world.clock.now());
        self.link.say_text(frame).await;
    }

    /// The type of the answer.
    async fn answer(&mut self) -> String {
        let frame: Value = serde_json::from_str(&self.link.text().await).expect("JSON");
        frame["type"].as_str().expect("a type").to_owned()
    }

    async fn health(&mut self, task: &str, container: &str, status: &str) {
        self.say(&health(CLUSTER_ARN, &arn("i1"), &task_arn(task), &[(container, status)])).await;
        assert_eq!(self.answer().await, "AckPublishHealth");
    }

    /// Whether a well-formed message is answered next: what came before it was dropped.
    async fn is_alive(&mut self) {
        self.say(&idle_metrics(CLUSTER_ARN, &arn("i1"))).await;
        assert_eq!(self.answer().await, "AckPublishMetric");
    }
}

async fn put_checked_task(world: &World, id: &str, on: &str) {
    let mut definition = definition(NetworkMode::Host);
    definition.family = "checked".into();
    definition.containers[0].health_check = Some(HealthCheck {
        command: vec!["CMD".into(), "true".into()],
        interval_secs: HealthCheck::INTERVAL_SECS_DEFAULT,
        timeout_secs: HealthCheck::TIMEOUT_SECS_DEFAULT,
        retries: HealthCheck::RETRIES_DEFAULT,
        start_period_secs: None,
    });
    definition.containers.push(container_definition("unchecked"));
    let mut task = task_of(id, definition);
    apply_placed(&mut task, on.into(), None);
    world.put_task(task).await;
    world.report(id, ReportedStatus::Running).await;
}

#[tokio::test(start_paused = true)]
async fn metrics_are_acknowledged_whatever_they_measure() {
    let mut bench = Bench::new().await;
    let before = bench.world.store.snapshot().revision();
    for message in [
        idle_metrics("default", &arn("i1")),
        metrics("default", &arn("i1"), &task_arn("t1"), "app"),
        metrics(CLUSTER_ARN, &arn("i1"), &task_arn("never heard of"), "app"),
    ] {
        bench.say(&message).await;
        assert_eq!(bench.answer().await, "AckPublishMetric");
    }
    assert_eq!(bench.world.store.snapshot().revision(), before);
}

#[tokio::test(start_paused = true)]
async fn health_is_in_the_record_when_it_is_acknowledged() {
    let mut bench = Bench::new().await;
    let before = bench.world.task("t1");
    assert_eq!(task_health(&before), HealthStatus::Unknown);
    for (said, expected) in [
        ("HEALTHY", HealthStatus::Healthy),
        ("UNHEALTHY", HealthStatus::Unhealthy),
        ("UNKNOWN", HealthStatus::Unknown),
    ] {
        let before = bench.world.task("t1");
        bench.health("t1", "app", said).await;
        let after = bench.world.task("t1");
        assert_eq!((task_health(&after), after.containers[0].health), (expected, Some(expected)));
        assert_eq!(after.version, before.version + 1);
        bench.health("t1", "app", said).await;
        assert_eq!(bench.world.task("t1"), after, "nothing new");
    }
}

#[tokio::test(start_paused = true)]
async fn health_that_is_of_no_use_is_acknowledged_and_changes_nothing() {
    let mut bench = Bench::new().await;
    put_checked_task(&bench.world, "elsewhere", "i2").await;
    put_checked_task(&bench.world, "over", "i1").await;
    bench.world.report("over", ReportedStatus::Stopped).await;
    let before = bench.world.store.snapshot().revision();
    for (task, container, status) in [
        ("t1", "unchecked", "HEALTHY"),
        ("t1", "nobody", "HEALTHY"),
        ("t1", "app", "SPLENDID"),
        ("elsewhere", "app", "HEALTHY"),
        ("over", "app", "HEALTHY"),
        ("never heard of", "app", "HEALTHY"),
    ] {
        bench.health(task, container, status).await;
    }
    assert_eq!(bench.world.store.snapshot().revision(), before);
}

#[tokio::test(start_paused = true)]
async fn the_status_of_the_instance_is_kept_and_written_seldom() {
    let mut bench = Bench::new().await;
    let of = |world: &World| {
        let snapshot = world.store.snapshot();
        snapshot.instance(&crate::world::scope(), &"i1".into()).expect("known").runtime_health
    };
    assert_eq!(of(&bench.world), None);
    let rows = [
        ("INITIALIZING", 100.0, 100.0, true),
        ("OK", 120.5, 120.5, true),
        ("OK", 140.5, 120.5, false),
        ("OK", 181.0, 120.5, true),
        ("IMPAIRED", 182.0, 182.0, true),
        ("SPLENDID", 300.0, 300.0, false),
    ];
    for (status, updated, changed, is_written) in rows {
        let before = of(&bench.world);
        bench.say(&instance_status(CLUSTER_ARN, &arn("i1"), status, updated, changed)).await;
        assert_eq!(bench.answer().await, "AckPublishInstanceStatus");
        let after = of(&bench.world);
        assert_eq!(after != before, is_written, "{status} {updated}");
        if is_written {
            let after = after.expect("written");
            assert_eq!(Some(after.status), RuntimeStatus::parse(status));
            assert_eq!(after.last_updated, Timestamp((updated * 1000.0) as i64));
            assert_eq!(after.last_status_change, Timestamp((changed * 1000.0) as i64));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_nobody_or_somebody_else_has_signed_counts_for_nothing() {
    let mut bench = Bench::new().await;
    let before = bench.world.store.snapshot().revision();
    let message = health(CLUSTER_ARN, &arn("i1"), &task_arn("t1"), &[("app", "UNHEALTHY")]);
    let now = bench.world.clock.now();
    let good = bench.signer.clone();
    let frame = good.frame(&message, now);
    let with = |change: fn(&mut Signer)| {
        let mut signer = good.clone();
        change(&mut signer);
        signer.frame(&message, now)
    };
    let (_, body) = frame.split_once("\r\n\r\n").expect("headers");
    let frames = [
        with(|s| s.credentials.secret_key.push('x')),
        with(|s| s.credentials.access_key = "AKIDNOBODY".into()),
        with(|s| s.credentials.access_key = OTHER_KEY_ID.into()),
        with(|s| s.region = "eu-west-1".into()),
        with(|s| s.path = "/acs/ws".into()),
        with(|s| s.query.push_str("&x=1")),
        good.frame(&message, now.plus_millis(-6 * 60_000)),
        good.frame(&message, now.plus_millis(6 * 60_000)),
        frame.replace("UNHEALTHY", "HEALTHY"),
        frame.replace("127.0.0.1", "127.0.0.2"),
        frame.replace("Authorization: ", "Authorisation: "),
        format!("Host: 127.0.0.1:4566\r\n\r\n{body}"),
        body.to_owned(),
    ];
    for frame in frames {
        bench.link.say_text(frame).await;
    }
    bench.is_alive().await;
    assert_eq!(bench.world.store.snapshot().revision(), before);
}

#[tokio::test(start_paused = true)]
async fn malformed_telemetry_is_dropped_and_the_link_stays() {
    let mut bench = Bench::new().await;
    let kinds = ["PublishMetricsRequest", "PublishHealthRequest", "PublishInstanceStatusRequest"];
    let bodies = [
        json!(null),
        json!([1]),
        json!({}),
        json!({ "metadata": 7 }),
        json!({ "metadata": { "cluster": {} } }),
        json!({ "metadata": {}, "timestamp": "now" }),
        json!({ "metadata": {}, "tasks": 7, "taskMetrics": 7, "statuses": 7 }),
        json!({ "metadata": {}, "tasks": [{}], "taskMetrics": [{}], "statuses": [{}] }),
    ];
    for kind in kinds {
        for body in &bodies {
            bench.say(&json!({ "type": kind, "message": body })).await;
        }
    }
    bench.say(&json!({ "type": "Novelty", "message": {} })).await;
    bench.say(&json!([])).await;
    for text in ["", "\r\n\r\n", "no colon\r\n\r\n{}", "{}", "A: b\r\n\r\n", "\u{1}: x\r\n\r\n{}"] {
        bench.link.say_text(text).await;
    }
    bench.link.say_bytes(vec![0xff; 10]).await;
    bench.link.say_text(format!("A: {}\r\n\r\n{{}}", "x".repeat(20 << 10))).await;
    bench.is_alive().await;
}

/// Each message spoilt in each member in turn: it is dropped, or what is left of it counts; nothing else is touched.
#[tokio::test(start_paused = true)]
async fn every_member_missing_of_another_type_or_huge() {
    let mut bench = Bench::new().await;
    let before = bench.world.task("t1");
    let i1 = arn("i1");
    let status = |status: &str| instance_status(CLUSTER_ARN, &i1, status, 900.0, 800.0);
    let idle = idle_metrics(CLUSTER_ARN, &i1);
    // After each, a message whose answer it has not.
    for (message, last, answer) in [
        (metrics(CLUSTER_ARN, &i1, &task_arn("t1"), "app"), status("SPLENDID"), "AckPublishInstanceStatus"),
        (
            health(CLUSTER_ARN, &i1, &task_arn("t1"), &[("app", "HEALTHY")]),
            status("SPLENDID"),
            "AckPublishInstanceStatus",
        ),
        (status("OK"), idle, "AckPublishMetric"),
    ] {
        for spoilt in spoilt::each(&message) {
            bench.say(&spoilt).await;
            bench.say(&last).await;
            while bench.answer().await != answer {}
        }
    }
    let mut after = Task::clone(&bench.world.task("t1"));
    assert_eq!(after.containers[0].health, Some(HealthStatus::Healthy));
    after.containers[0].health = None;
    assert_eq!(after, Task { version: after.version, ..Task::clone(&before) });
    let snapshot = bench.world.store.snapshot();
    let instance = snapshot.instance(&crate::world::scope(), &"i1".into()).expect("known");
    let health = instance.runtime_health.expect("told");
    let ever = Timestamp(0)..=bench.world.clock.now();
    assert!(ever.contains(&health.last_updated) && ever.contains(&health.last_status_change), "{health:?}");
}

#[tokio::test(start_paused = true)]
async fn heartbeats_keep_a_link_on_which_nothing_is_acknowledged() {
    let mut bench = Bench::new().await;
    for _ in 0..3 {
        let before = tokio::time::Instant::now();
        assert_eq!(bench.answer().await, "HeartbeatMessage");
        assert!(before.elapsed() <= Duration::from_secs(30), "agents give up after a minute");
    }
}
