//! The typed methods of the client.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::codegen::names;
use crate::codegen::plan::Plan;

/// `Client` with one method for each operation.
pub fn file(plan: &Plan<'_>) -> String {
    let types: BTreeSet<String> =
        plan.operations.keys().flat_map(|name| [plan.input_type(name), plan.output_type(name)]).collect();
    let types: Vec<String> = types.into_iter().collect();
    let full_name = &plan.model.metadata.service_full_name;
    let mut out = format!(
        "use super::{{SERVICE, {}}};\nuse crate::client::{{self, ClientError}};\n\n\
         /// Calls {full_name}.\npub struct Client<'a>(pub(crate) &'a client::Client);\n\nimpl Client<'_> {{",
        types.join(", ")
    );
    for name in plan.operations.keys() {
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
    out
}
