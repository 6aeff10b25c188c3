//! Structures: inputs, outputs, and what they hold.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::Result;

use crate::codegen::model::Shape;
use crate::codegen::names;
use crate::codegen::plan::Plan;

/// The inputs of the operations.
pub fn requests(plan: &Plan<'_>) -> Result<String> {
    let own = input_names(plan);
    file(plan, |name| own.contains(name), &plan.empty_types(true))
}

/// The outputs of the operations.
pub fn responses(plan: &Plan<'_>) -> Result<String> {
    let own = output_names(plan);
    file(plan, |name| own.contains(name), &plan.empty_types(false))
}

/// All other structures.
pub fn types(plan: &Plan<'_>) -> Result<String> {
    let (inputs, outputs) = (input_names(plan), output_names(plan));
    file(plan, |name| !inputs.contains(name) && !outputs.contains(name), &[])
}

fn input_names(plan: &Plan<'_>) -> BTreeSet<String> {
    plan.operations.keys().map(|name| plan.input_type(name)).collect()
}

fn output_names(plan: &Plan<'_>) -> BTreeSet<String> {
    plan.operations.keys().map(|name| plan.output_type(name)).collect()
}

fn file(plan: &Plan<'_>, keep: impl Fn(&str) -> bool, empty: &[String]) -> Result<String> {
    let mut body = String::new();
    for (name, shape) in plan.shapes(|name, shape| shape.kind == "structure" && keep(name)) {
        structure(plan, name, shape, &mut body)?;
    }
    for name in empty {
        let _ = writeln!(
            body,
            "#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)] pub struct {name} {{}}\n"
        );
    }
    let mut head = String::new();
    if body.contains("BTreeMap<") {
        head.push_str("use std::collections::BTreeMap;\n\n");
    }
    if body.contains("Timestamp>") || body.contains(": Timestamp") {
        head.push_str("use model::Timestamp;\n");
    }
    if !body.is_empty() {
        head.push_str("use serde::{Deserialize, Serialize};\n");
    }
    let enums = plan.shapes(|_, shape| !shape.values.is_empty());
    let types = plan.shapes(|name, shape| {
        shape.kind == "structure" && !input_names(plan).contains(name) && !output_names(plan).contains(name)
    });
    let own = |name: &str| body.contains(&format!("pub struct {name} "));
    let enums = enums.iter().map(|(name, _)| names::string_enum(name));
    let used: Vec<String> = enums
        .chain(types.iter().map(|(name, _)| (*name).to_owned()))
        .filter(|name| !own(name) && mentions(&body, name))
        .collect();
    if !used.is_empty() {
        let _ = writeln!(head, "\nuse super::{{{}}};", used.join(", "));
    }
    Ok(format!("{head}\n{body}"))
}

/// The module with the serde functions of what holds timestamps.
fn timestamp_module(kind: &str) -> Option<&'static str> {
    match kind {
        "Timestamp" => Some("timestamp"),
        "Vec<Timestamp>" => Some("timestamp::list"),
        _ => None,
    }
}

fn mentions(body: &str, name: &str) -> bool {
    [format!(": {name},"), format!("<{name}>"), format!(", {name}>")].iter().any(|use_| body.contains(use_))
}

fn structure(plan: &Plan<'_>, name: &str, shape: &Shape, out: &mut String) -> Result<()> {
    let fields = plan.fields(name, shape);
    let pascal =
        fields.first().is_some_and(|(member, _)| member.starts_with(|c: char| c.is_ascii_uppercase()));
    let default = if plan.has_default(name, shape) { "Default, " } else { "" };
    let _ = writeln!(out, "#[derive(Clone, Debug, {default}PartialEq, Serialize, Deserialize)]");
    if !fields.is_empty() {
        let _ =
            writeln!(out, "#[serde(rename_all = \"{}\")]", if pascal { "PascalCase" } else { "camelCase" });
    }
    let _ = writeln!(out, "pub struct {name} {{");
    for (member, reference) in fields {
        let field = names::field(member);
        let required = plan.is_required(name, shape, member);
        let kind = plan.rust_type(&reference.shape)?;
        let mut serde = Vec::new();
        if names::serde_case(&field, pascal) != *member {
            serde.push(format!("rename = \"{member}\""));
        }
        if let Some(module) = timestamp_module(&kind) {
            let with = if required { module.to_owned() } else { format!("{module}::option") };
            serde.push(format!("with = \"crate::{with}\""));
        }
        if kind.contains("f64") {
            serde.push("serialize_with = \"crate::double::serialize\"".to_owned());
        }
        if !required {
            if timestamp_module(&kind).is_some() {
                serde.push("default".to_owned());
            }
            serde.push("skip_serializing_if = \"Option::is_none\"".to_owned());
        }
        if !serde.is_empty() {
            let _ = writeln!(out, "#[serde({})]", serde.join(", "));
        }
        let kind = if required { kind } else { format!("Option<{kind}>") };
        let _ = writeln!(out, "pub {field}: {kind},");
    }
    let _ = writeln!(out, "}}\n");
    Ok(())
}
