//! A container's health check.

use super::Unacceptable;
use acs::payload::{self, HEALTH_CHECK_DOCKER, Healthcheck};
use agent_driver::ExecSpec;
use core_task::run;

const NANOS_PER_MS: i64 = 1_000_000;
/// Docker's own values for what is 0 (Dockerfile reference: HEALTHCHECK).
const INTERVAL_MS_DEFAULT: i64 = 30_000;
const TIMEOUT_MS_DEFAULT: i64 = 30_000;
const RETRIES_DEFAULT: u32 = 3;

/// What is executed, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) schedule: run::HealthCheck,
    pub(crate) exec: ExecSpec,
}

pub(super) fn read(
    container: &payload::Container,
    check: Option<&Healthcheck>,
) -> Result<Option<Health>, Unacceptable> {
    let wanted = match container.health_check_type.as_str() {
        "" => false,
        HEALTH_CHECK_DOCKER => true,
        other => return Err(Unacceptable(format!("the health check type {other} is not supported"))),
    };
    let Some(check) = check.filter(|check| !check.test.is_empty() && check.test != ["NONE"]) else {
        return match wanted {
            true => Err(Unacceptable("there is no health check to report".to_owned())),
            false => Ok(None),
        };
    };
    let millis = |nanos: i64, default: i64| if nanos <= 0 { default } else { (nanos / NANOS_PER_MS).max(1) };
    let timeout_ms = millis(check.timeout, TIMEOUT_MS_DEFAULT);
    Ok(Some(Health {
        schedule: run::HealthCheck {
            interval_ms: millis(check.interval, INTERVAL_MS_DEFAULT),
            retries: if check.retries == 0 { RETRIES_DEFAULT } else { check.retries },
            start_period_ms: millis(check.start_period, 0),
        },
        exec: ExecSpec { args: args(&check.test)?, timeout_ms: timeout_ms.unsigned_abs() },
    }))
}

fn args(test: &[String]) -> Result<Vec<String>, Unacceptable> {
    match test.split_first() {
        Some((kind, args)) if kind == "CMD" && !args.is_empty() => Ok(args.to_vec()),
        Some((kind, [line])) if kind == "CMD-SHELL" => {
            Ok(vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()])
        }
        _ => Err(Unacceptable(format!("the health check {test:?} is neither CMD nor CMD-SHELL"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(test: &[&str]) -> Result<Option<Health>, Unacceptable> {
        let test = test.iter().map(|t| (*t).to_owned()).collect();
        let check = Healthcheck { test, interval: 5_000_000_000, ..Healthcheck::default() };
        let container =
            payload::Container { health_check_type: "docker".to_owned(), ..payload::Container::default() };
        read(&container, Some(&check))
    }

    #[test]
    fn commands_run_with_and_without_a_shell() {
        let health = check(&["CMD-SHELL", "curl -f localhost || exit 1"]).unwrap().unwrap();
        assert_eq!(health.exec.args, ["/bin/sh", "-c", "curl -f localhost || exit 1"]);
        assert_eq!(health.exec.timeout_ms, 30_000);
        let expected = run::HealthCheck { interval_ms: 5_000, retries: 3, start_period_ms: 0 };
        assert_eq!(health.schedule, expected);
        assert_eq!(check(&["CMD", "true", "x"]).unwrap().unwrap().exec.args, ["true", "x"]);
        for bad in [&["CMD"][..], &["CMD-SHELL"], &["CMD-SHELL", "a", "b"], &["curl"], &["NONE"], &[]] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
