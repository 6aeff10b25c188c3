//! Frames byte for byte, round trips, and frames that nobody should send.

use acs::payload::{
    Config, Container, ContainerDependency, DependencyCondition, DesiredStatus, DockerConfig, HostConfig,
    LogConfig, PortMapping, Task, TransportProtocol,
};
use acs::tcs::{Metadata, PublishMetricsRequest, SignedFrame, TelemetryAnswer, TelemetryMessage};
use acs::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn web_task() -> Task {
    let host_config = HostConfig {
        network_mode: "host".into(),
        log_config: Some(LogConfig {
            driver: "awslogs".into(),
            config: BTreeMap::from([("awslogs-group".into(), "/ecs/web".into())]),
        }),
        ..HostConfig::default()
    };
    let config = Config { user: Some("nobody".into()), ..Config::default() };
    Task {
        arn: "arn:aws:ecs:us-east-1:000000000000:task/default/0123".into(),
        family: "web".into(),
        version: "3".into(),
        cpu: Some(0.25),
        memory: Some(512),
        containers: vec![Container {
            name: "web".into(),
            image: "nginx".into(),
            essential: true,
            depends_on: vec![ContainerDependency {
                container_name: "init".into(),
                condition: DependencyCondition::Success,
            }],
            port_mappings: vec![PortMapping {
                container_port: 80,
                container_port_range: String::new(),
                host_port: 8080,
                protocol: TransportProtocol::Tcp,
            }],
            docker_config: DockerConfig::new(&config, &host_config),
            ..Container::default()
        }],
        ..Task::default()
    }
}

#[test]
fn a_payload_is_written_in_the_agents_words() {
    let payload = PayloadMessage {
        message_id: "m1".into(),
        cluster_arn: "c".into(),
        container_instance_arn: "i".into(),
        seq_num: Some(7),
        generated_at: None,
        tasks: vec![web_task(), Task::stop("gone".into())],
    };
    let text = encode(&ServerMessage::from(payload.clone()));
    let expected = concat!(
        r#"{"type":"PayloadMessage","message":{"messageId":"m1","clusterArn":"c","containerInstanceArn":"i","seqNum":7,"#,
        r#""tasks":[{"arn":"arn:aws:ecs:us-east-1:000000000000:task/default/0123","desiredStatus":"RUNNING","#,
        r#""family":"web","version":"3","containers":[{"name":"web","image":"nginx","cpu":0,"memory":0,"#,
        r#""essential":true,"environment":{},"overrides":"{}","#,
        r#""portMappings":[{"containerPort":80,"hostPort":8080,"protocol":"tcp"}],"#,
        r#""dependsOn":[{"containerName":"init","condition":"SUCCESS"}],"#,
        r#""dockerConfig":{"version":"1.17","config":"{\"User\":\"nobody\"}","hostConfig":"{\"NetworkMode\":\"host\","#,
        r#"\"LogConfig\":{\"Type\":\"awslogs\",\"Config\":{\"awslogs-group\":\"/ecs/web\"}}}"}}],"#,
        r#""cpu":0.25,"memory":512},{"arn":"gone","desiredStatus":"STOPPED"}]}}"#,
    );
    assert_eq!(text, expected);
    assert_eq!(decode_server(&text).expect("our own frame"), ServerMessage::Payload(payload));
}

#[test]
fn what_the_official_agent_writes_is_understood() {
    let ack = r#"{"type":"AckRequest","message":{"cluster":"c","containerInstance":"i","messageId":"m","new":[1]}}"#;
    let expected = AckRequest { cluster: "c".into(), container_instance: "i".into(), message_id: "m".into() };
    assert_eq!(decode_agent(ack).expect("an ack"), AgentMessage::Ack(expected));
    let unknown = decode_agent(r#"{"message":{"a":{"b":[]}},"type":"Novelty"}"#).expect("a frame");
    assert_eq!(unknown, AgentMessage::Unknown { kind: "Novelty".into() });
}

#[test]
fn a_frame_of_another_shape_is_refused_with_its_place() {
    let refused = |text: &str| decode_server(text).expect_err("no frame").to_string();
    assert!(refused("").starts_with("not a frame"), "{}", refused(""));
    assert!(refused(r#"{"message":{}}"#).contains("missing field `type`"));
    assert!(refused(r#"{"type":"HeartbeatMessage"}"#).contains("missing field `message`"));
    let object_for_text =
        r#"{"type":"PayloadMessage","message":{"messageId":{},"clusterArn":"","containerInstanceArn":""}}"#;
    assert!(refused(object_for_text).starts_with("a malformed PayloadMessage: invalid type: map"));
    let fraction = r#"{"type":"TaskManifestMessage","message":{"messageId":"","timeline":1.5,"clusterArn":"","containerInstanceArn":""}}"#;
    assert!(refused(fraction).contains("expected i64"));
}

#[test]
fn long_and_deep_frames_are_refused_unread() {
    let long = " ".repeat(FRAME_BYTES_MAX + 1);
    assert!(matches!(decode_agent(&long), Err(DecodeError::TooLong(_))));
    let deep = format!(r#"{{"type":"AckRequest","message":{}{}}}"#, "[".repeat(1 << 20), "]".repeat(1 << 20));
    assert!(matches!(decode_agent(&deep), Err(DecodeError::Malformed { .. })));
}

#[test]
fn telemetry_is_split_at_the_first_empty_line() {
    let message = TelemetryMessage::from(PublishMetricsRequest {
        metadata: Metadata { idle: true, fin: true, ..Metadata::default() },
        task_metrics: vec![],
        timestamp: Some(1795235832.957),
    });
    let body = tcs::encode_body(&message);
    let frame = SignedFrame { headers: vec![("Host", "127.0.0.1:4566"), ("X-Amz-Date", "now")], body: &body };
    let text = frame.to_text();
    let read = SignedFrame::split(&text).expect("our own frame");
    assert_eq!(read, frame);
    assert_eq!(read.header("x-amz-date"), Some("now"));
    assert_eq!(read.message().expect("our own message"), message);
    assert!(SignedFrame::split("{}").is_err());
    assert!(SignedFrame::split("no colon\r\n\r\n{}").is_err());
}

#[test]
fn secrets_are_not_in_debug_output() {
    let credentials = RoleCredentials {
        credentials_id: "id".into(),
        role_arn: String::new(),
        access_key_id: "ASIA".into(),
        secret_access_key: "hush".into(),
        session_token: "quiet".into(),
        expiration: String::new(),
    };
    let shown = format!("{credentials:?}");
    assert!(!shown.contains("hush") && !shown.contains("quiet"), "{shown}");
}

#[test]
fn refusals_read_back() {
    let refusal = Refusal { kind: RefusalKind::InactiveInstanceException, message: "gone".into() };
    assert_eq!(refusal.body(), r#"{"type":"InactiveInstanceException","message":{"message":"gone"}}"#);
    assert_eq!(Refusal::from_body(&refusal.body()), Some(refusal));
    assert_eq!(Refusal::from_body("<html>"), None);
}

fn task() -> impl Strategy<Value = Task> {
    let environment = proptest::collection::btree_map(".*", ".*", 0..3);
    (".*", any::<bool>(), environment, any::<Option<i64>>(), any::<u32>()).prop_map(
        |(arn, run, environment, memory, cpu)| Task {
            arn,
            desired_status: if run { DesiredStatus::Running } else { DesiredStatus::Stopped },
            memory,
            containers: vec![Container { environment, cpu, ..Container::default() }],
            ..Task::default()
        },
    )
}

/// Byte for byte, since signatures have to agree on what it means.
#[test]
fn queries_are_written_as_the_official_agent_writes_them() {
    let acs = link::AcsQuery {
        cluster: "default".into(),
        container_instance_arn: "arn:aws:ecs:us-east-1:000000000000:container-instance/default/i1".into(),
        agent_version: "1.105.1".into(),
        agent_hash: "a8b3e7d3".into(),
        docker_version: "DockerVersion: 20.10.24+dfsg1~1".into(),
        protocol_version: 2,
        send_credentials: true,
    };
    let arn = "arn%3Aaws%3Aecs%3Aus-east-1%3A000000000000%3Acontainer-instance%2Fdefault%2Fi1";
    let written = format!(
        "agentHash=a8b3e7d3&agentVersion=1.105.1&clusterArn=default&containerInstanceArn={arn}\
         &dockerVersion=DockerVersion%3A+20.10.24%2Bdfsg1~1&protocolVersion=2&sendCredentials=true&seqNum=1"
    );
    assert_eq!(acs.encode(), written);
    let tcs = link::TcsQuery {
        cluster: acs.cluster.clone(),
        container_instance: acs.container_instance_arn.clone(),
        agent_version: acs.agent_version.clone(),
        agent_hash: acs.agent_hash.clone(),
        docker_version: "20.10.24 x".into(),
    };
    let written = format!(
        "agentHash=a8b3e7d3&agentVersion=1.105.1&cluster=default&containerInstance={arn}&dockerVersion=20.10.24+x"
    );
    assert_eq!(tcs.encode(), written);
    assert_eq!((link::AcsQuery::decode(&acs.encode()), link::TcsQuery::decode(&written)), (acs, tcs));
}

proptest! {
    #[test]
    fn payloads_round_trip(message_id in ".*", seq_num in any::<Option<i64>>(), tasks in proptest::collection::vec(task(), 0..3)) {
        let message = ServerMessage::from(PayloadMessage { message_id, seq_num, tasks, ..PayloadMessage::default() });
        prop_assert_eq!(decode_server(&encode(&message)).expect("our own frame"), message);
    }

    #[test]
    fn queries_round_trip(cluster in ".*", arn in ".*", send_credentials in any::<bool>(), protocol_version in any::<u32>()) {
        let query = link::AcsQuery { cluster, container_instance_arn: arn, send_credentials, protocol_version, ..Default::default() };
        prop_assert_eq!(link::AcsQuery::decode(&query.encode()), query);
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".*", kind in prop::sample::select(KINDS), message in ".*") {
        never_panics(&text);
        never_panics(&format!(r#"{{"type":"{kind}","message":{message}}}"#));
    }

    #[test]
    fn arbitrary_json_never_panics(kind in prop::sample::select(KINDS), message in json()) {
        never_panics(&format!(r#"{{"type":"{kind}","message":{message}}}"#));
    }
}

const KINDS: &[&str] = &[
    "HeartbeatMessage",
    "PayloadMessage",
    "IAMRoleCredentialsMessage",
    "AttachTaskNetworkInterfacesMessage",
    "ConfirmAttachmentMessage",
    "TaskManifestMessage",
    "TaskStopVerificationAck",
    "AckRequest",
    "NackRequest",
    "TaskStopVerificationMessage",
    "PublishMetricsRequest",
    "PublishHealthRequest",
    "PublishInstanceStatusRequest",
];

fn never_panics(text: &str) {
    let _ = decode_server(text);
    let _ = decode_agent(text);
    let _ = decode::<TelemetryAnswer>(text);
    let _ = SignedFrame::split(text).map(|frame| frame.message());
    let _ = decode::<TelemetryMessage>(text);
}

fn json() -> impl Strategy<Value = String> {
    let name =
        prop::sample::select(&["messageId", "tasks", "arn", "desiredStatus", "containers", "metadata", "x"]);
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("\"RUNNING\"".to_owned()),
        any::<f64>().prop_filter("JSON has no NaN", |n| n.is_finite()).prop_map(|n| n.to_string()),
        any::<bool>().prop_map(|b| b.to_string()),
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        let members = proptest::collection::vec((name.clone(), inner.clone()), 0..4);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(|v| format!("[{}]", v.join(","))),
            members.prop_map(|m| {
                let members: Vec<_> = m.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}
