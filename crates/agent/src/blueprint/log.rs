//! Log drivers and their options (Amazon ECS API Reference: LogConfiguration; Docker: the pages of its logging drivers).
//! An option that is not honoured is refused by name.
//!
//! Since June 25, 2025 Amazon ECS delivers without blocking when a definition does not say `mode`, and so does this
//! agent, for every driver that ships: what a container writes while [`BUFFER_BYTES_DEFAULT`] wait to be shipped is
//! dropped. Whoever needs every line says `mode=blocking`. Without a log configuration, output goes nowhere, as on
//! Fargate.

use super::{Reading, Unacceptable};
use acs::payload::LogConfig;
use agent_driver::{
    AwslogsSpec, FluentdSpec, JsonFileSpec, LogDestination, LogOutput, LogSpec, Multiline, RuntimeId,
    SpoolMode, SpoolSpec,
};
use std::collections::BTreeMap;

/// `max-buffer-size` when it is not given, as the Amazon ECS agent sets it.
const BUFFER_BYTES_DEFAULT: u64 = 10 << 20;
/// `fluentd-address` when it is not given.
const FLUENTD_ADDRESS: &str = "localhost:24224";

/// What the options are read with.
pub(super) struct Container<'a> {
    pub(super) config: Option<&'a LogConfig>,
    pub(super) name: &'a str,
    pub(super) docker_name: &'a str,
    pub(super) image: &'a str,
    pub(super) id: &'a RuntimeId,
    pub(super) short_id: &'a str,
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) environment: &'a BTreeMap<String, String>,
    pub(super) reading: &'a Reading<'a>,
}

/// Where a container's output goes, and who ships it.
pub(super) struct Log {
    pub(super) output: LogOutput,
    pub(super) spec: Option<LogSpec>,
}

pub(super) fn read(container: &Container<'_>) -> Result<Log, Unacceptable> {
    let Some(config) = container.config else { return Ok(Log { output: LogOutput::Discard, spec: None }) };
    let mut options = Options { left: config.config.clone() };
    let log = match config.driver.as_str() {
        "none" => Log { output: LogOutput::Discard, spec: None },
        "json-file" => json_file(container, &mut options)?,
        "awslogs" => {
            let spool = spool(container, &mut options)?;
            shipped(container, spool, LogDestination::Awslogs(awslogs(container, &mut options)?))
        }
        "fluentd" => {
            let spool = spool(container, &mut options)?;
            shipped(container, spool, LogDestination::Fluentd(fluentd(container, &mut options)?))
        }
        other => return Err(Unacceptable(format!("the log driver {other} is not supported"))),
    };
    match options.left.keys().next() {
        Some(name) => Err(Unacceptable(format!("the log option {name} is not supported"))),
        None => Ok(log),
    }
}

fn shipped(container: &Container<'_>, spool: SpoolSpec, destination: LogDestination) -> Log {
    let spec = LogSpec { id: container.id.clone(), spool: spool.clone(), destination };
    Log { output: LogOutput::Spool(spool), spec: Some(spec) }
}

fn spool(container: &Container<'_>, options: &mut Options) -> Result<SpoolSpec, Unacceptable> {
    let max_bytes = options.parse("max-buffer-size", parse_size)?.unwrap_or(BUFFER_BYTES_DEFAULT);
    let is_blocking = options.parse("mode", parse_mode)?.unwrap_or(false);
    let mode = match is_blocking {
        true => SpoolMode::Blocking { max_bytes },
        false => SpoolMode::NonBlocking { max_bytes },
    };
    Ok(SpoolSpec { dir: container.reading.spool_dir.join(&container.id.0), mode })
}

fn awslogs(container: &Container<'_>, options: &mut Options) -> Result<AwslogsSpec, Unacceptable> {
    let scope = &container.reading.arn.scope;
    let group = options.take("awslogs-group").filter(|group| !group.is_empty());
    let prefix = options.take("awslogs-stream-prefix");
    let prefixed = prefix.map(|prefix| format!("{prefix}/{}/{}", container.name, container.reading.id));
    // Docker's own choice is the container's id.
    let stream = options.take("awslogs-stream").or(prefixed).unwrap_or_else(|| container.id.0.clone());
    let format = options.take("awslogs-datetime-format").map(Multiline::DatetimeFormat);
    let pattern = options.take("awslogs-multiline-pattern").map(Multiline::Pattern);
    if format.is_some() && pattern.is_some() {
        let text = "the log options awslogs-datetime-format and awslogs-multiline-pattern exclude each other";
        return Err(Unacceptable(text.to_owned()));
    }
    Ok(AwslogsSpec {
        account: scope.account.to_string(),
        region: options.take("awslogs-region").unwrap_or_else(|| scope.region.to_string()),
        group: group.ok_or_else(|| Unacceptable("the log option awslogs-group is missing".to_owned()))?,
        stream,
        create_group: options.flag("awslogs-create-group")?.unwrap_or(false),
        multiline: format.or(pattern),
    })
}

fn fluentd(container: &Container<'_>, options: &mut Options) -> Result<FluentdSpec, Unacceptable> {
    let tag = options.take("tag").unwrap_or_else(|| "{{.ID}}".to_owned());
    let mut fields = attributes(container, options);
    fields.insert("container_id".to_owned(), container.id.0.clone());
    fields.insert("container_name".to_owned(), format!("/{}", container.docker_name));
    // The older name of the same option.
    let connect_async = options.flag("fluentd-async-connect")?;
    Ok(FluentdSpec {
        address: options.take("fluentd-address").unwrap_or_else(|| FLUENTD_ADDRESS.to_owned()),
        tag: fill_in(&tag, container)?,
        connect_async: options.flag("fluentd-async")?.or(connect_async).unwrap_or(false),
        sub_second: options.flag("fluentd-sub-second-precision")?.unwrap_or(false),
        request_ack: options.flag("fluentd-request-ack")?.unwrap_or(false),
        fields,
    })
}

/// Docker's driver waits for the disk; nothing would be gained by dropping lines.
fn json_file(container: &Container<'_>, options: &mut Options) -> Result<Log, Unacceptable> {
    options.parse("mode", |mode| (mode == "blocking").then_some(()))?;
    let max_bytes = options.parse("max-size", parse_size)?;
    let max_files = options.parse("max-file", |text| text.parse().ok().filter(|&files: &u32| files > 0))?;
    if max_files.is_some_and(|files| files > 1) && max_bytes.is_none() {
        return Err(Unacceptable("the log option max-file needs max-size".to_owned()));
    }
    let id = &container.id.0;
    let spec = JsonFileSpec {
        // Not in a directory of its own: the runtime removes the files, and knows no directory around them.
        path: container.reading.spool_dir.join(format!("{id}-json.log")),
        max_bytes,
        max_files: max_files.unwrap_or(1),
        attributes: attributes(container, options),
    };
    Ok(Log { output: LogOutput::JsonFile(spec), spec: None })
}

/// What the options `labels` and `env` name; what comes from the image is not among it.
fn attributes(container: &Container<'_>, options: &mut Options) -> BTreeMap<String, String> {
    let mut attributes = BTreeMap::new();
    for (option, known) in [("labels", container.labels), ("env", container.environment)] {
        let names = options.take(option).unwrap_or_default();
        for name in names.split(',').map(str::trim) {
            if let Some(value) = known.get(name) {
                attributes.insert(name.to_owned(), value.clone());
            }
        }
    }
    attributes
}

/// Docker's log tags. Those that need the image's id are refused: it is not known before the image was pulled.
fn fill_in(template: &str, container: &Container<'_>) -> Result<String, Unacceptable> {
    let refused =
        |what: &str| Unacceptable(format!("{what:?} is no value for the log option tag that is supported"));
    let mut tag = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (field, after) = after.split_once("}}").ok_or_else(|| refused(template))?;
        tag.push_str(before);
        match field.trim() {
            ".ID" => tag.push_str(container.short_id),
            ".FullID" => tag.push_str(&container.id.0),
            ".Name" => tag.push_str(container.docker_name),
            ".ImageName" => tag.push_str(container.image),
            ".DaemonName" => tag.push_str("docker"),
            _ => return Err(refused(template)),
        }
        rest = after;
    }
    Ok(tag + rest)
}

/// Options that nobody has asked for yet.
struct Options {
    left: BTreeMap<String, String>,
}

impl Options {
    fn take(&mut self, name: &str) -> Option<String> {
        self.left.remove(name)
    }

    fn parse<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Unacceptable> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let bad = || Unacceptable(format!("{value:?} is no value for the log option {name}"));
        parse(&value).map(Some).ok_or_else(bad)
    }

    fn flag(&mut self, name: &str) -> Result<Option<bool>, Unacceptable> {
        self.parse(name, |text| text.parse().ok())
    }
}

/// Whether the container waits when nobody takes its lines.
fn parse_mode(text: &str) -> Option<bool> {
    match text {
        "blocking" => Some(true),
        "non-blocking" => Some(false),
        _ => None,
    }
}

/// `25m`, `512k`, `1g`, or bytes.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let text = text.strip_suffix('b').unwrap_or(&text);
    let (digits, shift) = match text.strip_suffix(['k', 'm', 'g']) {
        Some(digits) => (
            digits,
            match text.as_bytes().last() {
                Some(b'k') => 10,
                Some(b'm') => 20,
                _ => 30,
            },
        ),
        None => (text, 0),
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift).filter(|&size| size > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::parse_arn;
    use acs::payload::Task;
    use expect_test::{Expect, expect};
    use std::path::Path;

    fn read_log(driver: &str, options: &[(&str, &str)]) -> Result<Log, Unacceptable> {
        let (arn, id) = parse_arn("arn:aws:ecs:us-east-1:000000000000:task/default/t1").unwrap();
        let task = Task::default();
        let reading = Reading { task: &task, arn: &arn, id: &id, spool_dir: Path::new("/spool") };
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
        };
        read(&Container {
            config: Some(&LogConfig { driver: driver.to_owned(), config: map(options) }),
            name: "app",
            docker_name: "ecs-f-1-app-00",
            image: "hello:1",
            id: &RuntimeId("t1-0".to_owned()),
            short_id: "t100",
            labels: &map(&[("team", "blue")]),
            environment: &map(&[("COLOUR", "red")]),
            reading: &reading,
        })
    }

    fn check(driver: &str, options: &[(&str, &str)], expected: Expect) {
        let text = match read_log(driver, options) {
            Ok(Log { output, spec }) => format!("{output:?}\n{:?}\n", spec.map(|s| s.destination)),
            Err(error) => format!("{error}\n"),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn every_driver_is_read() {
        check(
            "none",
            &[],
            expect![[r#"
            Discard
            None
        "#]],
        );
        let multiline = [
            ("awslogs-group", "g"),
            ("awslogs-stream-prefix", "p"),
            ("awslogs-create-group", "true"),
            ("awslogs-multiline-pattern", "^\\d"),
            ("mode", "blocking"),
            ("max-buffer-size", "25m"),
        ];
        check(
            "awslogs",
            &multiline,
            expect![[r#"
            Spool(SpoolSpec { dir: "/spool/t1-0", mode: Blocking { max_bytes: 26214400 } })
            Some(Awslogs(AwslogsSpec { account: "000000000000", region: "us-east-1", group: "g", stream: "p/app/t1", create_group: true, multiline: Some(Pattern("^\\d")) }))
        "#]],
        );
        check(
            "awslogs",
            &[("awslogs-group", "g"), ("awslogs-datetime-format", "%Y")],
            expect![[r#"
            Spool(SpoolSpec { dir: "/spool/t1-0", mode: NonBlocking { max_bytes: 10485760 } })
            Some(Awslogs(AwslogsSpec { account: "000000000000", region: "us-east-1", group: "g", stream: "t1-0", create_group: false, multiline: Some(DatetimeFormat("%Y")) }))
        "#]],
        );
        let rotated = [("max-size", "1m"), ("max-file", "3"), ("labels", "team,none"), ("env", "COLOUR")];
        check(
            "json-file",
            &rotated,
            expect![[r#"
            JsonFile(JsonFileSpec { path: "/spool/t1-0-json.log", max_bytes: Some(1048576), max_files: 3, attributes: {"COLOUR": "red", "team": "blue"} })
            None
        "#]],
        );
        let tagged = [
            ("fluentd-address", "unix:///run/fluentd.sock"),
            ("tag", "a.{{.Name}}.{{ .ID }}.{{.FullID}}.{{.ImageName}}"),
            ("fluentd-async", "true"),
            ("fluentd-sub-second-precision", "true"),
            ("fluentd-request-ack", "true"),
            ("env", "COLOUR"),
        ];
        check(
            "fluentd",
            &tagged,
            expect![[r#"
            Spool(SpoolSpec { dir: "/spool/t1-0", mode: NonBlocking { max_bytes: 10485760 } })
            Some(Fluentd(FluentdSpec { address: "unix:///run/fluentd.sock", tag: "a.ecs-f-1-app-00.t100.t1-0.hello:1", connect_async: true, sub_second: true, request_ack: true, fields: {"COLOUR": "red", "container_id": "t1-0", "container_name": "/ecs-f-1-app-00"} }))
        "#]],
        );
        check(
            "fluentd",
            &[],
            expect![[r#"
            Spool(SpoolSpec { dir: "/spool/t1-0", mode: NonBlocking { max_bytes: 10485760 } })
            Some(Fluentd(FluentdSpec { address: "localhost:24224", tag: "t100", connect_async: false, sub_second: false, request_ack: false, fields: {"container_id": "t1-0", "container_name": "/ecs-f-1-app-00"} }))
        "#]],
        );
    }

    #[test]
    fn what_is_not_honoured_is_refused_by_name() {
        let group = ("awslogs-group", "g");
        let both = [group, ("awslogs-datetime-format", "%Y"), ("awslogs-multiline-pattern", "x")];
        type Case<'a> = (&'static str, &'a [(&'static str, &'static str)], &'static str);
        let cases: [Case<'_>; 12] = [
            ("syslog", &[], "the log driver syslog is not supported"),
            ("awslogs", &[], "the log option awslogs-group is missing"),
            (
                "awslogs",
                &[group, ("awslogs-endpoint", "x")],
                "the log option awslogs-endpoint is not supported",
            ),
            ("awslogs", &[group, ("mode", "loud")], "\"loud\" is no value for the log option mode"),
            ("awslogs", &both, "awslogs-multiline-pattern exclude each other"),
            ("none", &[("tag", "x")], "the log option tag is not supported"),
            ("json-file", &[("compress", "true")], "the log option compress is not supported"),
            ("json-file", &[("max-file", "2")], "the log option max-file needs max-size"),
            (
                "json-file",
                &[("mode", "non-blocking")],
                "\"non-blocking\" is no value for the log option mode",
            ),
            (
                "fluentd",
                &[("fluentd-buffer-limit", "1")],
                "the log option fluentd-buffer-limit is not supported",
            ),
            ("fluentd", &[("tag", "{{.ImageID}}")], "\"{{.ImageID}}\" is no value for the log option tag"),
            ("fluentd", &[("tag", "{{.ID")], "\"{{.ID\" is no value for the log option tag"),
        ];
        for (driver, options, expected) in cases {
            let error = read_log(driver, options).err().unwrap();
            assert!(error.0.contains(expected), "{driver}: {error}");
        }
    }

    #[test]
    fn sizes_are_dockers() {
        let cases = [("25m", 25 << 20), ("1MB", 1 << 20), ("512k", 512 << 10), ("1g", 1 << 30), ("7", 7)];
        for (text, bytes) in cases {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "m", "-1m", "0", "99999999999g", "1.5m", "1x"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
