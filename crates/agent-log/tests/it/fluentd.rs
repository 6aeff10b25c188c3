//! The driver against a collector that speaks the forward protocol.

use crate::sink::{PATIENCE, Sink, finish};
use agent_driver::{FluentdSpec, LogDestination, LogSpec, Logs as _, RuntimeId, SpoolMode, SpoolSpec};
use agent_log::LogShipper;
use agent_log::spool::{Stream, Writer};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use tokio::sync::watch;

/// What came in one message.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Message(String, Vec<(u64, BTreeMap<String, String>)>, Options);

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Options {
    size: usize,
    chunk: Option<String>,
}

/// Collects what arrives; hangs up, without an answer, after the messages that `hang_up` says.
#[derive(Clone)]
struct Collector {
    messages: watch::Sender<Vec<Message>>,
    hung_up: watch::Sender<usize>,
    hang_up: fn(usize) -> bool,
}

impl Collector {
    fn new(hang_up: fn(usize) -> bool) -> Self {
        Self { messages: watch::Sender::new(Vec::new()), hung_up: watch::Sender::new(0), hang_up }
    }

    fn listen_tcp(&self, listener: TcpListener) -> String {
        let (address, collector) = (listener.local_addr().unwrap().to_string(), self.clone());
        let pair = |s: std::io::Result<TcpStream>| s.and_then(|s| Ok((s.try_clone()?, s)));
        thread::spawn(move || {
            listener.incoming().for_each(|s| pair(s).map_or((), |(r, w)| collector.serve(r, w)))
        });
        address
    }

    fn listen_unix(&self, path: &Path) -> String {
        let (listener, collector) = (UnixListener::bind(path).unwrap(), self.clone());
        let pair = |s: std::io::Result<UnixStream>| s.and_then(|s| Ok((s.try_clone()?, s)));
        thread::spawn(move || {
            listener.incoming().for_each(|s| pair(s).map_or((), |(r, w)| collector.serve(r, w)))
        });
        format!("unix://{}", path.display())
    }

    fn serve(&self, reader: impl Read, writer: impl Write) {
        self.collect(reader, writer);
        self.hung_up.send_modify(|times| *times += 1);
    }

    fn collect(&self, reader: impl Read, mut writer: impl Write) {
        let mut decoder = rmp_serde::Deserializer::new(BufReader::new(reader));
        while let Ok(message) = Message::deserialize(&mut decoder) {
            assert_eq!(message.1.len(), message.2.size);
            let chunk = message.2.chunk.clone();
            let mut number = 0;
            self.messages.send_modify(|messages| {
                messages.push(message);
                number = messages.len();
            });
            if (self.hang_up)(number) {
                return;
            }
            if let Some(chunk) = chunk {
                writer.write_all(&rmp_serde::to_vec(&BTreeMap::from([("ack", chunk)])).unwrap()).unwrap();
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        let messages = self.messages.borrow();
        messages.iter().flat_map(|m| &m.1).map(|(_, record)| record["log"].clone()).collect()
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let mut changes = self.messages.subscribe();
        let waited = tokio::time::timeout(PATIENCE, async {
            while !holds(self) {
                changes.changed().await.unwrap();
            }
        });
        waited.await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
    }
}

fn local() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn spec(dir: &Path, address: &str) -> LogSpec {
    let fields = [("container_id", "0123"), ("container_name", "/app"), ("label", "value")];
    let fluentd = FluentdSpec {
        address: address.into(),
        tag: "app.tag".into(),
        connect_async: false,
        sub_second: false,
        request_ack: false,
        fields: fields.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
    };
    LogSpec {
        id: RuntimeId("task-app".into()),
        spool: SpoolSpec { dir: dir.join("spool"), mode: SpoolMode::Blocking { max_bytes: 1 << 20 } },
        destination: LogDestination::Fluentd(fluentd),
    }
}

fn fluentd(spec: &mut LogSpec) -> &mut FluentdSpec {
    let LogDestination::Fluentd(fluentd) = &mut spec.destination else { panic!("fluentd") };
    fluentd
}

fn shipper() -> LogShipper {
    LogShipper::new(Sink::new()).unwrap()
}

#[tokio::test]
async fn records_have_docker_s_fields() {
    let tmp = tempfile::tempdir().unwrap();
    let collector = Collector::new(|_| false);
    let spec = spec(tmp.path(), &collector.listen_tcp(local()));
    let logs = shipper();
    logs.prepare(&spec).await.unwrap();
    let mut writer = Writer::create(&spec.spool).unwrap();
    logs.follow(&spec).await.unwrap();
    writer.write(Stream::Stdout, 1_700_000_000_999, b"out\n\n").unwrap();
    writer.write(Stream::Stderr, 1_700_000_001_000, b"err").unwrap();
    writer.finish(1_700_000_001_000).unwrap();
    finish(&logs, &spec).await;
    collector.until("three lines", |c| c.lines() == ["out", "", "err"]).await;

    let messages = collector.messages.borrow();
    assert!(messages.iter().all(|m| m.0 == "app.tag" && m.2.chunk.is_none()));
    let records: Vec<_> = messages.iter().flat_map(|m| m.1.clone()).collect();
    let record = |source: &str, log: &str| {
        let fixed = [("container_id", "0123"), ("container_name", "/app"), ("label", "value")];
        let own = [("source", source), ("log", log)];
        fixed.into_iter().chain(own).map(|(k, v)| (k.to_owned(), v.to_owned())).collect::<BTreeMap<_, _>>()
    };
    let expected = [
        (1_700_000_000, record("stdout", "out")),
        (1_700_000_000, record("stdout", "")),
        (1_700_000_001, record("stderr", "err")),
    ];
    assert_eq!(records, expected);
}

#[tokio::test]
async fn what_was_not_acknowledged_is_sent_again_as_the_same_chunk() {
    let tmp = tempfile::tempdir().unwrap();
    let collector = Collector::new(|number| number == 1);
    let mut spec = spec(tmp.path(), &collector.listen_unix(&tmp.path().join("collector.sock")));
    fluentd(&mut spec).request_ack = true;
    let logs = shipper();
    logs.prepare(&spec).await.unwrap();
    let mut writer = Writer::create(&spec.spool).unwrap();
    writer.write(Stream::Stdout, 1, b"one\n").unwrap();
    logs.follow(&spec).await.unwrap();
    collector.until("the second attempt", |c| c.lines() == ["one", "one"]).await;
    writer.write(Stream::Stdout, 2, b"two\n").unwrap();
    writer.finish(3).unwrap();
    finish(&logs, &spec).await;
    assert_eq!(collector.lines(), ["one", "one", "two"]);
    let chunks: Vec<_> = collector.messages.borrow().iter().map(|m| m.2.chunk.clone().unwrap()).collect();
    assert_eq!(chunks[0], chunks[1]);
    assert_ne!(chunks[1], chunks[2]);
}

#[tokio::test]
async fn nothing_is_lost_while_the_collector_is_away() {
    let tmp = tempfile::tempdir().unwrap();
    let socket = tmp.path().join("collector.sock");
    let mut spec = spec(tmp.path(), &format!("unix://{}", socket.display()));
    fluentd(&mut spec).connect_async = true;
    let logs = shipper();
    logs.prepare(&spec).await.unwrap();
    let mut writer = Writer::create(&spec.spool).unwrap();
    logs.follow(&spec).await.unwrap();
    let lines: Vec<_> = (0..500).map(|n| format!("line {n}")).collect();
    for line in &lines {
        writer.write(Stream::Stdout, 1, format!("{line}\n").as_bytes()).unwrap();
        tokio::task::yield_now().await;
    }
    let collector = Collector::new(|_| false);
    collector.listen_unix(&socket);
    collector.until("all lines", |c| c.lines() == lines).await;
    writer.finish(2).unwrap();
    finish(&logs, &spec).await;
}

#[tokio::test]
async fn a_collector_that_hung_up_is_connected_to_anew() {
    let tmp = tempfile::tempdir().unwrap();
    let collector = Collector::new(|_| true);
    let spec = spec(tmp.path(), &collector.listen_tcp(local()));
    let logs = shipper();
    let mut writer = Writer::create(&spec.spool).unwrap();
    logs.follow(&spec).await.unwrap();
    for n in 0..5 {
        writer.write(Stream::Stdout, 1, format!("line {n}\n").as_bytes()).unwrap();
        let hung_up = async { collector.hung_up.subscribe().wait_for(|times| *times > n).await.map(|_| ()) };
        tokio::time::timeout(PATIENCE, hung_up).await.expect("the line arrives").unwrap();
    }
    assert_eq!(collector.lines().len(), 5);
    writer.finish(2).unwrap();
    finish(&logs, &spec).await;
}

#[tokio::test]
async fn a_container_is_not_started_when_nobody_listens() {
    let tmp = tempfile::tempdir().unwrap();
    // Bound, and never listening, so that nobody else takes the port.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = closed.local_addr().unwrap().to_string();
    let mut spec = spec(tmp.path(), &address);
    let logs = shipper();
    assert_eq!(
        logs.prepare(&spec).await.unwrap_err().to_string(),
        format!("failed to initialize logging driver: dial tcp {address}: connect: connection refused")
    );
    fluentd(&mut spec).address = "unix:///nowhere/at/all".into();
    assert_eq!(
        logs.prepare(&spec).await.unwrap_err().to_string(),
        "failed to initialize logging driver: dial unix /nowhere/at/all: connect: no such file or directory"
    );
    // Too long for a name, so that nobody is asked for it.
    let host = "x".repeat(64);
    fluentd(&mut spec).address = format!("{host}:1");
    assert_eq!(
        logs.prepare(&spec).await.unwrap_err().to_string(),
        format!("failed to initialize logging driver: dial tcp: lookup {host}: no such host")
    );
    fluentd(&mut spec).connect_async = true;
    logs.prepare(&spec).await.unwrap();
    fluentd(&mut spec).address = "udp://host".into();
    assert_eq!(
        logs.prepare(&spec).await.unwrap_err().to_string(),
        "failed to initialize logging driver: invalid fluentd-address (udp://host): unsupported scheme: udp"
    );
}

#[tokio::test(start_paused = true)]
async fn an_exited_container_does_not_wait_for_ever_for_a_collector() {
    let tmp = tempfile::tempdir().unwrap();
    let mut spec = spec(tmp.path(), "unix:///nowhere/at/all");
    fluentd(&mut spec).connect_async = true;
    let logs = shipper();
    let mut writer = Writer::create(&spec.spool).unwrap();
    writer.write(Stream::Stdout, 1, b"lost\n").unwrap();
    writer.finish(2).unwrap();
    logs.follow(&spec).await.unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(
        logs.finish(&spec.id).await.unwrap_err().to_string(),
        "the output of task-app was given up on: \
         dial unix /nowhere/at/all: connect: no such file or directory"
    );
    assert!((30.0..40.0).contains(&begun.elapsed().as_secs_f32()), "{:?}", begun.elapsed());
}
