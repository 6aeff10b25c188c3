//! The built-in program, as a container would run it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use agent_driver::{Images, PullPolicy};
use agent_image::{HELLO, ImageStore};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};

struct Hello {
    _dir: tempfile::TempDir,
    root: PathBuf,
}

async fn hello() -> Hello {
    let dir = tempfile::tempdir().unwrap();
    let store = ImageStore::open(dir.path()).unwrap();
    store.ensure_builtin().unwrap();
    let image = store.ensure(HELLO, PullPolicy::Default).await.unwrap();
    Hello { root: image.layers[0].clone(), _dir: dir }
}

impl Hello {
    fn run(&self, args: &[&str]) -> (i32, String) {
        let output = Command::new(self.root.join("hello")).args(args).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }
}

#[tokio::test]
async fn it_acts_by_its_first_argument() {
    let hello = hello().await;
    assert_eq!(hello.run(&["echo", "Hello", "World!"]), (0, "Hello World!\n".to_owned()));
    assert_eq!(hello.run(&["/bin/echo", "x"]), (0, "x\n".to_owned()));
    assert_eq!(hello.run(&["true"]), (0, String::new()));
    assert_eq!(hello.run(&["false"]), (1, String::new()));
    assert_eq!(hello.run(&["sleep", "0.01"]), (0, String::new()));
    for bad in ["-1", "x", "1e300", "NaN"] {
        assert_eq!(hello.run(&["sleep", bad]).0, 2, "{bad}");
    }
    assert_eq!(hello.run(&["unknown"]).0, 127);
    assert!(hello.run(&[]).1.starts_with("Hello from Wharf!"));
    // As `/bin/false` in the image does, which is a link to `/hello`.
    std::os::unix::fs::symlink(hello.root.join("hello"), hello.root.join("false")).unwrap();
    assert_eq!(Command::new(hello.root.join("false")).status().unwrap().code(), Some(1));
    assert_eq!(std::fs::read_link(hello.root.join("bin/false")).unwrap(), PathBuf::from("/hello"));
}

#[tokio::test]
async fn it_serves_and_ends_when_asked_to() {
    let hello = hello().await;
    assert_serves_and_ends(Command::new(hello.root.join("hello")));
}

#[tokio::test]
async fn needs_root_it_serves_and_ends_when_asked_to_even_as_process_1() {
    let hello = hello().await;
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child"]).arg(hello.root.join("hello"));
    assert_serves_and_ends(command);
}

fn assert_serves_and_ends(mut command: Command) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let mut child =
        command.args(["serve", &address.port().to_string()]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, format!("listening on port {}\n", address.port()));
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\ntask: ") && answer.ends_with("\naddress: 127.0.0.1\n"), "{answer}");
    assert!(ask("POST / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    assert!(ask("HEAD / HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let inner = std::fs::read_to_string(children).unwrap();
    let pid = inner.split_whitespace().next().map_or(child.id(), |pid| pid.parse().unwrap());
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
}
