//! The options of the awslogs driver (Amazon ECS: send Amazon ECS logs to CloudWatch).

use crate::blueprint::Unacceptable;
use acs::payload::LogConfig;
use agent_driver::{AwslogsSpec, RuntimeId, SpoolMode, SpoolSpec};
use model::arn::Arn;
use std::path::Path;

/// `max-buffer-size` when it is not given, as the Amazon ECS agent sets it.
const BUFFER_BYTES_DEFAULT: u64 = 10 << 20;

/// Reads a container's log configuration; `None` for the driver `none`. An option that is not honoured is refused by
/// name.
pub(crate) fn read(
    log: &LogConfig,
    container: &str,
    id: &RuntimeId,
    arn: &Arn,
    spool_dir: &Path,
) -> Result<Option<AwslogsSpec>, Unacceptable> {
    let refused = |text: String| Unacceptable(format!("container {container}: {text}"));
    match log.driver.as_str() {
        "none" => return Ok(None),
        "awslogs" => {}
        other => return Err(refused(format!("the log driver {other} is not supported"))),
    }
    let mut spec = AwslogsSpec {
        id: id.clone(),
        spool: SpoolSpec { dir: spool_dir.join(&id.0), mode: SpoolMode::Blocking { max_bytes: 0 } },
        account: arn.scope.account.0.clone(),
        region: arn.scope.region.0.clone(),
        group: String::new(),
        stream: String::new(),
        create_group: false,
    };
    let (mut max_bytes, mut blocking) = (BUFFER_BYTES_DEFAULT, true);
    for (name, value) in &log.config {
        let bad = || refused(format!("{value:?} is no value for the log option {name}"));
        match name.as_str() {
            "awslogs-group" => spec.group = value.clone(),
            "awslogs-region" => spec.region = value.clone(),
            "awslogs-stream" => spec.stream = value.clone(),
            "awslogs-stream-prefix" => {
                let task = id.0.rsplit_once('-').map_or("", |(task, _)| task);
                spec.stream = format!("{value}/{container}/{task}");
            }
            "awslogs-create-group" => spec.create_group = value.parse().map_err(|_| bad())?,
            "mode" => blocking = mode(value).ok_or_else(bad)?,
            "max-buffer-size" => max_bytes = parse_size(value).ok_or_else(bad)?,
            other => return Err(refused(format!("the log option {other} is not supported"))),
        }
    }
    if spec.group.is_empty() {
        return Err(refused("the log option awslogs-group is missing".to_owned()));
    }
    if spec.stream.is_empty() {
        // Docker's own choice is the container's id.
        spec.stream = id.0.clone();
    }
    spec.spool.mode =
        if blocking { SpoolMode::Blocking { max_bytes } } else { SpoolMode::NonBlocking { max_bytes } };
    Ok(Some(spec))
}

/// Whether the container waits when nobody takes its lines. That is the default: no line is lost unless asked for.
fn mode(text: &str) -> Option<bool> {
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
    use super::parse_size;

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
