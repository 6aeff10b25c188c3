//! Any bytes as a form, read as the inputs of all services: the query protocol is driven by the same tables as JSON,
//! and ECS has the richest ones.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{SERVICES, check::check, query::Form};

fuzz_target!(|body: &[u8]| {
    let Ok(form) = Form::parse(body) else { return };
    for service in SERVICES {
        for operation in service.operations {
            let mut input = form.input(operation.input);
            let _ = check(service, operation.input, &mut input);
        }
    }
});
