//! What a hostile container can do: nothing.

use super::fake::Fake;
use super::{ask, exchange, get, serve, serve_limited};
use crate::RateLimit;
use crate::places::FROM_ONE_MAX;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn who_asks_too_often_is_refused_and_others_are_not() {
    let servers = serve_limited(Fake::default(), RateLimit { steady: 0, burst: 60 }).await;
    for _ in 0..60 {
        assert!(get(servers.tasks, "/v4/web").await.starts_with("200 "));
    }
    let refusal = "429 text/plain; charset=utf-8\nYou have reached maximum request limit.";
    assert_eq!(get(servers.tasks, "/v4/web/task").await, refusal);
    assert!(get(servers.tasks, "/v4/sidecar").await.starts_with("200 "));
}

#[tokio::test]
async fn one_peer_has_its_share_of_connections() {
    let servers = serve(Fake::default()).await;
    let mut open = Vec::new();
    for _ in 0..FROM_ONE_MAX {
        let mut stream = TcpStream::connect(servers.tasks).await.unwrap();
        stream.write_all(b"GET /v4/web HTTP/1.1\r\n").await.unwrap();
        open.push(stream);
    }
    let request = b"GET /v4/web HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert_eq!(exchange(servers.tasks, request).await, "", "closed without an answer");
    let mut first = open.swap_remove(0);
    first.write_all(b"host: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    first.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    // Its place is free once the server has seen its end, too.
    let freed = async { while exchange(servers.tasks, request).await.is_empty() {} };
    tokio::time::timeout(Duration::from_secs(10), freed).await.unwrap();
}

#[tokio::test]
async fn large_requests_are_refused() {
    let servers = serve(Fake::default()).await;
    let path = "/api/web/task-protection/v1/state";
    let answer = ask(servers.tasks, "PUT", path, &" ".repeat(5_000)).await;
    assert!(answer.starts_with("413 "), "{answer}");
    let head = format!("GET /v4/{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(64 << 10));
    let answer = exchange(servers.tasks, head.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert!(get(servers.tasks, "/v4/web").await.starts_with("200 "));
}

#[tokio::test]
async fn what_is_not_http_closes_the_connection() {
    let servers = serve(Fake::default()).await;
    for noise in [
        &b"\0\xff\x16\x03\x01 not http at all\r\n\r\n"[..],
        b"GET /v4/%ff%00 HTTP/9.9\r\n\r\n",
        b"\r\n\r\n\r\nA\r\n\r\n",
    ] {
        let answer = exchange(servers.tasks, noise).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert!(get(servers.tasks, "/v4/web").await.starts_with("200 "));
}

#[tokio::test(start_paused = true)]
async fn slow_requests_and_a_silent_control_plane_are_not_waited_for() {
    let servers = serve(Fake { silent: true, ..Fake::default() }).await;
    let start = tokio::time::Instant::now();
    let mut stream = TcpStream::connect(servers.tasks).await.unwrap();
    let mut nothing = Vec::new();
    let _ = stream.read_to_end(&mut nothing).await;
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());

    let start = tokio::time::Instant::now();
    let mut idle = TcpStream::connect(servers.tasks).await.unwrap();
    idle.write_all(b"GET /v4/web HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = idle.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "answered, and closed when nothing more came");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());

    let answer = get(servers.tasks, "/api/web/task-protection/v1/state").await;
    assert!(answer.starts_with("504 ") && answer.contains("Timed out calling ECS"), "{answer}");
    let answer = get(servers.tasks, "/v4/web/taskWithTags").await;
    assert!(answer.starts_with("200 ") && answer.matches("\"RequestCanceled\"").count() == 2, "{answer}");
    assert!(!answer.contains("EphemeralStorageMetrics"), "what was not counted in time is absent: {answer}");
}
