//! Log drivers and their options.

use acs::payload::LogConfig;
use model::container::{ContainerDefinition, LogConfiguration};
use model::task::Task;

/// The driver that writes to CloudWatch Logs.
pub(super) const AWSLOGS: &str = "awslogs";

/// The drivers that send lines over a network, and may have to wait for it.
const SENDING: [&str; 2] = [AWSLOGS, "fluentd"];

/// Options go as they were given. One is always said to drivers that send, because its default is the account's and not
/// Docker's: whether a container waits while nobody takes its lines (Amazon ECS account settings:
/// `defaultLogDriverMode`). And for awslogs: Docker's driver knows a stream's name only, not ECS's prefix (Amazon ECS:
/// send Amazon ECS logs to CloudWatch, `prefix/name/task`), and has no region of its own.
pub(super) fn config(
    task: &Task,
    definition: &ContainerDefinition,
    log: &LogConfiguration,
    logs_endpoint: Option<&str>,
) -> LogConfig {
    let mut options = log.options.clone();
    if SENDING.contains(&log.driver.as_str()) {
        let mode = if task.logs_block_by_default { "blocking" } else { "non-blocking" };
        options.entry("mode".to_owned()).or_insert_with(|| mode.to_owned());
    }
    if log.driver == AWSLOGS {
        options.entry("awslogs-region".to_owned()).or_insert_with(|| task.scope.region.to_string());
        if let Some(endpoint) = logs_endpoint {
            options.entry("awslogs-endpoint".to_owned()).or_insert_with(|| endpoint.to_owned());
        }
        if let Some(prefix) = options.remove("awslogs-stream-prefix") {
            let stream = format!("{prefix}/{}/{}", definition.name, task.id);
            options.insert("awslogs-stream".to_owned(), stream);
        }
    }
    LogConfig { driver: log.driver.clone(), config: options }
}
