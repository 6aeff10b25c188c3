//! The trait of a service, its table of operations, and the call by name.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::{Context, Result};

use crate::codegen::names;
use crate::codegen::plan::Plan;

/// `Api`, `SERVICE` and `call`.
pub fn file(plan: &Plan<'_>) -> Result<String> {
    let types: BTreeSet<String> =
        plan.operations.keys().flat_map(|name| [plan.input_type(name), plan.output_type(name)]).collect();
    let types: Vec<String> = types.into_iter().collect();
    let mut out = format!(
        "use async_trait::async_trait;\nuse serde_json::Value;\n\n\
         use super::{{{}, schema}};\n\
         use crate::service::{{Encoding, Operation, Protocol, Reply, Service, decode}};\nuse crate::{{ApiError, Cx}};\n\n",
        types.join(", ")
    );
    api(plan, &mut out)?;
    service(plan, &mut out)?;
    call(plan, &mut out)?;
    Ok(out)
}

fn api(plan: &Plan<'_>, out: &mut String) -> Result<()> {
    let _ = writeln!(
        out,
        "/// The implemented operations of {}.\n#[async_trait]\npub trait Api: Send + Sync {{",
        plan.model.metadata.service_full_name
    );
    for name in plan.operations.keys() {
        let output = plan.output_type(name);
        let output = match plan.event_stream(name)? {
            Some(_) => format!("crate::EventStream<{output}>"),
            None => output,
        };
        let _ = writeln!(
            out,
            "/// `{name}`.\nasync fn {}(&self, cx: &Cx, input: {}) -> Result<{output}, ApiError>;\n",
            names::field(name),
            plan.input_type(name),
        );
    }
    let _ = writeln!(out, "}}\n");
    Ok(())
}

fn service(plan: &Plan<'_>, out: &mut String) -> Result<()> {
    let meta = &plan.model.metadata;
    let protocols: Result<Vec<String>> =
        meta.protocols().into_iter().map(|name| protocol(plan, name)).collect();
    let protocols = protocols?.join(", ");
    let _ = writeln!(
        out,
        "/// What the door needs to know of {}.\npub static SERVICE: Service = Service {{\n\
         name: {:?}, signing_name: {:?}, api_version: {:?}, protocols: &[{protocols}], invalid: {:?}, absent: {:?}, unsupported: {:?},\n\
         operations: &[",
        meta.service_full_name,
        plan.name,
        meta.signing_name.as_deref().unwrap_or(&meta.endpoint_prefix),
        meta.api_version,
        plan.config.invalid,
        plan.config.absent.as_ref().unwrap_or(&plan.config.invalid),
        plan.config.unsupported
    );
    for (name, operation) in &plan.operations {
        let input =
            operation.input.as_ref().map_or("EMPTY".to_owned(), |input| names::screaming(&input.shape));
        let output = match &operation.output {
            Some(output) if plan.has_output_tables() => {
                format!("schema::{}", names::screaming(&output.shape))
            }
            _ => "crate::schema::EMPTY".to_owned(),
        };
        let module = if operation.input.is_some() { "schema" } else { "crate::schema" };
        let _ =
            writeln!(out, "Operation {{ name: {name:?}, input: &{module}::{input}, output: &{output} }},");
    }
    let _ = writeln!(out, "],\nmissing: &[");
    for name in plan.model.operations.keys().filter(|name| !plan.operations.contains_key(name.as_str())) {
        let _ = writeln!(out, "{name:?},");
    }
    let _ = writeln!(out, "],\nreasons: &[");
    for (name, reason) in &plan.config.reasons {
        let _ = writeln!(out, "({name:?}, {reason:?}),");
    }
    let _ = writeln!(out, "],\nrequest_bytes_max: &[");
    for (name, bytes) in &plan.config.request_bytes_max {
        let _ = writeln!(out, "({name:?}, {bytes}),");
    }
    let _ = writeln!(out, "],\nerror_names: &[");
    for (code, name) in plan.error_names() {
        let _ = writeln!(out, "({code:?}, {name:?}),");
    }
    let _ = writeln!(out, "],\n}};\n");
    Ok(())
}

fn protocol(plan: &Plan<'_>, name: &str) -> Result<String> {
    let meta = &plan.model.metadata;
    Ok(match name {
        "smithy-rpc-v2-cbor" => format!(
            "Protocol::Cbor {{ name: {:?}, namespace: {:?} }}",
            meta.target_prefix.as_deref().unwrap_or_default(),
            plan.config.namespace.as_deref().context("operations.toml does not say the namespace")?
        ),
        "query" => format!(
            "Protocol::Query {{ namespace: {:?} }}",
            meta.xml_namespace.as_deref().unwrap_or_default()
        ),
        _ => format!(
            "Protocol::Json {{ version: {:?}, target_prefix: {:?} }}",
            meta.json_version.as_deref().unwrap_or("1.0"),
            meta.target_prefix.as_deref().unwrap_or_default()
        ),
    })
}

fn call(plan: &Plan<'_>, out: &mut String) -> Result<()> {
    let _ = writeln!(
        out,
        "/// Calls the operation with a checked input.\n\
         pub(crate) async fn call(api: &dyn Api, cx: &Cx, operation: &'static Operation, input: Value, encoding: &Encoding<'_>) \
         -> Result<Reply, ApiError> {{ match operation.name {{"
    );
    for name in plan.operations.keys() {
        let answer = format!("api.{}(cx, decode(input)?).await?", names::field(name));
        let _ = match plan.event_stream(name)? {
            Some(_) => writeln!(out, "{name:?} => Ok(Reply::Events(({answer}).encode())),"),
            None => writeln!(out, "{name:?} => encoding.encode(operation, &{answer}),"),
        };
    }
    let _ = writeln!(
        out,
        "name => Err(crate::error::internal_failure(format!(\"no operation {{name}} to call\"))),\n}}\n}}"
    );
    Ok(())
}
