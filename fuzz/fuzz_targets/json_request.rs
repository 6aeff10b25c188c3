//! Any bytes as the body of every JSON operation: parsed, checked, and, where the check accepts it, decoded.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{check::check, ecs, json, logs, service::decode};

fuzz_target!(|body: &[u8]| {
    let Ok(value) = json::parse(body) else { return };
    for service in [&ecs::SERVICE, &logs::SERVICE] {
        for operation in service.operations {
            let mut input = value.clone();
            if check(service, operation.input, &mut input).is_err() {
                continue;
            }
            // What the check accepts, the types must hold.
            match operation.name {
                "RegisterTaskDefinition" => drop(decode::<ecs::RegisterTaskDefinitionRequest>(input).unwrap()),
                "RunTask" => drop(decode::<ecs::RunTaskRequest>(input).unwrap()),
                "RegisterContainerInstance" => drop(decode::<ecs::RegisterContainerInstanceRequest>(input).unwrap()),
                "SubmitTaskStateChange" => drop(decode::<ecs::SubmitTaskStateChangeRequest>(input).unwrap()),
                "PutLogEvents" => drop(decode::<logs::PutLogEventsRequest>(input).unwrap()),
                "CreateLogGroup" => drop(decode::<logs::CreateLogGroupRequest>(input).unwrap()),
                _ => {}
            }
        }
    }
});
