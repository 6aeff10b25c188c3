//! A registry with knobs, and what the tests of pulling and loading share.
#![allow(clippy::unwrap_used, dead_code, missing_docs, reason = "each test binary uses its part")]

use agent_image::fixture::{Blob, FixtureImage, MANIFEST_TYPE, Packed, TarEntry};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Fails where a program is missing; `package` is what `./x test` would have installed.
pub fn assert_installed(program: &str, package: &str) {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
    assert!(found.status.success(), "{program} is missing: install the Debian package {package}");
}

/// Two layers, the upper one changing the lower.
pub fn two_layers(reference: &str) -> FixtureImage {
    let mut image = FixtureImage::new(reference)
        .with_layer(&[
            TarEntry::Directory("etc", 0o755),
            TarEntry::File("etc/name", b"lower", 0o644),
            TarEntry::File("etc/other", b"other", 0o600),
        ])
        .unwrap()
        .with_layer(&[TarEntry::File("etc/name", b"upper", 0o644), TarEntry::Symlink("link", "etc/name")])
        .unwrap();
    image.entrypoint = vec!["/entry".to_owned()];
    image.cmd = vec!["arg".to_owned()];
    image.env = vec!["A=b".to_owned()];
    image
}

/// How the fake registry misbehaves on one path.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers with this status, so many times.
    Status(u16, u32),
    /// Sends something else of the same length.
    Lie,
    /// Closes the connection in the middle of the body.
    Truncate,
    /// Sends more than was announced in the manifest, without an end.
    Endless,
    /// Answers nothing until the registry ends.
    Hang,
}

#[derive(Default)]
pub struct Knobs {
    /// By the end of the path: a tag, or the digest of a blob.
    pub faults: BTreeMap<String, Fault>,
    /// A bearer token is wanted for everything; who asks for one must send this `Authorization`.
    pub token: Option<Option<String>>,
    /// `HEAD` answers without a digest.
    pub no_digest_header: bool,
}

struct Shared {
    address: SocketAddr,
    knobs: Mutex<Knobs>,
    content: Mutex<BTreeMap<String, (String, Vec<u8>)>>,
    requests: Mutex<Vec<String>>,
    in_flight: AtomicU32,
    most_in_flight: AtomicU32,
}

/// Speaks as much of the distribution protocol as pulling needs. Ends with the test.
pub struct FakeRegistry(Arc<Shared>);

impl FakeRegistry {
    pub fn start() -> FakeRegistry {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared {
            address: listener.local_addr().unwrap(),
            knobs: Mutex::default(),
            content: Mutex::default(),
            requests: Mutex::default(),
            in_flight: AtomicU32::new(0),
            most_in_flight: AtomicU32::new(0),
        });
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = accepting.clone();
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        FakeRegistry(shared)
    }

    pub fn reference(&self, rest: &str) -> String {
        format!("{}/{rest}", self.0.address)
    }

    pub fn turn(&self, knob: impl FnOnce(&mut Knobs)) {
        knob(&mut self.0.knobs.lock().unwrap());
    }

    pub fn fault(&self, at: &str, fault: Fault) {
        self.turn(|knobs| {
            knobs.faults.insert(at.to_owned(), fault);
        });
    }

    /// Requests so far that contain a text, as `GET /v2/…`.
    pub fn requests(&self, text: &str) -> usize {
        self.0.requests.lock().unwrap().iter().filter(|request| request.contains(text)).count()
    }

    pub fn most_blobs_in_flight(&self) -> u32 {
        self.0.most_in_flight.load(Ordering::SeqCst)
    }

    pub fn put(&self, name: &str, media_type: &str, content: &[u8]) {
        self.0.content.lock().unwrap().insert(name.to_owned(), (media_type.to_owned(), content.to_vec()));
    }

    /// Publishes an image under a tag.
    pub fn publish(&self, tag: &str, image: &FixtureImage) -> Packed {
        let packed = image.pack().unwrap();
        self.put_blobs(&packed);
        self.put(tag, MANIFEST_TYPE, &packed.manifest.content);
        packed
    }

    pub fn put_blobs(&self, packed: &Packed) {
        for blob in packed.layers.iter().chain([&packed.config]) {
            self.put(&blob.digest, "application/octet-stream", &blob.content);
        }
        self.put(&packed.manifest.digest, MANIFEST_TYPE, &packed.manifest.content);
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut stream = stream;
        while let Some((request, authorization)) = read_request(&mut reader) {
            self.requests.lock().unwrap().push(request.clone());
            if self.answer(&mut stream, &request, authorization.as_deref()).is_none() {
                return;
            }
        }
    }

    /// `None` closes the connection.
    fn answer(&self, stream: &mut TcpStream, request: &str, authorization: Option<&str>) -> Option<()> {
        let (method, path) = request.split_once(' ')?;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if let Some(wanted) = self.knobs.lock().unwrap().token.clone() {
            if path == "/token" {
                let known = wanted.as_deref() == authorization && query.contains("scope=repository");
                let (status, body) =
                    if known { ("200 OK", r#"{"token":"sesame"}"#) } else { ("403 Forbidden", "{}") };
                return respond(stream, status, &[], body.as_bytes(), method);
            }
            if authorization != Some("Bearer sesame") {
                let challenge = format!("Bearer realm=\"http://{}/token\",service=\"fake\"", self.address);
                return respond(
                    stream,
                    "401 Unauthorized",
                    &[("WWW-Authenticate", &challenge)],
                    b"{}",
                    method,
                );
            }
        }
        if path == "/v2/" {
            return respond(stream, "200 OK", &[], b"{}", method);
        }
        let name = path.rsplit('/').next()?.to_owned();
        let found = self.content.lock().unwrap().get(&name).cloned();
        let Some((media_type, content)) = found else {
            let body = br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
            return respond(stream, "404 Not Found", &[], body, method);
        };
        let is_blob = path.contains("/blobs/");
        if is_blob {
            let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_in_flight.fetch_max(now, Ordering::SeqCst);
        }
        let done = self.send_content(stream, &name, &media_type, content, method);
        if is_blob {
            self.in_flight.fetch_sub(1, Ordering::SeqCst);
        }
        done
    }

    fn send_content(
        &self,
        stream: &mut TcpStream,
        name: &str,
        media_type: &str,
        mut content: Vec<u8>,
        method: &str,
    ) -> Option<()> {
        let digest = Blob::new(content.clone()).digest;
        let fault = self.take_fault(name);
        let length = content.len();
        match fault {
            Some(Fault::Status(status, _)) => {
                let body = br#"{"errors":[{"code":"BROKEN","message":"on purpose"}]}"#;
                return respond(stream, &format!("{status} Fault"), &[], body, method);
            }
            Some(Fault::Lie) => content.iter_mut().for_each(|byte| *byte ^= 1),
            Some(Fault::Truncate) => {
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").ok()?;
                stream.write_all(&content[..length / 2]).ok()?;
                return None;
            }
            Some(Fault::Endless) => {
                write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").ok()?;
                while stream.write_all(&[0; 65536]).is_ok() {}
                return None;
            }
            Some(Fault::Hang) => {
                // Until the client gives up.
                let _ = stream.read(&mut [0; 1]);
                return None;
            }
            None => {}
        }
        let mut headers = vec![("Content-Type", media_type)];
        if !self.knobs.lock().unwrap().no_digest_header {
            headers.push(("Docker-Content-Digest", &digest));
        }
        respond(stream, "200 OK", &headers, &content, method)
    }

    fn take_fault(&self, name: &str) -> Option<Fault> {
        let mut knobs = self.knobs.lock().unwrap();
        match knobs.faults.get_mut(name)? {
            Fault::Status(_, 0) => None,
            Fault::Status(status, left) => {
                *left -= 1;
                Some(Fault::Status(*status, 0))
            }
            other => Some(other.clone()),
        }
    }
}

/// `METHOD /path` and the authorization.
fn read_request(reader: &mut impl BufRead) -> Option<(String, Option<String>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split(' ');
    let request = format!("{} {}", words.next()?, words.next()?);
    let mut authorization = None;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|n| *n > 0)?;
        match header.trim_end().split_once(": ") {
            None => return Some((request, authorization)),
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                authorization = Some(value.to_owned());
            }
            Some(_) => {}
        }
    }
}

fn respond(
    stream: &mut TcpStream,
    status: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    method: &str,
) -> Option<()> {
    let mut text = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{text}\r\n").as_bytes()).ok()?;
    if method != "HEAD" {
        stream.write_all(body).ok()?;
    }
    stream.flush().ok()
}

/// Waits until something holds, or fails naming it.
pub fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    panic!("not within 20 seconds: {what}");
}
