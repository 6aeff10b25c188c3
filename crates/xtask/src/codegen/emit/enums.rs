//! String enums. `as_str`, `FromStr` and serde come from one macro in `wire`.

use std::fmt::Write;

use crate::codegen::names;
use crate::codegen::plan::Plan;

/// All enums of the service.
pub fn file(plan: &Plan<'_>) -> String {
    let mut out = String::new();
    for (name, shape) in plan.shapes(|_, shape| !shape.values.is_empty()) {
        let _ = writeln!(out, "crate::string_enum! {{ {} {{", names::string_enum(name));
        for value in &shape.values {
            let _ = writeln!(out, "{} = \"{value}\",", names::variant(value));
        }
        let _ = writeln!(out, "}} }}\n");
    }
    out
}
