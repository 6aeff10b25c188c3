//! One constructor for each exception of the service.

use std::fmt::Write;

use crate::codegen::plan::Plan;

/// All exceptions of the model.
pub fn file(plan: &Plan<'_>) -> String {
    let mut out = "//! The errors of the service.\n\nuse crate::ApiError;\n\n".to_owned();
    for (function, code, status) in plan.errors() {
        let _ = writeln!(
            out,
            "/// `{code}`, HTTP {status}.\n\
             pub fn {function}(message: impl Into<String>) -> ApiError {{ ApiError::new(\"{code}\", {status}, message) }}\n"
        );
    }
    out
}
