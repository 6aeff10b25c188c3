//! `healthCheck` (Amazon ECS API Reference: HealthCheck).

use super::Invalid;
use super::settings::Settings;
use model::container::HealthCheck;
use wire::ecs;

/// Reads it, with AWS's defaults.
pub(super) fn parse(settings: Settings<'_>, check: ecs::HealthCheck) -> Result<HealthCheck, Invalid> {
    match check.command.as_slice() {
        [form, _, ..] if form == "CMD" || form == "CMD-SHELL" => {}
        _ => {
            let rule = "The command must start with CMD or CMD-SHELL, and say what to run.";
            return Err(settings.invalid("healthCheck.command", rule));
        }
    }
    let seconds = |setting, value, range| settings.between(setting, value, range);
    Ok(HealthCheck {
        command: check.command,
        interval_secs: seconds("healthCheck.interval", check.interval, 5..=300)?
            .unwrap_or(HealthCheck::INTERVAL_SECS_DEFAULT),
        timeout_secs: seconds("healthCheck.timeout", check.timeout, 2..=60)?
            .unwrap_or(HealthCheck::TIMEOUT_SECS_DEFAULT),
        retries: settings
            .between("healthCheck.retries", check.retries, 1..=10)?
            .unwrap_or(HealthCheck::RETRIES_DEFAULT),
        start_period_secs: seconds("healthCheck.startPeriod", check.start_period, 0..=300)?,
    })
}
