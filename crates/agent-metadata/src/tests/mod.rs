//! Whole answers, over real sockets.

mod fake;
mod introspection;
mod limits;
mod metadata;
mod protection;
mod stats;

use crate::{RateLimit, serve_introspection, serve_tasks};
use fake::Fake;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Both servers over one source.
struct Servers {
    tasks: SocketAddr,
    introspection: SocketAddr,
}

/// Serves `fake` for as long as the test's runtime lives.
async fn serve(fake: Fake) -> Servers {
    serve_limited(fake, RateLimit::default()).await
}

async fn serve_limited(fake: Fake, limit: RateLimit) -> Servers {
    let source = Arc::new(fake);
    let tasks = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let introspection = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let servers =
        Servers { tasks: tasks.local_addr().unwrap(), introspection: introspection.local_addr().unwrap() };
    let never = std::future::pending;
    tokio::spawn(serve_tasks(tasks, source.clone(), limit, never()));
    tokio::spawn(serve_introspection(introspection, source, never()));
    servers
}

/// Sends a request and reads the whole answer: status, content type and body, with its JSON indented.
async fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: agent\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let answer = exchange(address, request.as_bytes()).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.strip_prefix("HTTP/1.1 ").unwrap().split(' ').next().unwrap();
    let content_type = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap();
    format!("{status} {content_type}\n{}", indent(body))
}

async fn get(address: SocketAddr, path: &str) -> String {
    ask(address, "GET", path, "").await
}

/// Sends bytes and reads until the server closes.
async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may refuse and close before it has read everything.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// Line breaks in JSON without a change to the order of its members.
fn indent(json: &str) -> String {
    let (mut out, mut depth, mut quoted, mut escaped) = (String::new(), 0, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        if quoted {
            quoted = c != '"' || escaped;
            escaped = c == '\\' && !escaped;
            out.push(c);
            continue;
        }
        match (c, chars.peek()) {
            ('{', Some('}')) | ('[', Some(']')) => out.extend([c, chars.next().unwrap()]),
            ('{' | '[', _) => {
                depth += 1;
                out.push(c);
                line(&mut out, depth);
            }
            ('}' | ']', _) => {
                depth -= 1;
                line(&mut out, depth);
                out.push(c);
            }
            (',', _) => {
                out.push(c);
                line(&mut out, depth);
            }
            (':', _) => out.push_str(": "),
            _ => {
                quoted = c == '"';
                out.push(c);
            }
        }
    }
    out
}
