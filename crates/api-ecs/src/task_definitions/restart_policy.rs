//! `restartPolicy` (Amazon ECS Developer Guide: restart individual containers in tasks).

use super::Invalid;
use super::settings::Settings;
use model::container::RestartPolicy;
use wire::ecs;

/// The most exit codes that are no reason to restart.
const IGNORED_EXIT_CODES_MAX: usize = 50;

/// Reads it, with AWS's defaults.
pub(super) fn parse(
    settings: Settings<'_>,
    policy: ecs::ContainerRestartPolicy,
) -> Result<RestartPolicy, Invalid> {
    let ignored_exit_codes = policy.ignored_exit_codes.unwrap_or_default();
    if ignored_exit_codes.len() > IGNORED_EXIT_CODES_MAX {
        let rule = format!("It can have at most {IGNORED_EXIT_CODES_MAX} exit codes.");
        return Err(settings.invalid("ignoredExitCodes", rule));
    }
    let period = settings.between("restartAttemptPeriod", policy.restart_attempt_period, 60..=1800)?;
    Ok(RestartPolicy {
        enabled: policy.enabled,
        ignored_exit_codes,
        attempt_period_secs: period.unwrap_or(RestartPolicy::ATTEMPT_PERIOD_SECS_DEFAULT),
    })
}
