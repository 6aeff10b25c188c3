//! The events of streaming operations: one enum for each stream.

use std::fmt::Write;

use anyhow::Result;

use crate::codegen::names;
use crate::codegen::plan::Plan;

/// The enums; empty when nothing streams.
pub fn file(plan: &Plan<'_>) -> Result<String> {
    let mut out = String::new();
    let mut used = Vec::new();
    for name in plan.operations.keys() {
        let Some(stream) = plan.event_stream(name)? else { continue };
        let events = plan.events(stream)?;
        used.extend(events.iter().map(|(_, shape)| *shape));
        let _ = writeln!(
            out,
            "/// What `{name}` answers with, again and again.\n#[derive(Clone, Debug, PartialEq)]\npub enum {stream} {{"
        );
        for (member, shape) in &events {
            let _ = writeln!(out, "{}({shape}),", variant(member));
        }
        let _ = writeln!(
            out,
            "}}\n\nimpl Event for {stream} {{\nfn name(&self) -> &'static str {{ match self {{"
        );
        for (member, _) in &events {
            let _ = writeln!(out, "Self::{}(_) => {member:?},", variant(member));
        }
        let _ = writeln!(
            out,
            "}} }}\n\nfn payload(&self) -> Result<Vec<u8>, serde_json::Error> {{ match self {{"
        );
        for (member, _) in &events {
            let _ = writeln!(out, "Self::{}(event) => serde_json::to_vec(event),", variant(member));
        }
        let _ = writeln!(out, "}} }}\n}}");
    }
    if out.is_empty() {
        return Ok(out);
    }
    Ok(format!("use super::{{{}}};\nuse crate::event_stream::Event;\n\n{out}", used.join(", ")))
}

/// `sessionStart` → `SessionStart`
fn variant(member: &str) -> String {
    names::serde_case(&names::snake(member), true)
}
