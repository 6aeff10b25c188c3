//! Any bytes as a form, read as the inputs of all services: the query protocol is driven by the same tables as JSON,
//! and ECS has the richest ones.

use wire::{SERVICES, check::check as check_input, query::Form};

/// Whether an operation accepts it.
pub fn check(body: &[u8]) -> bool {
    let Ok(form) = Form::parse(body) else { return false };
    let mut accepted = false;
    for service in SERVICES {
        for operation in service.operations {
            let mut input = form.input(operation.input);
            accepted |= check_input(service, operation.input, &mut input).is_ok();
        }
    }
    accepted
}
