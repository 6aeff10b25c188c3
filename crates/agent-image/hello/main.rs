//! The program of the built-in image `wharf/hello`: small, static, and able to be process 1 of a container.
//!
//! It acts by its own name (`echo`, `sleep`, … are links to it) or by its first argument.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: hello [echo ARG… | sleep SECONDS | true | false | serve [PORT]]";
const DEFAULT_PORT: u16 = 80;

fn main() -> ExitCode {
    die_on_sigterm();
    let mut args: Vec<String> =
        std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let own_name = args.first().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    if !["echo", "sleep", "true", "false", "serve"].contains(&own_name) && !args.is_empty() {
        args.remove(0);
    }
    let verb = args.first().map(|verb| verb.rsplit('/').next().unwrap_or_default().to_owned());
    let rest = args.get(1..).unwrap_or_default();
    match verb.as_deref() {
        None => print(&format!("Hello from Wharf! This is task {}.\n", task())),
        Some("echo") => print(&format!("{}\n", rest.join(" "))),
        Some("true") => ExitCode::SUCCESS,
        Some("false") => ExitCode::FAILURE,
        Some("sleep") => sleep(rest),
        Some("serve") => serve(rest),
        Some(other) => fail(127, &format!("hello: {other}: not found\n{USAGE}")),
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(code: u8, text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::from(code)
}

fn sleep(args: &[String]) -> ExitCode {
    let seconds = args.first().map(|text| text.trim_end_matches('s'));
    if seconds == Some("infinity") {
        loop {
            std::thread::sleep(Duration::from_secs(3600));
        }
    }
    let duration = seconds.and_then(|text| text.parse().ok()).map(Duration::try_from_secs_f64);
    match duration {
        Some(Ok(duration)) => {
            std::thread::sleep(duration);
            ExitCode::SUCCESS
        }
        _ => fail(2, "hello: sleep needs a number of seconds"),
    }
}

/// Answers every request with the task's id and address; one connection at a time is enough to say hello.
fn serve(args: &[String]) -> ExitCode {
    let port = match args.first().map(|text| text.parse()) {
        None => DEFAULT_PORT,
        Some(Ok(port)) => port,
        Some(Err(_)) => return fail(2, "hello: serve needs a port number"),
    };
    let listener = match TcpListener::bind(("0.0.0.0", port)) {
        Ok(listener) => listener,
        Err(error) => return fail(1, &format!("hello: cannot listen on port {port}: {error}")),
    };
    println!("listening on port {port}");
    let task = task();
    for stream in listener.incoming().flatten() {
        // A client that goes away is no reason to stop.
        let _ = answer(stream, &task);
    }
    ExitCode::SUCCESS
}

fn answer(mut stream: TcpStream, task: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < 16 * 1024 {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => head.extend_from_slice(&buffer[..n]),
        }
    }
    let known = head.starts_with(b"GET ") || head.starts_with(b"HEAD ");
    let (status, body) = match known {
        true => ("200 OK", format!("Hello from Wharf!\ntask: {task}\naddress: {}\n", stream.local_addr()?.ip())),
        false => ("405 Method Not Allowed", "Only GET is understood.\n".to_owned()),
    };
    let length = body.len();
    let body = if head.starts_with(b"HEAD ") { "" } else { &body };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

/// The task's id, from the cgroup's path; without one, the host name.
fn task() -> String {
    let cgroup = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let is_id = |part: &&str| part.len() == 32 && part.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(id) = cgroup.split(['/', '\n', '-', '.']).find(is_id) {
        return id.to_owned();
    }
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match hostname.trim() {
        "" => "unknown".to_owned(),
        name => name.to_owned(),
    }
}

/// The kernel gives process 1 no default action for signals: without a handler SIGTERM would do nothing.
fn die_on_sigterm() {
    const SIGINT: i32 = 2;
    const SIGTERM: i32 = 15;
    unsafe extern "C" {
        fn signal(signal: i32, handler: extern "C" fn(i32)) -> usize;
        fn _exit(code: i32) -> !;
    }
    /// Ends as a shell would report a program that the signal ended.
    extern "C" fn die(signal: i32) {
        // SAFETY: `_exit` is async-signal-safe.
        unsafe { _exit(128 + signal) }
    }
    // SAFETY: the handler calls nothing but `_exit`.
    unsafe {
        signal(SIGTERM, die);
        signal(SIGINT, die);
    }
}
