//! The tables that requests are checked against.

use std::fmt::Write;

use anyhow::{Context, Result};

use crate::codegen::model::{Reference, Shape};
use crate::codegen::names;
use crate::codegen::plan::{Plan, Treatment};

/// One static for each shape that an input reaches; for XML protocols also for the outputs.
pub fn file(plan: &Plan<'_>) -> Result<String> {
    let mut body = String::new();
    for (name, shape) in plan.shapes(|name, _| plan.has_output_tables() || plan.inputs.contains(name)) {
        let _ = writeln!(
            body,
            "pub static {}: Shape = {};\n",
            names::screaming(name),
            expression(plan, name, shape).with_context(|| format!("shape {name}"))?
        );
    }
    let used: Vec<&str> = ["List", "Map", "Member", "Pattern", "Range", "Shape", "Structure", "Text"]
        .into_iter()
        .filter(|name| {
            [format!("{name} {{"), format!("{name}::"), format!(": {name} ")].iter().any(|u| body.contains(u))
        })
        .collect();
    Ok(format!(
        "//! The tables that requests are checked against.\n\nuse crate::schema::{{{}}};\n\n{body}",
        used.join(", ")
    ))
}

fn expression(plan: &Plan<'_>, name: &str, shape: &Shape) -> Result<String> {
    let bounds = |shape: &Shape| format!("Range {{ min: {:?}, max: {:?} }}", shape.min, shape.max);
    let part = |reference: &Option<Reference>| {
        reference.as_ref().map(|reference| names::screaming(&reference.shape)).context("a part is missing")
    };
    Ok(match shape.kind.as_str() {
        "structure" => structure(plan, name, shape),
        "string" => {
            let pattern = match &shape.pattern {
                Some(pattern) => format!("Some(Pattern::new({pattern:?}))"),
                None => "None".to_owned(),
            };
            format!(
                "Shape::Text(Text {{ length: {}, pattern: {pattern}, values: &{:?} }})",
                bounds(shape),
                shape.values
            )
        }
        "integer" => format!("Shape::Integer({})", bounds(shape)),
        "long" => format!("Shape::Long({})", bounds(shape)),
        "float" | "double" => format!("Shape::Double({})", bounds(shape)),
        "boolean" => "Shape::Boolean".to_owned(),
        "timestamp" => "Shape::Timestamp".to_owned(),
        "list" => format!(
            "Shape::List(List {{ length: {}, member: &{}, flattened: {} }})",
            bounds(shape),
            part(&shape.member)?,
            shape.flattened
        ),
        "map" => format!(
            "Shape::Map(Map {{ length: {}, key: &{}, value: &{}, flattened: {} }})",
            bounds(shape),
            part(&shape.key)?,
            part(&shape.value)?,
            shape.flattened
        ),
        kind => anyhow::bail!("the generator does not know {kind} yet"),
    })
}

fn structure(plan: &Plan<'_>, name: &str, shape: &Shape) -> String {
    let input = plan.inputs.contains(name);
    let mut out = format!("Shape::Structure(Structure {{ name: {name:?}, members: &[");
    for (member, reference) in &shape.members {
        let shape_static = names::screaming(&reference.shape);
        let text = match plan.treatment(name, member) {
            Treatment::Refused { accepted } if input => {
                format!("Member::refused({member:?}, &{accepted:?}),")
            }
            _ if input && shape.requires(member) => format!("Member::required({member:?}, &{shape_static}),"),
            _ => format!("Member::optional({member:?}, &{shape_static}),"),
        };
        out.push_str(&text);
    }
    out + "] })"
}
