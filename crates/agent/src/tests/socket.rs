//! Links over real sockets.

use crate::fake::FakeClock;
use crate::socket::Socket;
use crate::upstream::{Link, LinkEnd, Upstream, UpstreamError};
use crate::{AwsUpstream, tests::arn};
use acs::RefusalKind;
use acs::link::{AcsQuery, TcsQuery};
use acs::tcs::SignedFrame;
use core_task::report::Report;
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use wire::client::{Connector, Trust};

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    (listener, endpoint)
}

fn upstream(endpoint: &str) -> AwsUpstream {
    let credentials = wire::client::Credentials {
        access_key: "AKIA".to_owned(),
        secret_key: "secret".to_owned(),
        session_token: None,
    };
    let clock = Arc::new(FakeClock::default());
    let connector = Connector::new(Trust::Nobody, clock.clone()).unwrap();
    AwsUpstream::new(endpoint, connector, credentials, "us-east-1", clock).unwrap()
}

/// Upgrades one connection, echoes one frame, closes with `code`; answers with the request line and the signature.
#[allow(clippy::result_large_err, reason = "the library's callback")]
fn echo(listener: TcpListener, code: CloseCode) -> JoinHandle<(String, String)> {
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut seen = (String::new(), String::new());
        let callback = |request: &Request, response: Response| {
            let signature = request.headers()["authorization"].to_str().unwrap().to_owned();
            seen = (request.uri().to_string(), signature);
            Ok(response)
        };
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, callback).await.unwrap();
        let frame = socket.next().await.unwrap().unwrap();
        socket.send(frame).await.unwrap();
        socket.close(Some(CloseFrame { code, reason: "bye".into() })).await.unwrap();
        seen
    })
}

#[tokio::test]
async fn an_acs_link_is_a_signed_upgrade_that_carries_frames() {
    let (listener, endpoint) = listen().await;
    let server = echo(listener, CloseCode::Away);
    let query = AcsQuery { container_instance_arn: arn("x y"), ..AcsQuery::default() };
    let mut link = upstream(&endpoint).open_acs(&format!("{endpoint}/acs/"), &query).await.unwrap();
    link.send("hello".to_owned()).await.unwrap();
    assert_eq!(link.next().await.unwrap(), "hello");
    assert_eq!(link.next().await.unwrap_err(), LinkEnd::Closed);
    let (target, signature) = server.await.unwrap();
    assert_eq!(AcsQuery::decode(target.split_once('?').unwrap().1), query);
    assert!(target.starts_with("/acs/ws?"), "{target}");
    assert!(signature.contains("/us-east-1/ecs/aws4_request"), "{signature}");
}

#[tokio::test]
async fn telemetry_frames_are_signed_and_a_policy_close_is_a_failure() {
    let (listener, endpoint) = listen().await;
    let server = echo(listener, CloseCode::Policy);
    let mut link = upstream(&endpoint).open_tcs(&endpoint, &TcsQuery::default()).await.unwrap();
    link.send(r#"{"type":"X","message":{}}"#.to_owned()).await.unwrap();
    let text = link.next().await.unwrap();
    let frame = SignedFrame::split(&text).unwrap();
    assert_eq!(frame.body, r#"{"type":"X","message":{}}"#);
    assert!(frame.header("Authorization").unwrap().starts_with("AWS4-HMAC-SHA256"));
    assert!(frame.header("X-Amz-Date").is_some() && frame.header("Host").is_some());
    assert!(matches!(link.next().await.unwrap_err(), LinkEnd::Failed(_)));
    server.await.unwrap();
}

/// It takes the connection, and never says anything: the call is given up, and tried again by who wants it.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_never_answered_ends() {
    let (listener, endpoint) = listen().await;
    let upstream = upstream(&endpoint);
    let called_at = tokio::time::Instant::now();
    let error = upstream.submit("default", &arn("t1"), &Report::default()).await.unwrap_err();
    assert_eq!(error, UpstreamError::Transport(format!("no answer from {endpoint}/ within 42 s")));
    assert_eq!(called_at.elapsed().as_secs(), 42);
    drop(listener);
}

/// Answers one connection with this HTTP response.
async fn answer(listener: TcpListener, response: String) {
    let (mut stream, _): (TcpStream, _) = listener.accept().await.unwrap();
    let mut request = [0; 4096];
    let read = stream.read(&mut request).await.unwrap();
    assert!(read > 0);
    stream.write_all(response.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_refused_upgrade_says_why() {
    let (listener, endpoint) = listen().await;
    let refusal =
        acs::Refusal { kind: RefusalKind::InactiveInstanceException, message: "deregistered".into() };
    let body = refusal.body();
    let response = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let server = tokio::spawn(answer(listener, response));
    let error = upstream(&endpoint).open_acs(&endpoint, &AcsQuery::default()).await.err().unwrap();
    let kind = RefusalKind::InactiveInstanceException;
    assert_eq!(error, UpstreamError::Refused { kind, message: "deregistered".into() });
    server.await.unwrap();
}

/// Both ends of a websocket over a pipe: the agent's link, and what a control plane has of it.
async fn pipe() -> (Socket, WebSocketStream<DuplexStream>) {
    let (here, there) = tokio::io::duplex(1 << 16);
    let here = WebSocketStream::from_raw_socket(here, Role::Client, None).await;
    (Socket::over(here), WebSocketStream::from_raw_socket(there, Role::Server, None).await)
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_while_the_agent_is_busy() {
    let (_busy, mut server) = pipe().await;
    server.send(Message::text("something to do")).await.unwrap();
    for _ in 0..3 {
        server.send(Message::Ping(Vec::new().into())).await.unwrap();
        let answer = timeout(Duration::from_secs(1), server.next()).await.expect("an answer");
        assert!(matches!(answer, Some(Ok(Message::Pong(_)))), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_on_which_pings_came_is_dead_when_none_come_any_more() {
    let (mut link, mut server) = pipe().await;
    for _ in 0..15 {
        server.send(Message::Ping(Vec::new().into())).await.unwrap();
        let nothing = timeout(Duration::from_secs(1), link.next()).await;
        assert!(nothing.is_err(), "{nothing:?}");
    }
    let end = timeout(Duration::from_millis(9500), link.next()).await.expect("an end");
    assert!(matches!(end, Err(LinkEnd::Failed(_))), "{end:?}");
}

/// AWS's control plane sends none.
#[tokio::test(start_paused = true)]
async fn a_link_without_pings_may_be_silent() {
    let (mut link, mut server) = pipe().await;
    let nothing = timeout(Duration::from_secs(50), link.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    server.send(Message::text("late")).await.unwrap();
    assert_eq!(link.next().await.unwrap(), "late");
}

#[tokio::test(start_paused = true)]
async fn a_link_that_nobody_has_any_more_ends() {
    let (link, mut server) = pipe().await;
    drop(link);
    let end = timeout(Duration::from_secs(1), server.next()).await.expect("an end");
    assert!(!matches!(end, Some(Ok(_))), "{end:?}");
}
