//! Messages of ACS: what the server sends, and what it makes of the answers.

use super::{CLUSTER_ARN, accepted, connect, open, payload, query, task_arn, world};
use crate::agent::Agent as Session;
use crate::world::{World, arn, task};
use model::task_definition::NetworkMode;
use serde_json::json;
use std::time::Duration;
use testkit::strict::ServerMessage;
use testkit::{Agent, Desired};

#[tokio::test(start_paused = true)]
async fn a_heartbeat_is_answered_and_the_link_lives_for_an_hour() {
    let world = world().await;
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    let start = tokio::time::Instant::now();
    while start.elapsed() < Duration::from_secs(3600) {
        let before = tokio::time::Instant::now();
        let ServerMessage::Heartbeat(heartbeat) = link.step(&mut agent).await else { panic!("a heartbeat") };
        assert_eq!(heartbeat.healthy, Some(true));
        assert!(heartbeat.message_id.is_some_and(|id| !id.is_empty()));
        assert!(before.elapsed() <= Duration::from_secs(30), "agents give up after a minute");
    }
}

#[tokio::test(start_paused = true)]
async fn a_payload_names_its_instance_and_is_acknowledged_with_its_credentials() {
    let world = world().await;
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    let payload = accepted(&world, &mut link, &mut agent, "t1").await;
    assert_eq!(payload.cluster_arn.as_deref(), Some(CLUSTER_ARN));
    assert_eq!(payload.container_instance_arn, Some(arn("i1")));
    assert_eq!(payload.seq_num, Some(agent.highest), "a payload's number is not above its manifest's");
    assert_eq!(agent.credentials.len(), 1);
    let tasks = payload.tasks.expect("tasks");
    let execution = tasks[0].execution_role_credentials.clone().expect("or the task would wait for ever");
    assert_eq!(tasks[0].containers.as_ref().expect("containers")[0].overrides.as_deref(), Some("{}"));
    for member in [execution.credentials_id, execution.access_key_id, execution.expiration] {
        assert!(member.is_some_and(|text| !text.is_empty()));
    }
}

#[tokio::test(start_paused = true)]
async fn every_network_mode_is_told_as_agents_take_it() {
    let world = world().await;
    world.run();
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    for mode in [NetworkMode::Bridge, NetworkMode::Host, NetworkMode::None, NetworkMode::Awsvpc] {
        world.put_task(task(mode.as_str(), mode)).await;
        let tasks = payload(&mut link, &mut agent).await.tasks.expect("tasks");
        assert_eq!(tasks[0].network_mode.as_deref(), Some(mode.as_str()));
        let interfaces = tasks[0].elastic_network_interfaces.as_deref().unwrap_or_default();
        assert_eq!(interfaces.len(), usize::from(mode == NetworkMode::Awsvpc));
    }
    assert_eq!((agent.tasks.len(), agent.reports.len()), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn the_entry_of_a_stop_is_its_arn_and_a_task_that_is_unknown_is_reported_stopped() {
    let world = world().await;
    world.run();
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    accepted(&world, &mut link, &mut agent, "t1").await;
    agent.tasks.clear();
    world.stop("t1").await;
    let tasks = payload(&mut link, &mut agent).await.tasks.expect("tasks");
    let expected = testkit::strict::Task {
        arn: Some(task_arn("t1")),
        desired_status: Some("STOPPED".into()),
        ..Default::default()
    };
    assert_eq!(tasks, [expected]);
    let [report] = &agent.reports[..] else { panic!("{:?}", agent.reports) };
    super::reports::submit(&world, report).await;
    world.eventually("stopped", |w| w.status("t1") == "STOPPED").await;
    assert_eq!(world.task("t1").stopped_reason.as_deref(), Some("Task stopped by user"));
}

/// It would be sent for ever, were the report of the malformed task not final.
#[tokio::test(start_paused = true)]
async fn a_payload_with_a_malformed_task_is_not_acknowledged_and_ends_with_the_report() {
    let world = world().await;
    world.run();
    let mut broken = task("broken", NetworkMode::Host);
    let mut definition = (*broken.definition).clone();
    // An agent fails a task whose container may take more than the task.
    definition.containers[0].memory_mib = Some(definition.memory_mib.expect("a size") + 1);
    definition.family = "broken".into();
    broken.definition = definition.into();
    world.put_task(broken).await;
    world.run_host_task("good", "i1").await;
    world.eventually("placed", |w| w.status("broken") == "PENDING").await;
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    let first = payload(&mut link, &mut agent).await;
    assert_eq!(first.tasks.expect("tasks").len(), 2);
    assert_eq!(agent.tasks.keys().collect::<Vec<_>>(), [&task_arn("good")]);
    let [report] = &agent.reports[..] else { panic!("{:?}", agent.reports) };
    assert!(report.reason.starts_with("UnrecogniedTaskError: Error loading task - "), "{report:?}");
    super::reports::submit(&world, report).await;
    world.eventually("over", |w| w.status("broken") == "STOPPED").await;
    assert_eq!(world.task("broken").stopped_reason.as_ref(), Some(&report.reason));

    link.hang_up().await;
    let mut link = connect(&world, &mut agent).await;
    let again = payload(&mut link, &mut agent).await.tasks.expect("tasks");
    assert_eq!(again.iter().map(|t| t.arn.clone().expect("an ARN")).collect::<Vec<_>>(), [task_arn("good")]);
    world.eventually("accepted", |w| w.task("good").times.connectivity_at.is_some()).await;
    assert_eq!(agent.reports.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_starts_anew_gets_the_same_credentials_again() {
    let world = world().await;
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    accepted(&world, &mut link, &mut agent, "t1").await;
    let before = agent.credentials.clone();
    link.hang_up().await;
    agent.restart();
    let mut link = open(&world, true).await;
    assert!(matches!(link.step(&mut agent).await, ServerMessage::Manifest(_)));
    let ServerMessage::Credentials(message) = link.step(&mut agent).await else { panic!("credentials") };
    assert_eq!(message.role_type.as_deref(), Some("TaskExecution"));
    assert_eq!(agent.credentials, before, "containers hold the id in their environment");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_only_reconnects_gets_no_credentials() {
    let world = world().await;
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    accepted(&world, &mut link, &mut agent, "t1").await;
    link.hang_up().await;
    let mut link = connect(&world, &mut agent).await;
    assert!(matches!(link.step(&mut agent).await, ServerMessage::Heartbeat(_)));
}

#[tokio::test(start_paused = true)]
async fn each_link_has_a_manifest_that_the_agent_does_not_take_for_an_old_one() {
    let mut world = world().await;
    let mut agent = Agent::default();
    for n in 0..4 {
        if n == 2 {
            world = world.restart();
        }
        let (before, mut link) = (agent.highest, connect(&world, &mut agent).await);
        assert!(agent.highest > before);
        world.run_host_task(&format!("t{n}"), "i1").await;
        payload(&mut link, &mut agent).await;
        link.hang_up().await;
    }
    assert_eq!(agent.tasks.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn tasks_that_the_control_plane_has_forgotten_are_verified_and_stopped() {
    let world = world().await;
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    accepted(&world, &mut link, &mut agent, "t1").await;
    link.hang_up().await;
    agent.tasks.insert(task_arn("forgotten"), Desired::Running);
    let mut link = connect(&world, &mut agent).await;
    let ServerMessage::StopVerificationAck(ack) = link.step(&mut agent).await else { panic!("an answer") };
    assert_eq!(ack.stop_tasks.expect("tasks").len(), 1);
    assert_eq!(agent.tasks[&task_arn("forgotten")], Desired::Stopped);
    assert_eq!(agent.tasks[&task_arn("t1")], Desired::Running);
}

/// The server sends none of these; an agent that refuses something is heard, and the link stays.
#[tokio::test(start_paused = true)]
async fn a_refusal_is_taken_and_the_link_stays() {
    let world = world().await;
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    let body = json!({ "cluster": CLUSTER_ARN, "containerInstance": arn("i1"), "messageId": "m1" });
    let mut nack = body.clone();
    nack["reason"] = json!("Updates are disabled");
    link.say_text(json!({ "type": "NackRequest", "message": nack }).to_string()).await;
    link.say_text(json!({ "type": "AckRequest", "message": body }).to_string()).await;
    accepted(&world, &mut link, &mut agent, "t1").await;
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_that_comes_after_the_report_or_twice_changes_nothing() {
    let world = world().await;
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    world.run_host_task("t1", "i1").await;
    let payload = link.next_payload().await;
    world.report("t1", core_task::report::ReportedStatus::Running).await;
    let before = world.task("t1");
    link.acknowledge(&payload).await;
    link.acknowledge(&payload).await;
    world.run_host_task("t2", "i1").await;
    link.next_payload().await;
    assert_eq!(world.task("t1"), before);
}

/// A task with the log driver awslogs, placed on `i1`.
pub(crate) async fn put_logging_task(world: &World) {
    let mut definition = crate::world::definition(NetworkMode::Host);
    let options = [("awslogs-group".to_owned(), "g".to_owned())].into();
    definition.containers[0].log =
        Some(model::container::LogConfiguration { driver: "awslogs".into(), options });
    let mut task = crate::world::task_of("t1", definition);
    core_task::report::apply_placed(&mut task, "i1".into(), None);
    world.put_task(task).await;
}

/// Docker's own driver ships the logs of an official agent: to us, not to AWS.
#[tokio::test(start_paused = true)]
async fn only_a_docker_daemon_is_told_where_the_logs_go() {
    let world = world().await;
    put_logging_task(&world).await;
    let rows =
        [("DockerVersion: 20.10.24", Some(crate::agent::ORIGIN)), (::acs::link::DOCKER_VERSION_NONE, None)];
    for (docker_version, expected) in rows {
        let query = ::acs::link::AcsQuery { docker_version: docker_version.into(), ..query(false) };
        let mut link = Session::open(&world, "i1", query).await;
        let mut agent = Agent::default();
        link.next().await;
        let ServerMessage::Payload(payload) = agent.hear(&link.text().await).message.expect("a payload")
        else {
            panic!("a payload")
        };
        let tasks = payload.tasks.expect("tasks");
        let host = tasks[0].containers.as_ref().expect("containers")[0].host_config().expect("a document");
        let options = host.log_config.expect("a driver").config.expect("options");
        assert_eq!(options.get("awslogs-endpoint").map(String::as_str), expected);
        link.hang_up().await;
    }
}
