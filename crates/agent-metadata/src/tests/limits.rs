//! What a hostile container can do: nothing.

use super::fake::Fake;
use super::{ask, exchange, get, serve, serve_limited};
use crate::RateLimit;
use std::time::Duration;
use tokio::io::AsyncReadExt;

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
    let mut stream = tokio::net::TcpStream::connect(servers.tasks).await.unwrap();
    let mut nothing = Vec::new();
    let _ = stream.read_to_end(&mut nothing).await;
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());

    let answer = get(servers.tasks, "/api/web/task-protection/v1/state").await;
    assert!(answer.starts_with("504 ") && answer.contains("Timed out calling ECS"), "{answer}");
    let answer = get(servers.tasks, "/v4/web/taskWithTags").await;
    assert!(answer.starts_with("200 ") && answer.matches("\"RequestCanceled\"").count() == 2, "{answer}");
}
