//! The typed methods of the client.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::Result;

use crate::codegen::names;
use crate::codegen::plan::Plan;

/// `Client` with one method for each operation that gives one answer. It reads no streams.
pub fn file(plan: &Plan<'_>) -> Result<String> {
    let mut operations = Vec::new();
    for name in plan.operations.keys() {
        if plan.event_stream(name)?.is_none() {
            operations.push(*name);
        }
    }
    let types: BTreeSet<String> =
        operations.iter().flat_map(|name| [plan.input_type(name), plan.output_type(name)]).collect();
    let types: Vec<String> = types.into_iter().collect();
    let full_name = &plan.model.metadata.service_full_name;
    let mut out = format!(
        "use super::{{SERVICE, {}}};\nuse crate::client::{{self, ClientError}};\n\n\
         /// Calls {full_name}.\npub struct Client<'a>(pub(crate) &'a client::Client);\n\nimpl Client<'_> {{",
        types.join(", ")
    );
    for name in operations {
        let _ = writeln!(
            out,
            "/// `{name}`.\npub async fn {}(&self, input: &{}) -> Result<{}, ClientError> \
             {{ self.0.call(&SERVICE, {name:?}, input).await }}\n",
            names::field(name),
            plan.input_type(name),
            plan.output_type(name)
        );
    }
    out.push_str("}\n");
    Ok(out)
}
