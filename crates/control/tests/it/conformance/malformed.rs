//! Frames that nobody should send: each is dropped, and the link stays.

use super::{CLUSTER_ARN, accepted, connect, spoilt, task_arn, world};
use crate::world::arn;
use control::SessionEnd;
use serde_json::json;
use testkit::Agent;

const KINDS: [&str; 5] = [
    "HeartbeatAckRequest",
    "AckRequest",
    "NackRequest",
    "IAMRoleCredentialsAckRequest",
    "TaskStopVerificationMessage",
];

/// The link still carries a task to the agent and back.
async fn dropped(frames: Vec<Vec<u8>>) {
    let world = world().await;
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    for frame in frames {
        match String::from_utf8(frame) {
            Ok(text) => link.say_text(text).await,
            Err(error) => link.say_bytes(error.into_bytes()).await,
        }
    }
    let before = world.store.snapshot().all_tasks().count();
    accepted(&world, &mut link, &mut agent, "t1").await;
    assert_eq!(before, 0);
}

fn of_every_kind(message: &str) -> Vec<Vec<u8>> {
    KINDS.iter().map(|kind| format!(r#"{{"type":"{kind}","message":{message}}}"#).into_bytes()).collect()
}

#[tokio::test(start_paused = true)]
async fn frames_that_are_none() {
    let texts = [
        "",
        " ",
        "{",
        "[]",
        "null",
        "7",
        "\"AckRequest\"",
        "{}",
        r#"{"type":7,"message":{}}"#,
        r#"{"message":{}}"#,
    ];
    dropped(texts.iter().map(|text| text.as_bytes().to_vec()).collect()).await;
}

#[tokio::test(start_paused = true)]
async fn messages_that_are_no_objects() {
    for message in ["null", "7", "true", "\"text\"", "[[]]"] {
        dropped(of_every_kind(message)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn members_of_wrong_types() {
    for value in ["7", "1.5", "{}", "[]", "true", "null"] {
        dropped(of_every_kind(&format!(r#"{{"messageId":{value}}}"#))).await;
    }
    let candidates = [
        json!("t1"),
        json!({}),
        json!([7]),
        json!([{ "desiredStatus": "RUNNING" }]),
        json!([{ "taskArn": "t1", "desiredStatus": "FLYING" }]),
        json!([{ "taskArn": {}, "desiredStatus": "RUNNING" }]),
    ];
    let frame = |candidates| {
        let message = json!({ "messageId": "m1", "stopCandidates": candidates });
        json!({ "type": "TaskStopVerificationMessage", "message": message }).to_string().into_bytes()
    };
    dropped(candidates.into_iter().map(frame).collect()).await;
}

#[tokio::test(start_paused = true)]
async fn missing_members() {
    let kinds = ["AckRequest", "NackRequest", "IAMRoleCredentialsAckRequest", "TaskStopVerificationMessage"];
    let frame = |kind: &&str| format!(r#"{{"type":"{kind}","message":{{}}}}"#).into_bytes();
    dropped(kinds.iter().map(frame).collect()).await;
    dropped(KINDS.iter().map(|kind| format!(r#"{{"type":"{kind}"}}"#).into_bytes()).collect()).await;
}

#[tokio::test(start_paused = true)]
async fn unknown_types_and_messages_of_the_other_direction() {
    let kinds = ["", "Novelty", "PayloadMessage", "HeartbeatMessage", "PublishMetricsRequest", "ackrequest"];
    let frame = |kind: &&str| format!(r#"{{"type":"{kind}","message":{{"messageId":"m1"}}}}"#).into_bytes();
    dropped(kinds.iter().map(frame).collect()).await;
}

#[tokio::test(start_paused = true)]
async fn answers_out_of_order() {
    // To messages that were never sent. A question is answered at any time.
    let mut answers = of_every_kind(r#"{"messageId":"never sent","credentialsId":"c","reason":"r"}"#);
    answers.retain(|frame| !String::from_utf8_lossy(frame).contains("TaskStopVerificationMessage"));
    assert_eq!(answers.len(), KINDS.len() - 1);
    dropped(answers).await;
}

#[tokio::test(start_paused = true)]
async fn deep_nesting() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    dropped(of_every_kind(&deep)).await;
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_text() {
    dropped(vec![vec![0xff, 0xfe], vec![0xc3, 0x28], vec![0x80; 1000]]).await;
}

#[tokio::test(start_paused = true)]
async fn a_binary_frame_with_text_in_it_is_read() {
    let world = world().await;
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    world.run_host_task("t1", "i1").await;
    for answer in agent.hear(&link.text().await).answers {
        link.say_bytes(answer.into_bytes()).await;
    }
    world.eventually("accepted", |w| w.task("t1").times.connectivity_at.is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn a_frame_beyond_the_limit_ends_the_link_and_the_agent_comes_again() {
    let world = world().await;
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    link.shout(" ".repeat(acs::FRAME_BYTES_MAX + 1)).await;
    assert!(matches!(link.ended().await, SessionEnd::Link(_)));
    let mut link = connect(&world, &mut agent).await;
    accepted(&world, &mut link, &mut agent, "t1").await;
}

/// Each message that agents send, spoilt in each member in turn. A question that is still one is answered.
#[tokio::test(start_paused = true)]
async fn every_member_missing_of_another_type_or_huge() {
    let world = world().await;
    let mut agent = Agent::default();
    let mut link = connect(&world, &mut agent).await;
    let before = world.store.snapshot().revision();
    let candidates =
        json!([{ "taskArn": task_arn("t1"), "taskClusterArn": CLUSTER_ARN, "desiredStatus": "STOPPED" }]);
    let message = json!({
        "cluster": CLUSTER_ARN, "containerInstance": arn("i1"), "messageId": "m1", "reason": "r",
        "credentialsId": "c", "expiration": "e", "stopCandidates": candidates,
    });
    let question = |id: &str| {
        let message = json!({ "messageId": id, "stopCandidates": [] });
        json!({ "type": "TaskStopVerificationMessage", "message": message }).to_string()
    };
    for (n, kind) in KINDS.iter().enumerate() {
        for (m, frame) in spoilt::each(&json!({ "type": kind, "message": message })).iter().enumerate() {
            link.say_text(frame.to_string()).await;
            let last = format!("last-{n}-{m}");
            link.say_text(question(&last)).await;
            while !link.text().await.contains(&last) {}
        }
    }
    assert_eq!(world.store.snapshot().revision(), before);
    accepted(&world, &mut link, &mut agent, "t1").await;
}
