//! The options of the awslogs driver (Amazon ECS Developer Guide: send logs to CloudWatch; Docker documentation:
//! `mode` and `max-buffer-size`).

use super::Invalid;
use model::container::LogConfiguration;
use std::collections::BTreeMap;

/// Options that the log driver of the agent honours.
const HONOURED: [&str; 6] = [
    "awslogs-create-group",
    "awslogs-group",
    "awslogs-region",
    "awslogs-stream-prefix",
    "max-buffer-size",
    "mode",
];
/// Options that AWS knows as well.
const KNOWN_TO_AWS: [&str; 3] = ["awslogs-datetime-format", "awslogs-endpoint", "awslogs-multiline-pattern"];

/// Checks one container's `logConfiguration`.
pub(super) fn check(log: &LogConfiguration) -> Result<(), Invalid> {
    if log.driver != "awslogs" {
        return Err(Invalid::unsupported(format!("the log driver '{}'", log.driver)));
    }
    require(log, &["awslogs-region", "awslogs-group"])?;
    let refused = |o: &&String| !HONOURED.contains(&o.as_str());
    let (known, unknown): (Vec<&String>, Vec<&String>) =
        log.options.keys().filter(refused).partition(|o| KNOWN_TO_AWS.contains(&o.as_str()));
    if !unknown.is_empty() {
        return Err(Invalid::LogOptionsUnknown { driver: log.driver.clone(), options: list(unknown) });
    }
    if !known.is_empty() {
        return Err(Invalid::unsupported(format!("the awslogs options {}", list(known))));
    }
    check_value(&log.options, "awslogs-create-group", |v| matches!(v, "true" | "false"))?;
    check_value(&log.options, "mode", |v| matches!(v, "blocking" | "non-blocking"))?;
    check_value(&log.options, "max-buffer-size", is_buffer_size)
}

/// Fargate also asks for the stream's prefix.
pub(super) fn check_fargate(log: &LogConfiguration) -> Result<(), Invalid> {
    require(log, &["awslogs-stream-prefix"])
}

fn require(log: &LogConfiguration, options: &[&'static str]) -> Result<(), Invalid> {
    let missing = |o: &&&str| log.options.get(**o).is_none_or(String::is_empty);
    let missing: Vec<_> = options.iter().filter(missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Invalid::LogOptionsMissing { driver: log.driver.clone(), options: list(missing) })
}

fn check_value(
    options: &BTreeMap<String, String>,
    option: &'static str,
    valid: impl Fn(&str) -> bool,
) -> Result<(), Invalid> {
    match options.get(option) {
        Some(value) if !valid(value) => Err(Invalid::LogOption { option, value: value.clone() }),
        _ => Ok(()),
    }
}

/// Docker's sizes: a whole number of bytes, or of `k`, `m` or `g`.
fn is_buffer_size(text: &str) -> bool {
    let number = text.to_ascii_lowercase();
    let number = number.strip_suffix(['b', 'k', 'm', 'g']).unwrap_or(&number);
    !number.is_empty() && number.len() <= 9 && number.bytes().all(|b| b.is_ascii_digit())
}

fn list<T: AsRef<str>>(names: Vec<T>) -> String {
    names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}
