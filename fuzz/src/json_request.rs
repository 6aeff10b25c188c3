//! Any bytes as the body of every JSON operation: parsed, checked, and, where the check accepts it, decoded.

use wire::{check::check as check_input, ecs, json, logs, service::decode};

/// Whether an operation accepts it.
pub fn check(body: &[u8]) -> bool {
    let Ok(value) = json::parse(body) else { return false };
    let mut accepted = false;
    for service in [&ecs::SERVICE, &logs::SERVICE] {
        for operation in service.operations {
            let mut input = value.clone();
            if check_input(service, operation.input, &mut input).is_err() {
                continue;
            }
            accepted = true;
            // What the check accepts, the types must hold.
            match operation.name {
                "RegisterTaskDefinition" => {
                    drop(decode::<ecs::RegisterTaskDefinitionRequest>(input).unwrap())
                }
                "RunTask" => drop(decode::<ecs::RunTaskRequest>(input).unwrap()),
                "RegisterContainerInstance" => {
                    drop(decode::<ecs::RegisterContainerInstanceRequest>(input).unwrap())
                }
                "SubmitTaskStateChange" => drop(decode::<ecs::SubmitTaskStateChangeRequest>(input).unwrap()),
                "PutLogEvents" => drop(decode::<logs::PutLogEventsRequest>(input).unwrap()),
                "CreateLogGroup" => drop(decode::<logs::CreateLogGroupRequest>(input).unwrap()),
                _ => {}
            }
        }
    }
    accepted
}
