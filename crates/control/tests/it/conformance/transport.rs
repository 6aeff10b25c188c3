//! The websocket below ACS: liveness, how links end, and when the agent comes again.

use super::{accepted, connect, open, world};
use control::SessionEnd;
use std::time::Duration;
use testkit::strict::ServerMessage;
use testkit::{Agent, Arrival, Reconnect};

#[tokio::test(start_paused = true)]
async fn an_instance_shows_what_its_agent_says_of_itself() {
    let world = world().await;
    let _link = connect(&world, &mut Agent::default()).await;
    let snapshot = world.store.snapshot();
    let instance = snapshot.instance(&crate::world::scope(), &"i1".into()).expect("a known instance");
    let said = [&instance.agent_version, &instance.agent_hash, &instance.docker_version];
    assert_eq!(said, ["1.105.1", "a8b3e7d3", "DockerVersion: 20.10.24+dfsg1"]);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_ends_its_link_after_half_an_hour_comes_again() {
    let world = world().await;
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    accepted(&world, &mut link, &mut agent, "t1").await;
    link.close(1000, "ConnectionExpired: Reconnect to continue").await;
    assert_eq!(link.ended().await, SessionEnd::Closed);
    connect(&world, &mut agent).await;
    assert!(world.is_connected("i1"));
    assert_eq!(world.status("t1"), "PENDING");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_is_a_closed_link() {
    let world = world().await;
    let mut agent = Agent::default();
    let link = connect(&world, &mut agent).await;
    assert_eq!(link.hang_up().await, SessionEnd::Closed);
    connect(&world, &mut agent).await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_was_silent_comes_again_at_once() {
    let world = world().await;
    let mut link = connect(&world, &mut Agent::default()).await;
    // The heartbeat is not answered.
    assert!(matches!(link.arrival().await, Arrival::Text(_)));
    let Arrival::End(code) = link.arrival().await else { panic!("the end") };
    assert_eq!(Reconnect::after_close(code), Reconnect::AtOnce);
    assert_eq!(link.ended().await, SessionEnd::Silent);
}

/// Two agents with one identity would throw each other out for ever, were they to come again at once.
#[tokio::test(start_paused = true)]
async fn an_agent_whose_place_was_taken_comes_again_later() {
    let world = world().await;
    let mut old = connect(&world, &mut Agent::default()).await;
    let _new = connect(&world, &mut Agent::default()).await;
    let Arrival::End(code) = old.arrival().await else { panic!("the end") };
    assert_eq!(Reconnect::after_close(code), Reconnect::Later);
    assert_eq!(old.ended().await, SessionEnd::Superseded);
}

#[tokio::test(start_paused = true)]
async fn a_control_plane_that_goes_is_looked_for_at_once() {
    let world = world().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let control = world.control.clone();
    let running = tokio::spawn(async move {
        control
            .run(async {
                let _ = stopped.await;
            })
            .await;
    });
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    accepted(&world, &mut link, &mut agent, "t1").await;
    stop.send(()).expect("it runs");
    let Arrival::End(code) = link.arrival().await else { panic!("the end") };
    assert_eq!(Reconnect::after_close(code), Reconnect::AtOnce);
    assert_eq!(link.ended().await, SessionEnd::Shutdown);
    running.await.expect("no panic");
    let world = world.restart();
    connect(&world, &mut agent).await;
    assert_eq!(world.status("t1"), "PENDING", "what runs, runs on");
}

#[tokio::test(start_paused = true)]
async fn any_message_of_the_agent_proves_that_it_lives() {
    let world = world().await;
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    for _ in 0..3 {
        // Not the answer to the heartbeat, but something.
        assert!(matches!(link.next().await, acs::ServerMessage::Heartbeat(_)));
        link.say_text(r#"{"type":"Novelty","message":{}}"#).await;
    }
    assert!(matches!(link.step(&mut agent).await, ServerMessage::Heartbeat(_)));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_acknowledged_is_sent_once_on_each_link() {
    let world = world().await;
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    world.run_host_task("t1", "i1").await;
    link.next_payload().await;
    // On this link nothing of it comes again.
    let start = tokio::time::Instant::now();
    while start.elapsed() < Duration::from_secs(600) {
        assert!(matches!(link.step(&mut agent).await, ServerMessage::Heartbeat(_)));
    }
    link.hang_up().await;
    let mut link = open(&world, false).await;
    assert!(matches!(link.step(&mut agent).await, ServerMessage::Manifest(_)));
    assert_eq!(super::payload(&mut link, &mut agent).await.tasks.expect("tasks").len(), 1);
}
