//! Nothing is lost and nothing comes twice.

use super::stage::{Stage, TASK, eventually, play};
use agent_driver::{
    AwslogsSpec, JsonFileSpec, LogDestination, LogEvent, LogOutput, LogSink, LogSpec, Logs as _, RuntimeId,
    SinkError,
};
use agent_log::LogShipper;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const LINES: usize = 3000;

fn expect_all(output: &str) {
    let expected: String = (1..=LINES).map(|n| format!("{n}\n")).collect();
    let firsts = output.lines().zip(expected.lines()).find(|(got, wanted)| got != wanted);
    assert!(output == expected, "{} lines, first difference {firsts:?}", output.lines().count());
}

#[test]
fn what_was_written_at_once_is_whole() {
    play("burst", async |stage| {
        expect_all(&stage.output(stage.shell("0", &format!("seq 1 {LINES}"))).await);
        // Pieces of 16 KiB, and lines that are longer than CloudWatch Logs takes.
        let script =
            "for n in 20000 100000 300000; do head -c $n /dev/zero | tr '\\0' x; echo; done; echo end";
        let output = stage.output(stage.spec("1", &["/bin/busybox", "sh", "-c", script])).await;
        let lengths: Vec<_> = output.lines().map(str::len).collect();
        assert_eq!(lengths.iter().sum::<usize>(), 420_003, "{lengths:?}");
        assert_eq!(lengths[..2], [20_000, 100_000]);
        stage
    });
}

#[test]
fn agents_that_are_killed_lose_and_double_nothing() {
    play("agents", async |stage| {
        let script = format!(
            "for n in $(seq 1 {LINES}); do echo $n; echo e$n >&2; done; echo done >&2; exec sleep 1000"
        );
        let spec = stage.shell("0", &script);
        let id = spec.id.clone();
        stage.runtime.start(spec).await.unwrap();
        let mut stage = stage;
        for upto in [100, 700, 1500] {
            eventually("some lines are there", || stage.spooled("0").lines().count() > upto);
            stage = stage.restart_agent().await;
        }
        eventually("it has written all", || stage.spooled("0").contains("! done\n"));
        stage.runtime.stop(&id, agent_driver::StopSignal::Kill).await.unwrap();
        stage.runtime.wait(&id).await.unwrap();
        let spooled = stage.spooled("0");
        let of = |mark: &str| {
            let lines = spooled.lines().filter(|line| line.starts_with("! ") != mark.is_empty());
            lines.map(|line| line.trim_start_matches(mark).to_owned() + "\n").collect::<String>()
        };
        expect_all(&of(""));
        expect_all(of("! e").trim_end_matches("! done\n"));
        stage
    });
}

#[test]
fn an_engine_that_is_killed_loses_and_doubles_nothing() {
    play("engine", async |mut stage| {
        let spec = stage.shell("0", &format!("seq 1 {LINES}; exec sleep 1000"));
        let id = spec.id.clone();
        stage.runtime.start(spec).await.unwrap();
        eventually("it has written all", || stage.spooled("0").lines().count() >= LINES);
        stage.engine.kill();
        stage.engine.revive();
        stage.runtime.wait(&id).await.unwrap();
        expect_all(&stage.spooled("0"));
        stage
    });
}

#[test]
fn what_was_written_while_no_agent_ran_is_copied() {
    play("away", async |stage| {
        let spec = stage.shell("0", &format!("sleep 1; seq 1 {LINES}"));
        let id = spec.id.clone();
        stage.runtime.start(spec).await.unwrap();
        let Stage { host, runtime, images, volumes, network, engine, .. } = stage;
        drop((host, runtime, images, volumes, network));
        let name = format!("wharf-{id}");
        eventually("it has ended", || engine.inspect(&name, "{{.State.Status}}") == "exited");
        let stage = Stage::connect(engine).await;
        stage.runtime.wait(&id).await.unwrap();
        expect_all(&stage.spooled("0"));
        stage
    });
}

#[test]
fn docker_keeps_its_own_logs() {
    play("own", async |stage| {
        let mut spec = stage.shell("0", "echo hello");
        spec.labels.insert("team".to_owned(), "blue".to_owned());
        spec.env.push("COLOUR=red".to_owned());
        spec.log = LogOutput::JsonFile(JsonFileSpec {
            path: stage.engine.root.join("unused"),
            max_bytes: Some(1 << 20),
            max_files: 3,
            attributes: BTreeMap::from(
                [("team", "blue"), ("COLOUR", "red")].map(|(k, v)| (k.to_owned(), v.to_owned())),
            ),
        });
        let mut quiet = stage.shell("1", "echo hello");
        quiet.log = LogOutput::Discard;
        for spec in [spec, quiet] {
            stage.runtime.start(spec.clone()).await.unwrap();
            stage.runtime.wait(&spec.id).await.unwrap();
        }
        let name = |n: u32| format!("wharf-{}", RuntimeId(format!("{TASK}-{n}")));
        let config = stage.engine.inspect(&name(0), "{{json .HostConfig.LogConfig}}");
        let expected = r#"{"Type":"json-file","Config":{"env":"COLOUR","labels":"team","max-file":"3","max-size":"1048576"}}"#;
        assert_eq!(config, expected);
        let details = stage.engine.docker(&["logs", "--details", &name(0)]);
        assert!(
            details.contains("COLOUR=red") && details.contains("team=blue") && details.contains("hello"),
            "{details}"
        );
        assert_eq!(stage.engine.inspect(&name(1), "{{.HostConfig.LogConfig.Type}}"), "none");
        stage
    });
}

/// Keeps what is shipped.
#[derive(Default)]
struct Shelf(Mutex<Vec<String>>);

#[async_trait]
impl LogSink for Shelf {
    async fn ensure_stream(&self, _: &RuntimeId, _: &AwslogsSpec) -> Result<(), SinkError> {
        Ok(())
    }

    async fn put(&self, _: &RuntimeId, _: &AwslogsSpec, events: &[LogEvent]) -> Result<(), SinkError> {
        self.0.lock().unwrap().extend(events.iter().map(|event| event.message.clone()));
        Ok(())
    }
}

#[test]
fn a_shipper_ships_every_attempt_and_comes_to_an_end() {
    play("shipper", async |stage| {
        let spec = stage.shell("0", "echo run; echo x >> /count; sleep 0.3; exit $(wc -l < /count)");
        let LogOutput::Spool(spool) = spec.log.clone() else { panic!("no spool") };
        let destination = LogDestination::Awslogs(AwslogsSpec {
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            group: "g".to_owned(),
            stream: "s".to_owned(),
            create_group: false,
            multiline: None,
        });
        let log = LogSpec { id: spec.id.clone(), spool, destination };
        let shelf = Arc::new(Shelf::default());
        let shipper = LogShipper::new(shelf.clone()).unwrap();
        stage.runtime.start(spec.clone()).await.unwrap();
        shipper.follow(&log).await.unwrap();
        for attempt in 1..=2 {
            assert_eq!(stage.runtime.wait(&spec.id).await.unwrap().code, attempt);
            stage.runtime.restart(&spec.id, u32::try_from(attempt).unwrap()).await.unwrap();
            shipper.follow(&log).await.unwrap();
        }
        // It is told to finish before the end: it waits for it.
        shipper.finish(&spec.id).await.unwrap();
        assert_eq!(*shelf.0.lock().unwrap(), ["run"; 3]);
        assert_eq!(stage.runtime.wait(&spec.id).await.unwrap().code, 3);
        stage
    });
}
