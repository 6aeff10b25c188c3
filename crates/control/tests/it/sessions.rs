//! Sessions against a scripted agent, on stopped time.

use crate::agent::{Agent, entries};
use crate::world::{World, definition, peer, scope, task};
use acs::link::AcsQuery;
use acs::{HeartbeatAckRequest, ServerMessage, TaskStopVerificationMessage};
use control::{Peer, SessionEnd};
use core_task::report::{ReportedStatus, apply_placed};
use model::Timestamp;
use model::identity::AccessKey;
use model::instance::{ContainerInstance, InstanceStatus};
use model::task_definition::NetworkMode;
use std::time::Duration;
use store::Queue;
use testkit::Arrival;
use tokio::time::Instant;

async fn world() -> World {
    let world = World::new();
    world.put_instance("i1").await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_task_goes_from_run_to_stopped() {
    let world = world().await;
    world.run();
    let (mut agent, manifest) = Agent::connect(&world, "i1").await;
    assert!(world.is_connected("i1"));
    assert_eq!(manifest.tasks, []);

    world.put_task(task("t1", NetworkMode::Awsvpc)).await;
    let payload = agent.next_payload().await;
    assert_eq!(entries(&payload), ["t1 Running"]);
    assert_eq!(payload.seq_num, Some(manifest.timeline), "or the next manifest would look old");
    assert_eq!(payload.tasks[0].elastic_network_interfaces.len(), 1);
    let credentials = payload.tasks[0].execution_role_credentials.as_ref().expect("always sent");
    let snapshot = world.store.snapshot();
    let key = snapshot.access_key(&credentials.access_key_id.as_str().into()).expect("a key of the store");
    assert_eq!(key.account, scope().account);

    agent.acknowledge(&payload).await;
    world.eventually("accepted", |w| w.task("t1").times.connectivity_at.is_some()).await;
    world.report("t1", ReportedStatus::Running).await;
    assert_eq!(world.status("t1"), "RUNNING");

    world.stop("t1").await;
    assert_eq!(entries(&agent.next_payload().await), ["t1 Stopped"]);
    world.eventually("told to stop", |w| w.status("t1") == "STOPPING").await;
    world.report("t1", ReportedStatus::Stopped).await;
    world.eventually("stopped", |w| w.status("t1") == "STOPPED").await;
    assert_eq!(world.store.snapshot().enis().count(), 0);

    assert_eq!(agent.hang_up().await, SessionEnd::Closed);
    world.eventually("disconnected", |w| !w.is_connected("i1")).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_link_is_told_again_what_was_not_acknowledged() {
    let world = world().await;
    let (mut agent, _) = Agent::connect(&world, "i1").await;
    world.run_host_task("t1", "i1").await;
    let first = agent.next_payload().await;
    world.run_host_task("t2", "i1").await;
    let second = agent.next_payload().await;
    assert_eq!((entries(&first), entries(&second)), (vec!["t1 Running".into()], vec!["t2 Running".into()]));
    agent.acknowledge(&first).await;
    world.eventually("accepted", |w| w.task("t1").times.connectivity_at.is_some()).await;
    agent.hang_up().await;

    let (mut agent, manifest) = Agent::connect(&world, "i1").await;
    assert_eq!(manifest.tasks.len(), 2);
    assert_eq!(entries(&agent.next_payload().await), ["t2 Running"]);
    agent.hang_up().await;

    world.report("t2", ReportedStatus::Running).await;
    world.stop("t2").await;
    let (mut agent, manifest) = Agent::connect(&world, "i1").await;
    let wanted: Vec<_> = manifest.tasks.iter().map(|t| t.desired_status).collect();
    assert_eq!(wanted, [acs::payload::DesiredStatus::Running, acs::payload::DesiredStatus::Stopped]);
    assert_eq!(entries(&agent.next_payload().await), ["t2 Stopped"]);
}

#[tokio::test(start_paused = true)]
async fn a_control_plane_that_restarts_adopts_what_runs() {
    let world = world().await;
    let (mut agent, before) = Agent::connect(&world, "i1").await;
    world.run_host_task("t1", "i1").await;
    let payload = agent.next_payload().await;
    let credentials = payload.tasks[0].execution_role_credentials.clone().expect("always sent");
    agent.acknowledge(&payload).await;
    world.eventually("accepted", |w| w.task("t1").times.connectivity_at.is_some()).await;

    let world = world.restart();
    assert!(world.is_connected("i1"));
    world.activate().await;
    assert!(!world.is_connected("i1"));
    let query = AcsQuery { send_credentials: true, agent_version: "1.2.3".into(), ..AcsQuery::default() };
    let mut agent = Agent::open(&world, "i1", query).await;
    let ServerMessage::TaskManifest(after) = agent.next().await else { panic!("a manifest comes first") };
    assert!(after.timeline > before.timeline, "{} > {}", after.timeline, before.timeline);
    let ServerMessage::IamRoleCredentials(message) = agent.next().await else { panic!("then credentials") };
    assert_eq!(message.role_credentials, credentials);
    assert!(world.is_connected("i1"));
}

/// Agents drop a manifest that is not above the highest that they have seen, and would go on with tasks that nobody knows.
#[tokio::test(start_paused = true)]
async fn agents_believe_a_control_plane_that_was_restored_from_an_older_copy() {
    let world = world().await;
    world.run();
    let copy = world.store.snapshot().instance(&scope(), &"i1".into()).expect("a known instance").clone();
    let mut newest = 0;
    for _ in 0..3 {
        let (agent, manifest) = Agent::connect(&world, "i1").await;
        assert!(manifest.timeline > newest, "within one millisecond, too");
        newest = manifest.timeline;
        agent.hang_up().await;
    }
    world.write(|tx| tx.put(ContainerInstance::clone(&copy))).await;
    tokio::time::advance(Duration::from_secs(1)).await;
    let (_, restored) = Agent::connect(&world, "i1").await;
    assert!(restored.timeline > newest, "{} > {newest}", restored.timeline);
}

#[tokio::test(start_paused = true)]
async fn tasks_that_nobody_wants_are_stopped() {
    let world = world().await;
    for id in ["wanted", "stopping", "elsewhere", "over"] {
        world.run_host_task(id, if id == "elsewhere" { "i2" } else { "i1" }).await;
        world.report(id, ReportedStatus::Running).await;
    }
    world.stop("stopping").await;
    world.report("over", ReportedStatus::Stopped).await;
    let (mut agent, manifest) = Agent::connect(&world, "i1").await;
    assert_eq!(entries(&agent.next_payload().await), ["stopping Stopped"]);

    let candidate = |id: &str| {
        let arn = format!("arn:aws:ecs:us-east-1:000000000000:task/default/{id}");
        acs::TaskIdentifier {
            task_arn: arn,
            task_cluster_arn: String::new(),
            desired_status: acs::payload::DesiredStatus::Running,
        }
    };
    let mut stop_candidates: Vec<_> =
        ["wanted", "stopping", "elsewhere", "over", "unheard-of"].map(candidate).into();
    stop_candidates[4].task_arn.insert(0, '?');
    agent.say(TaskStopVerificationMessage { message_id: manifest.message_id.clone(), stop_candidates }).await;
    let ServerMessage::TaskStopVerificationAck(answer) = agent.next().await else { panic!("an answer") };
    assert_eq!(answer.message_id, manifest.message_id);
    let stopped: Vec<_> = answer.stop_tasks.iter().filter_map(|t| t.task_arn.rsplit('/').next()).collect();
    assert_eq!(stopped, ["stopping", "elsewhere", "over", "unheard-of"]);
}

#[tokio::test(start_paused = true)]
async fn heartbeats_come_every_20_s_and_a_silent_agent_is_dropped_3_s_later() {
    let world = world().await;
    world.run();
    let start = Instant::now();
    let (mut agent, _) = Agent::connect(&world, "i1").await;
    for beat in 1..=2 {
        let ServerMessage::Heartbeat(heartbeat) = agent.next().await else { panic!("a heartbeat") };
        assert_eq!(start.elapsed(), Duration::from_secs(20 * beat));
        agent.say(HeartbeatAckRequest { message_id: heartbeat.message_id }).await;
    }
    let ServerMessage::Heartbeat(_) = agent.next().await else { panic!("a heartbeat") };
    // It goes on to answer pings: its websocket is well, and the agent is not.
    assert!(matches!(agent.arrival().await, Arrival::End(_)));
    assert_eq!(start.elapsed(), Duration::from_secs(63));
    world.eventually("disconnected", |w| !w.is_connected("i1")).await;
    assert_eq!(agent.ended().await, SessionEnd::Silent);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_reads_nothing_is_dropped() {
    let world = world().await;
    let (agent, _) = Agent::connect(&world, "i1").await;
    for n in 0..200 {
        world.run_host_task(&format!("t{n}"), "i1").await;
    }
    assert_eq!(agent.ended().await, SessionEnd::Silent);
}

#[tokio::test(start_paused = true)]
async fn frames_that_make_no_sense_are_dropped_and_the_link_stays() {
    let world = world().await;
    let (mut agent, _) = Agent::connect(&world, "i1").await;
    let frames = [
        "",
        "{",
        "[]",
        r#"{"type":"AckRequest"}"#,
        r#"{"type":"AckRequest","message":{"messageId":7}}"#,
        r#"{"type":"Novelty","message":{}}"#,
        r#"{"type":"AckRequest","message":{"messageId":"not ours"}}"#,
    ];
    for text in frames {
        agent.say_text(text.to_owned()).await;
    }
    world.run_host_task("t1", "i1").await;
    assert_eq!(entries(&agent.next_payload().await), ["t1 Running"]);
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_too_long_ends_the_link() {
    let world = world().await;
    let (mut agent, _) = Agent::connect(&world, "i1").await;
    let long = " ".repeat(acs::FRAME_BYTES_MAX + 1);
    // The other end may be gone before all of it is written.
    agent.shout(long).await;
    assert!(matches!(agent.ended().await, SessionEnd::Link(_)));
}

#[tokio::test(start_paused = true)]
async fn the_newest_link_wins() {
    let world = world().await;
    world.run();
    let (old, before) = Agent::connect(&world, "i1").await;
    let (mut new, after) = Agent::connect(&world, "i1").await;
    assert!(after.timeline > before.timeline);
    assert_eq!(old.ended().await, SessionEnd::Superseded);
    assert!(world.is_connected("i1"));
    world.run_host_task("t1", "i1").await;
    assert_eq!(entries(&new.next_payload().await), ["t1 Running"]);
    assert_eq!(new.hang_up().await, SessionEnd::Closed);
    world.eventually("disconnected", |w| !w.is_connected("i1")).await;
}

/// Its tasks are orphans: their records end, and the agent is told nothing, neither to stop them nor to start more.
#[tokio::test(start_paused = true)]
async fn a_deregistered_instance_loses_its_link_and_its_tasks_are_written_off() {
    let world = world().await;
    world.run();
    let (mut agent, _) = Agent::connect(&world, "i1").await;
    world.run_host_task("t1", "i1").await;
    let payload = agent.next_payload().await;
    agent.acknowledge(&payload).await;
    world.report("t1", ReportedStatus::Running).await;
    world
        .write(|tx| {
            let key = (scope(), "i1".into());
            tx.update(&key, |instance: &mut ContainerInstance| instance.status = InstanceStatus::Inactive);
        })
        .await;
    assert!(matches!(agent.arrival().await, Arrival::End(_)), "and not a message before");
    assert_eq!(agent.ended().await, SessionEnd::Deregistered);
    let again = Agent::open(&world, "i1", AcsQuery::default()).await;
    assert_eq!(again.ended().await, SessionEnd::Deregistered);
    world.eventually("stopped", |w| w.status("t1") == "STOPPED").await;
    let reason = world.task("t1").stopped_reason.clone();
    assert_eq!(reason.as_deref(), Some("Container instance deregistration forced by user"));
    // The orphan ends some time, and says so.
    world.report("t1", ReportedStatus::Stopped).await;
    assert_eq!(world.task("t1").stopped_reason, reason);
}

#[tokio::test(start_paused = true)]
async fn links_end_when_the_key_is_deleted_that_opened_them() {
    let world = world().await;
    world.put_instance("i2").await;
    world.run();
    let key = |id: &str| AccessKey {
        id: id.into(),
        secret: "secret".to_owned(),
        account: scope().account,
        created_at: Timestamp(0),
        agent: Some("host-1".to_owned()),
    };
    world.write(|tx| tx.put(key("AKIAHOST"))).await;
    let of_host = Peer { access_key: "AKIAHOST".to_owned(), ..peer("i1") };
    let mut agent = Agent::open_with(&world, of_host.clone(), AcsQuery::default()).await;
    assert!(matches!(agent.next().await, ServerMessage::TaskManifest(_)));
    let telemetry = Agent::telemetry_with(&world, of_host.clone()).await.0;
    let (mut other, _) = Agent::connect(&world, "i2").await;
    world.write(|tx| tx.put(key("AKIAOTHER"))).await;
    world.run_host_task("t1", "i1").await;
    assert_eq!(entries(&agent.next_payload().await), ["t1 Running"], "another key changes nothing");

    let deleted_at = Instant::now();
    world.write(|tx| tx.remove::<AccessKey>(&"AKIAHOST".into())).await;
    assert_eq!(agent.ended().await, SessionEnd::Revoked);
    assert_eq!(telemetry.ended().await, SessionEnd::Revoked);
    world.eventually("disconnected", |w| !w.is_connected("i1")).await;
    assert!(deleted_at.elapsed() < Duration::from_secs(1), "{:?}", deleted_at.elapsed());
    let again = Agent::open_with(&world, of_host, AcsQuery::default()).await;
    assert_eq!(again.ended().await, SessionEnd::Revoked);
    world.run_host_task("t2", "i2").await;
    assert_eq!(entries(&other.next_payload().await), ["t2 Running"]);
}

#[tokio::test(start_paused = true)]
async fn many_tasks_are_told_in_few_messages() {
    let world = world().await;
    for n in 0..40 {
        world.run_host_task(&format!("t{n}"), "i1").await;
    }
    let (mut agent, _) = Agent::connect(&world, "i1").await;
    let sizes = [agent.next_payload().await.tasks.len(), agent.next_payload().await.tasks.len()];
    assert_eq!(sizes, [32, 8]);
}

#[tokio::test(start_paused = true)]
async fn a_fargate_host_runs_tasks_of_other_accounts_with_their_own_keys() {
    let world = world().await;
    let mut foreign = task("t1", NetworkMode::Host);
    foreign.scope.account = model::AccountId::from("111111111111");
    let mut definition = model::task_definition::TaskDefinition::clone(&foreign.definition);
    definition.scope = foreign.scope.clone();
    foreign.definition = std::sync::Arc::new(definition);
    apply_placed(&mut foreign, "i1".into(), None);
    world.put_task(foreign).await;
    world.run_host_task("t2", "i1").await;
    let of_a_user = AccessKey {
        id: "AKIA".into(),
        secret: "secret".into(),
        account: scope().account,
        created_at: Timestamp(0),
        agent: None,
    };
    world.write(|tx| tx.put(of_a_user)).await;
    let (mut agent, _) = Agent::connect(&world, "i1").await;
    let payload = agent.next_payload().await;
    let snapshot = world.store.snapshot();
    let account = |task: &acs::payload::Task| {
        let credentials = task.execution_role_credentials.as_ref().expect("always sent");
        assert!(credentials.access_key_id.starts_with("ASIA"), "{credentials:?}");
        let key = snapshot.access_key(&credentials.access_key_id.as_str().into());
        key.expect("a key of the store").account.to_string()
    };
    let accounts: Vec<_> = payload.tasks.iter().map(account).collect();
    assert_eq!(entries(&payload), ["t2 Running", "t1 Running"]);
    assert_eq!(accounts, ["000000000000", "111111111111"]);
}

/// The agent's side of many short tasks: accept, report RUNNING, report STOPPED.
async fn serve_all(world: &World, agent: &mut Agent, count: usize) {
    let mut served = 0;
    while served < count {
        let payload = agent.next_payload().await;
        agent.acknowledge(&payload).await;
        for task in &payload.tasks {
            let id = task.arn.rsplit('/').next().expect("an id");
            world.report(id, ReportedStatus::Running).await;
            world.report(id, ReportedStatus::Stopped).await;
            served += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_tasks_pass_through_one_link_on_real_threads() {
    const COUNT: usize = 600;
    let world = World::threaded();
    world.put_instance("i1").await;
    world.run();
    let (mut agent, _) = Agent::connect(&world, "i1").await;
    world
        .write(|tx| {
            tx.put(definition(NetworkMode::Awsvpc));
            (0..COUNT).for_each(|n| tx.put(task(&format!("t{n}"), NetworkMode::Awsvpc)));
        })
        .await;
    serve_all(&world, &mut agent, COUNT).await;
    let is_over = |w: &World| w.store.snapshot().queue_len(Queue::Stopped) == COUNT;
    world.eventually("all are STOPPED", is_over).await;
    assert_eq!(world.store.snapshot().enis().count(), 0);
}
