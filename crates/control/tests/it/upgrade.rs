//! The HTTP side: a real upgrade through hyper, and every refusal.

use crate::agent::{Agent, ORIGIN};
use crate::conformance::acs::put_logging_task;
use crate::world::{World, instance, scope};
use acs::link::AcsQuery;
use acs::{Refusal, RefusalKind, ServerMessage};
use control::{ACS_ENDPOINT_PATH, TCS_ENDPOINT_PATH, is_agent_path};
use http::{HeaderMap, Request, StatusCode};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use model::Scope;
use model::instance::InstanceStatus;
use model::time::Clock;
use std::convert::Infallible;
use testkit::{Link, Reconnect, Refused};
use tokio::io::DuplexStream;
use wire::Cx;

const ARN: &str = "arn:aws:ecs:us-east-1:000000000000:container-instance/default/i1";

fn query(cluster: &str, container_instance_arn: &str) -> String {
    let container_instance_arn = container_instance_arn.to_owned();
    AcsQuery { cluster: cluster.into(), container_instance_arn, ..AcsQuery::default() }.encode()
}

/// As the door leaves a caller.
fn cx(scope: Scope) -> Cx {
    Cx {
        caller_arn: format!("arn:aws:iam::{}:root", scope.account),
        scope,
        access_key: "AKIDEXAMPLE".into(),
        request_id: "r".into(),
        origin: ORIGIN.into(),
        user_agent: String::new(),
    }
}

/// A connection of `caller` to a listener as the binary has it.
async fn connect(world: &World, caller: Scope, path_and_query: &str) -> Result<Link<DuplexStream>, Refused> {
    let (here, there) = tokio::io::duplex(1 << 16);
    let (control, caller) = (world.control.clone(), cx(caller));
    let service = service_fn(move |mut request| {
        let response = control.upgrade(&mut request, &caller);
        async move { Ok::<_, Infallible>(response) }
    });
    tokio::spawn(async move {
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(there), service);
        connection.with_upgrades().await
    });
    Link::open(here, &format!("ws://127.0.0.1:4566{path_and_query}"), HeaderMap::new()).await
}

async fn world() -> World {
    let world = World::new();
    world.put_instance("i1").await;
    let mut gone = instance("gone");
    gone.status = InstanceStatus::Inactive;
    world.write(|tx| tx.put(gone)).await;
    world
}

#[tokio::test]
async fn an_agent_is_let_in_with_its_clusters_name_or_arn() {
    let world = world().await;
    for cluster in ["default", "arn:aws:ecs:us-east-1:000000000000:cluster/default"] {
        let path = format!("{ACS_ENDPOINT_PATH}/ws?{}", query(cluster, ARN));
        let mut socket = connect(&world, scope(), &path).await.expect("an open door");
        assert!(matches!(socket.next().await, ServerMessage::TaskManifest(_)));
    }
}

/// The agent's way to the control plane is its Docker daemon's too.
#[tokio::test]
async fn a_docker_daemon_ships_logs_to_where_its_agent_called() {
    let world = world().await;
    put_logging_task(&world).await;
    let docker = AcsQuery {
        container_instance_arn: ARN.into(),
        docker_version: "DockerVersion: 20.10.24".into(),
        ..AcsQuery::default()
    };
    let path = format!("{ACS_ENDPOINT_PATH}/ws?{}", docker.encode());
    let mut socket = connect(&world, scope(), &path).await.expect("an open door");
    socket.next().await;
    let payload = socket.next_payload().await;
    let host = payload.tasks[0].containers[0].docker_config.host_config().expect("a document");
    let log = host.log_config.expect("a driver");
    assert_eq!(log.config.get("awslogs-endpoint").map(String::as_str), Some(ORIGIN));
}

#[tokio::test]
async fn telemetry_is_signed_for_the_url_of_its_upgrade() {
    let world = world().await;
    let (_, mut signer) = Agent::telemetry(&world, "i1").await;
    let target = format!("{}?{}", signer.path, signer.query);
    assert_eq!(signer.path, format!("{TCS_ENDPOINT_PATH}/ws"));
    let mut socket = connect(&world, scope(), &target).await.expect("an open door");
    let message = testkit::telemetry::idle_metrics("default", ARN);
    signer.query.push_str("&more=1");
    socket.say_text(signer.frame(&message, world.clock.now())).await;
    signer.query.truncate(signer.query.len() - "&more=1".len());
    socket.say_text(signer.frame(&message, world.clock.now())).await;
    assert_eq!(socket.text().await, r#"{"type":"AckPublishMetric","message":{"message":""}}"#);
}

#[tokio::test]
async fn everybody_else_is_refused_in_words_that_agents_know() {
    let world = world().await;
    let other = Scope::new("111111111111", "us-east-1");
    let arn = |id: &str| ARN.replace("i1", id);
    let rows = [
        (scope(), query("default", &arn("gone")), RefusalKind::InactiveInstanceException, 400),
        (scope(), query("default", &arn("i2")), RefusalKind::InvalidInstanceException, 400),
        (scope(), query("default", "i1"), RefusalKind::InvalidInstanceException, 400),
        (scope(), query("prod", ARN), RefusalKind::InvalidClusterException, 400),
        (other, query("default", ARN), RefusalKind::AccessDeniedException, 403),
    ];
    for (caller, query, kind, status) in rows {
        let refused = connect(&world, caller, &format!("/acs/ws?{query}")).await;
        let Err(refused) = refused else { panic!("{query} was let in") };
        assert_eq!(refused.status, status, "{query}");
        assert_eq!(Refusal::from_body(&refused.body).map(|r| r.kind), Some(kind), "{query}");
        let in_an_hour = kind == RefusalKind::InactiveInstanceException;
        let expected = if in_an_hour { Reconnect::InAnHour } else { Reconnect::Later };
        assert_eq!(Reconnect::after_refusal(&refused.body), expected, "{query}");
    }
}

#[tokio::test]
async fn a_plain_request_is_no_upgrade() {
    let world = world().await;
    let mut request = Request::get(format!("/acs/ws?{}", query("default", ARN))).body(()).expect("a request");
    let response = world.control.upgrade(&mut request, &cx(scope()));
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let paths = ["/acs/ws", "/tcs/ws", "/acs", "/ws", "/acs/ws/", "/"];
    assert_eq!(paths.map(is_agent_path), [true, true, false, false, false, false]);
}
