//! Agents that go without a word, and come back.

use crate::agent::{Agent, entries};
use crate::world::{World, peer, scope};
use acs::TaskStopVerificationMessage;
use acs::link::AcsQuery;
use acs::{AckRequest, AgentMessage, HeartbeatAckRequest, ServerMessage};
use control::{Frame, Frames, SessionEnd};
use core_task::report::ReportedStatus;
use model::Timestamp;
use model::time::Clock;
use std::future::pending;
use std::time::Duration;
use testkit::Arrival;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

async fn world() -> World {
    let world = World::new();
    world.put_instance("i1").await;
    world.run();
    world
}

fn changed_at(world: &World) -> Option<Timestamp> {
    let snapshot = world.store.snapshot();
    snapshot.instance(&scope(), &"i1".into()).expect("a known instance").connection_changed_at
}

/// Reads, and so answers pings, for a while.
async fn live(agent: &mut Agent, time: Duration) {
    let nothing = timeout(time, agent.arrival()).await;
    assert!(nothing.is_err(), "nothing but pings comes: {nothing:?}");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_goes_without_a_word_is_missed_within_3_s() {
    let world = world().await;
    let (mut agent, _) = Agent::connect(&world, "i1").await;
    let connected_at = changed_at(&world);
    assert_eq!(connected_at, Some(world.clock.now()));
    live(&mut agent, Duration::from_millis(15_300)).await;
    assert!(world.is_connected("i1"), "pings are answered");
    assert_eq!(changed_at(&world), connected_at);

    let gone = Instant::now();
    world.eventually("disconnected", |w| !w.is_connected("i1")).await;
    assert!(gone.elapsed() < Duration::from_secs(3), "{:?}", gone.elapsed());
    let missed_at = changed_at(&world);
    assert_eq!(missed_at, Some(world.clock.now()));
    assert_eq!(agent.ended().await, SessionEnd::Silent);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(changed_at(&world), missed_at, "once a change");
}

/// Its host has no power: what is sent goes nowhere, and is not taken at some point.
#[tokio::test(start_paused = true)]
async fn an_agent_that_is_sent_much_while_it_goes_is_missed_as_early() {
    let world = world().await;
    let (mut agent, _) = Agent::connect(&world, "i1").await;
    live(&mut agent, Duration::from_millis(4900)).await;
    let gone = Instant::now();
    for n in 0..200 {
        world.run_host_task(&format!("t{n}"), "i1").await;
        sleep(Duration::from_millis(5)).await;
    }
    world.eventually("disconnected", |w| !w.is_connected("i1")).await;
    assert!(gone.elapsed() < Duration::from_secs(3), "{:?}", gone.elapsed());
    assert_eq!(agent.ended().await, SessionEnd::Silent);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_takes_the_place_of_another_changes_no_connection() {
    let world = world().await;
    let (old, _) = Agent::connect(&world, "i1").await;
    let connected_at = changed_at(&world);
    sleep(Duration::from_secs(1)).await;
    let (mut new, _) = Agent::connect(&world, "i1").await;
    assert_eq!(old.ended().await, SessionEnd::Superseded);
    live(&mut new, Duration::from_secs(2)).await;
    assert!(world.is_connected("i1"));
    assert_eq!(changed_at(&world), connected_at);
}

/// It comes back without a task that it had, with one that was stopped meanwhile, and with one that nobody knows.
#[tokio::test(start_paused = true)]
async fn an_agent_that_returns_is_reconciled_and_told_nothing_twice() {
    let world = world().await;
    let (mut agent, _) = Agent::connect(&world, "i1").await;
    for id in ["runs", "stopped"] {
        world.run_host_task(id, "i1").await;
        let payload = agent.next_payload().await;
        agent.acknowledge(&payload).await;
        world.eventually("accepted", |w| w.task(id).times.connectivity_at.is_some()).await;
        world.report(id, ReportedStatus::Running).await;
    }
    world.eventually("disconnected", |w| !w.is_connected("i1")).await;
    assert_eq!(agent.ended().await, SessionEnd::Silent);
    world.stop("stopped").await;
    world.run_host_task("new", "i1").await;
    let before = world.store.snapshot().task_count();

    let (mut agent, manifest) = Agent::connect(&world, "i1").await;
    assert!(world.is_connected("i1"));
    assert_eq!(manifest.tasks.len(), 3);
    let payload = agent.next_payload().await;
    assert_eq!(entries(&payload), ["stopped Stopped", "new Running"]);
    agent.acknowledge(&payload).await;
    let candidates = ["stopped", "unknown"].map(|id| acs::TaskIdentifier {
        task_arn: format!("arn:aws:ecs:us-east-1:000000000000:task/default/{id}"),
        task_cluster_arn: String::new(),
        desired_status: acs::payload::DesiredStatus::Running,
    });
    let message_id = manifest.message_id.clone();
    agent.say(TaskStopVerificationMessage { message_id, stop_candidates: candidates.into() }).await;
    let ServerMessage::TaskStopVerificationAck(answer) = agent.next().await else { panic!("an answer") };
    assert_eq!(answer.stop_tasks.len(), 2, "{answer:?}");

    live(&mut agent, Duration::from_secs(10)).await;
    assert_eq!(world.status("runs"), "RUNNING");
    assert_eq!(world.store.snapshot().task_count(), before);
    assert!(
        matches!(timeout(Duration::from_secs(15), agent.arrival()).await, Ok(Arrival::Text(_))),
        "a heartbeat"
    );
}

/// A link that is two queues. `taken` is what the session said.
struct Queues {
    taken: mpsc::UnboundedSender<String>,
    given: mpsc::UnboundedReceiver<Frame>,
}

impl Frames for Queues {
    async fn next(&mut self) -> Result<Frame, SessionEnd> {
        self.given.recv().await.ok_or(SessionEnd::Closed)
    }

    async fn send(&mut self, text: String) -> Result<(), SessionEnd> {
        self.taken.send(text).map_err(|_| SessionEnd::Closed)
    }

    async fn ping(&mut self) -> Result<(), SessionEnd> {
        self.send("ping".to_owned()).await
    }

    async fn close(self, _: &SessionEnd) {
        // An agent that does not listen must not keep a session from its end.
        pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_runs_over_anything_that_carries_frames() {
    let world = world().await;
    let ((taken, mut said), (give, given)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let control = world.control.clone();
    let peer = peer("i1");
    let session = tokio::spawn(async move {
        control.serve_acs(Queues { taken, given }, peer, AcsQuery::default(), String::new()).await
    });
    world.run_host_task("t1", "i1").await;
    let start = Instant::now();
    let mut pings = 0;
    while start.elapsed() < Duration::from_secs(30) {
        let text = said.recv().await.expect("the session goes on");
        let answer: AgentMessage = match acs::decode_server(&text) {
            Err(_) => {
                assert_eq!(text, "ping");
                pings += 1;
                give.send(Frame::Pong).expect("the session goes on");
                continue;
            }
            Ok(ServerMessage::Heartbeat(h)) => HeartbeatAckRequest { message_id: h.message_id }.into(),
            Ok(ServerMessage::Payload(p)) => AckRequest {
                cluster: p.cluster_arn,
                container_instance: p.container_instance_arn,
                message_id: p.message_id,
            }
            .into(),
            Ok(_) => continue,
        };
        give.send(Frame::Text(acs::encode(&answer))).expect("the session goes on");
    }
    assert_eq!(pings, 30);
    assert!(world.task("t1").times.connectivity_at.is_some());
    drop(give);
    assert_eq!(session.await.expect("a session that does not panic"), SessionEnd::Closed);
}

/// What a flood of frames must not keep from an agent: news of its tasks, and pings.
#[tokio::test(start_paused = true)]
async fn an_agent_that_never_pauses_is_told_all_the_same() {
    struct Flood(mpsc::UnboundedSender<String>);
    impl Frames for Flood {
        async fn next(&mut self) -> Result<Frame, SessionEnd> {
            tokio::time::advance(Duration::from_millis(1)).await;
            Ok(Frame::Text("noise".to_owned()))
        }
        async fn send(&mut self, text: String) -> Result<(), SessionEnd> {
            self.0.send(text).map_err(|_| SessionEnd::Closed)
        }
        async fn ping(&mut self) -> Result<(), SessionEnd> {
            self.send("ping".to_owned()).await
        }
        async fn close(self, _: &SessionEnd) {}
    }
    let world = world().await;
    let (taken, mut said) = mpsc::unbounded_channel();
    let control = world.control.clone();
    let peer = peer("i1");
    tokio::spawn(
        async move { control.serve_acs(Flood(taken), peer, AcsQuery::default(), String::new()).await },
    );
    world.run_host_task("t1", "i1").await;
    let (mut pings, mut payloads) = (0, 0);
    while pings < 3 || payloads < 1 {
        let text = timeout(Duration::from_secs(60), said.recv()).await.expect("in time").expect("it goes on");
        pings += usize::from(text == "ping");
        payloads += usize::from(text.contains("PayloadMessage"));
    }
}
