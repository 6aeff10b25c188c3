//! What the Engine says of a container, in the agent's words.

use agent_driver::{Exit, RuntimeState};
use bollard::models::{ContainerInspectResponse, ContainerState, ContainerStateStatusEnum};
use jiff::Timestamp;

pub(super) fn of(found: &ContainerInspectResponse) -> RuntimeState {
    use ContainerStateStatusEnum::{DEAD, EMPTY, REMOVING};
    let Some(state) = &found.state else { return RuntimeState::Lost };
    match state.status {
        Some(DEAD | REMOVING | EMPTY) | None => RuntimeState::Lost,
        // Made, or could not be started; the zero time is before the epoch.
        _ if unix_ms(state.started_at.as_deref()) < 0 => RuntimeState::Unstarted,
        Some(ContainerStateStatusEnum::EXITED) => RuntimeState::Exited(exit(state)),
        Some(ContainerStateStatusEnum::CREATED) => RuntimeState::Unstarted,
        Some(_) => RuntimeState::Running,
    }
}

fn exit(state: &ContainerState) -> Exit {
    Exit {
        code: state.exit_code.and_then(|code| i32::try_from(code).ok()).unwrap_or(-1),
        at_unix_ms: unix_ms(state.finished_at.as_deref()),
        oom_killed: state.oom_killed.unwrap_or(false),
    }
}

fn unix_ms(text: Option<&str>) -> i64 {
    text.and_then(|text| text.parse::<Timestamp>().ok()).map_or(-1, Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: &str = "0001-01-01T00:00:00Z";

    fn state(status: ContainerStateStatusEnum, started_at: &str) -> RuntimeState {
        let state = ContainerState {
            status: Some(status),
            started_at: Some(started_at.to_owned()),
            finished_at: Some("1970-01-01T00:00:02.5Z".to_owned()),
            exit_code: Some(7),
            oom_killed: Some(true),
            ..Default::default()
        };
        of(&ContainerInspectResponse { state: Some(state), ..Default::default() })
    }

    #[test]
    fn states() {
        use ContainerStateStatusEnum::{CREATED, DEAD, EXITED, PAUSED, REMOVING, RUNNING};
        let began = "1970-01-01T00:00:01Z";
        let exit = Exit { code: 7, at_unix_ms: 2500, oom_killed: true };
        for (status, started_at, expected) in [
            (CREATED, NEVER, RuntimeState::Unstarted),
            (EXITED, NEVER, RuntimeState::Unstarted),
            (RUNNING, began, RuntimeState::Running),
            (PAUSED, began, RuntimeState::Running),
            (EXITED, began, RuntimeState::Exited(exit)),
            (DEAD, began, RuntimeState::Lost),
            (REMOVING, began, RuntimeState::Lost),
        ] {
            assert_eq!(state(status, started_at), expected, "{status:?}");
        }
    }
}
