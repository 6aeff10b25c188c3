//! `logConfiguration`: the drivers and their options (Amazon ECS Developer Guide: send logs to CloudWatch; Docker
//! documentation: configure logging drivers).

use super::Invalid;
use model::container::LogConfiguration;

/// One driver's options.
struct Driver {
    name: &'static str,
    required: &'static [&'static str],
    /// Those that Wharf's agent honours.
    honoured: &'static [&'static str],
    /// Those that Docker knows as well.
    known: &'static [&'static str],
    /// At most one of each pair.
    exclusive: &'static [(&'static str, &'static str)],
}

/// The drivers that Wharf's agent has.
const DRIVERS: [Driver; 4] = [
    Driver {
        name: "awslogs",
        required: &["awslogs-region", "awslogs-group"],
        honoured: &[
            "awslogs-create-group",
            "awslogs-datetime-format",
            "awslogs-group",
            "awslogs-multiline-pattern",
            "awslogs-region",
            "awslogs-stream-prefix",
            "max-buffer-size",
            "mode",
        ],
        known: &[
            "awslogs-create-stream",
            "awslogs-endpoint",
            "awslogs-force-flush-interval-seconds",
            "awslogs-format",
            "awslogs-max-buffered-events",
            "awslogs-stream",
            "tag",
        ],
        exclusive: &[("awslogs-datetime-format", "awslogs-multiline-pattern")],
    },
    Driver {
        name: "fluentd",
        required: &[],
        honoured: &[
            "env",
            "fluentd-address",
            "fluentd-async",
            "fluentd-async-connect",
            "fluentd-request-ack",
            "fluentd-sub-second-precision",
            "labels",
            "max-buffer-size",
            "mode",
            "tag",
        ],
        known: &[
            "env-regex",
            "fluentd-async-reconnect-interval",
            "fluentd-buffer-limit",
            "fluentd-max-retries",
            "fluentd-retry-wait",
            "fluentd-write-timeout",
            "labels-regex",
        ],
        exclusive: &[("fluentd-async", "fluentd-async-connect")],
    },
    Driver {
        name: "json-file",
        required: &[],
        honoured: &["env", "labels", "max-file", "max-size"],
        known: &["compress", "env-regex", "labels-regex", "max-buffer-size", "mode", "tag"],
        exclusive: &[],
    },
    Driver { name: "none", required: &[], honoured: &[], known: &[], exclusive: &[] },
];

/// Whether a value is one of its option's.
type IsValue = fn(&str) -> bool;

/// The options that do not take any text.
const VALUES: [(&str, IsValue); 10] = [
    ("awslogs-create-group", is_bool),
    ("awslogs-datetime-format", is_given),
    ("awslogs-multiline-pattern", is_given),
    ("fluentd-address", is_fluentd_address),
    ("fluentd-async", is_bool),
    ("fluentd-async-connect", is_bool),
    ("fluentd-request-ack", is_bool),
    ("fluentd-sub-second-precision", is_bool),
    ("max-buffer-size", is_size),
    ("mode", |value| matches!(value, "blocking" | "non-blocking")),
];
/// Those of `json-file`.
const FILE_VALUES: [(&str, IsValue); 2] = [
    ("max-file", |value| value.parse::<u32>().is_ok_and(|n| n > 0)),
    ("max-size", |value| is_size(value) && !value.starts_with('0')),
];

/// Checks one container's `logConfiguration`.
pub(super) fn check(log: &LogConfiguration) -> Result<(), Invalid> {
    let driver = DRIVERS.iter().find(|driver| driver.name == log.driver);
    let driver = driver.ok_or_else(|| Invalid::unsupported(format!("logDriver '{}'", log.driver)))?;
    require(log, driver.required)?;
    let refused = |option: &&String| !driver.honoured.contains(&option.as_str());
    let (known, unknown): (Vec<&String>, Vec<&String>) =
        log.options.keys().filter(refused).partition(|option| driver.known.contains(&option.as_str()));
    if !unknown.is_empty() {
        return Err(Invalid::LogOptionsUnknown { driver: log.driver.clone(), options: list(unknown) });
    }
    if !known.is_empty() {
        return Err(Invalid::unsupported(format!("the {} options {}", driver.name, list(known))));
    }
    let both =
        |(one, other): &&(&str, &str)| log.options.contains_key(*one) && log.options.contains_key(*other);
    if let Some((one, other)) = driver.exclusive.iter().find(both) {
        return Err(Invalid::LogOptionsExclusive { driver: log.driver.clone(), one, other });
    }
    VALUES.iter().chain(&FILE_VALUES).try_for_each(|(option, is_value)| match log.options.get(*option) {
        Some(value) if !is_value(value) => {
            Err(Invalid::LogOption { driver: log.driver.clone(), option, value: value.clone() })
        }
        _ => Ok(()),
    })?;
    check_tag(log)?;
    check_rotation(log)
}

/// Fargate has awslogs alone of these drivers, and asks for the stream's prefix.
pub(super) fn check_fargate(log: &LogConfiguration) -> Result<(), Invalid> {
    match log.driver.as_str() {
        "awslogs" => require(log, &["awslogs-stream-prefix"]),
        other => Err(Invalid::FargateLogDriver(other.to_owned())),
    }
}

/// The parts of a tag that are known before the image is.
const TAG_FIELDS: [&str; 5] = [".ID", ".FullID", ".Name", ".ImageName", ".DaemonName"];

/// Docker documentation: customize log driver output.
fn check_tag(log: &LogConfiguration) -> Result<(), Invalid> {
    let Some(tag) = log.options.get("tag") else { return Ok(()) };
    let is_known =
        |text: &str| text.split_once("}}").is_some_and(|(field, _)| TAG_FIELDS.contains(&field.trim()));
    match tag.split("{{").skip(1).all(is_known) {
        true => Ok(()),
        false => Err(Invalid::unsupported(format!("the log tag '{tag}'"))),
    }
}

/// Docker starts no container with several files and no size at which the next begins.
fn check_rotation(log: &LogConfiguration) -> Result<(), Invalid> {
    let files = log.options.get("max-file").filter(|files| files.as_str() != "1");
    match files {
        Some(_) => require(log, &["max-size"]),
        None => Ok(()),
    }
}

fn require(log: &LogConfiguration, options: &[&'static str]) -> Result<(), Invalid> {
    let missing = |o: &&&str| log.options.get(**o).is_none_or(String::is_empty);
    let missing: Vec<_> = options.iter().filter(missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Invalid::LogOptionsMissing { driver: log.driver.clone(), options: list(missing) })
}

fn is_bool(value: &str) -> bool {
    matches!(value, "true" | "false")
}

fn is_given(value: &str) -> bool {
    !value.is_empty()
}

/// Docker's sizes: `25m`, `512k`, `1g`, each with a `b` or without, or bytes; not nothing.
fn is_size(text: &str) -> bool {
    let number = text.to_ascii_lowercase();
    let number = number.strip_suffix('b').unwrap_or(&number);
    let number = number.strip_suffix(['k', 'm', 'g']).unwrap_or(number);
    number.len() <= 9
        && number.bytes().all(|b| b.is_ascii_digit())
        && number.parse::<u32>().is_ok_and(|n| n > 0)
}

/// `HOST`, `HOST:PORT`, either after `tcp://`, or `unix:///PATH`.
fn is_fluentd_address(text: &str) -> bool {
    if let Some(path) = text.strip_prefix("unix://") {
        return path.starts_with('/') && path.len() > 1;
    }
    let text = text.strip_prefix("tcp://").unwrap_or(text);
    let is_host = |host: &str| !host.is_empty() && !host.contains(['/', ' ', '\0']);
    match text.rsplit_once(':') {
        Some((host, port)) => is_host(host) && port.parse::<u16>().is_ok_and(|port| port > 0),
        None => is_host(text),
    }
}

fn list<T: AsRef<str>>(names: Vec<T>) -> String {
    names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}
