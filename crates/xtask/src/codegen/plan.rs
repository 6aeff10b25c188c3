//! Decides what is generated for one service. Everything after this only prints.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail, ensure};

use super::config::{Honoured, Service};
use super::model::{Model, Operation, Reference, Shape};
use super::names;

/// What is generated for one service.
pub struct Plan<'a> {
    /// The Rust module.
    pub name: &'a str,
    pub config: &'a Service,
    pub model: &'a Model,
    /// The implemented operations, by name.
    pub operations: BTreeMap<&'a str, &'a Operation>,
    /// Shapes that an input reaches through honoured members; they are validated.
    pub inputs: BTreeSet<&'a str>,
    /// Shapes that an output reaches.
    pub outputs: BTreeSet<&'a str>,
}

/// How one member of an input is treated.
pub enum Treatment<'a> {
    /// It becomes a field.
    Honoured,
    /// Refused, except for these values.
    Refused { accepted: Vec<&'a str> },
}

impl<'a> Plan<'a> {
    /// Walks the model. Fails when `operations.toml` and the model do not fit together.
    pub fn new(name: &'a str, config: &'a Service, model: &'a Model) -> Result<Self> {
        let mut operations = BTreeMap::new();
        for operation in &config.operations {
            let Some((name, operation)) = model.operations.get_key_value(operation) else {
                bail!("operation {operation} is not in the model");
            };
            operations.insert(name.as_str(), operation);
        }
        let mut plan =
            Self { name, config, model, operations, inputs: BTreeSet::new(), outputs: BTreeSet::new() };
        plan.check_honoured()?;
        plan.check_reasons()?;
        plan.check_request_bytes()?;
        let mut inputs = BTreeSet::new();
        for input in plan.operations.values().filter_map(|o| o.input.as_ref()) {
            plan.reach_honoured(&input.shape, &mut inputs)?;
        }
        plan.inputs = inputs;
        let mut outputs = BTreeSet::new();
        for (name, operation) in &plan.operations {
            match plan.event_stream(name)? {
                Some(stream) => {
                    for (_, event) in plan.events(stream)? {
                        plan.reach_output(event, &mut outputs)?;
                    }
                }
                None => {
                    operation.output.iter().try_for_each(|o| plan.reach_output(&o.shape, &mut outputs))?;
                }
            }
        }
        plan.outputs = outputs;
        if let Some(unused) = config.honoured.keys().find(|name| !plan.inputs.contains(name.as_str())) {
            bail!("honoured.{unused} is not reachable from an implemented input");
        }
        Ok(plan)
    }

    /// Every name under `request_bytes_max` must be an implemented operation.
    fn check_request_bytes(&self) -> Result<()> {
        for name in self.config.request_bytes_max.keys() {
            ensure!(self.operations.contains_key(name.as_str()), "request_bytes_max.{name}: not implemented");
        }
        Ok(())
    }

    /// Every name under `reasons` must be an operation that is not implemented.
    fn check_reasons(&self) -> Result<()> {
        for name in self.config.reasons.keys() {
            let is_missing =
                self.model.operations.contains_key(name) && !self.operations.contains_key(name.as_str());
            ensure!(is_missing, "reasons.{name}: no operation, or an implemented one");
        }
        Ok(())
    }

    /// Every name under `honoured` must exist.
    fn check_honoured(&self) -> Result<()> {
        for (structure, honoured) in &self.config.honoured {
            let shape = self.model.shape(structure)?;
            let Honoured::Listed(members) = honoured else { continue };
            for member in members {
                let name = member.split_once('=').map_or(member.as_str(), |(name, _)| name);
                ensure!(shape.members.contains_key(name), "honoured.{structure}: no member {name}");
            }
        }
        Ok(())
    }

    fn reach_honoured(&self, name: &'a str, seen: &mut BTreeSet<&'a str>) -> Result<()> {
        if !seen.insert(name) {
            return Ok(());
        }
        let shape = self.model.shape(name)?;
        understood(name, shape)?;
        let explained = shape.members.is_empty() || self.config.honoured.contains_key(name);
        ensure!(explained, "operations.toml does not say what is honoured of {name}");
        for (_, next) in self.honoured_members(name, shape) {
            self.reach_honoured(&next.shape, seen)?;
        }
        for next in shape.member.iter().chain(&shape.key).chain(&shape.value) {
            self.reach_honoured(&next.shape, seen)?;
        }
        Ok(())
    }

    fn reach_output(&self, name: &'a str, seen: &mut BTreeSet<&'a str>) -> Result<()> {
        if !seen.insert(name) {
            return Ok(());
        }
        let shape = self.model.shape(name)?;
        understood(name, shape)?;
        for (_, next) in self.fields(name, shape) {
            self.reach_output(&next.shape, seen)?;
        }
        for next in shape.member.iter().chain(&shape.key).chain(&shape.value) {
            self.reach_output(&next.shape, seen)?;
        }
        Ok(())
    }

    /// How the member of an input structure is treated.
    pub fn treatment(&self, structure: &str, member: &str) -> Treatment<'a> {
        match self.config.honoured.get(structure) {
            Some(Honoured::Listed(listed)) if !listed.iter().any(|name| name == member) => {
                let value = |entry: &'a String| {
                    entry.split_once('=').filter(|(name, _)| *name == member).map(|(_, value)| value)
                };
                Treatment::Refused { accepted: listed.iter().filter_map(value).collect() }
            }
            _ => Treatment::Honoured,
        }
    }

    fn honoured_members<'s>(
        &self,
        name: &str,
        shape: &'s Shape,
    ) -> impl Iterator<Item = (&'s String, &'s Reference)> {
        shape
            .members
            .iter()
            .filter(move |(member, _)| matches!(self.treatment(name, member), Treatment::Honoured))
    }

    /// The members that become Rust fields.
    pub fn fields<'s>(&self, name: &str, shape: &'s Shape) -> Vec<(&'s String, &'s Reference)> {
        if self.inputs.contains(name) {
            self.honoured_members(name, shape).collect()
        } else {
            shape.members.iter().collect()
        }
    }

    /// Whether the field is `T` and not `Option<T>`.
    pub fn is_required(&self, structure: &str, shape: &Shape, member: &str) -> bool {
        self.inputs.contains(structure) && shape.requires(member)
    }

    /// The generated shapes of one kind that have a Rust type, with whatever `keep` keeps.
    pub fn shapes(&self, keep: impl Fn(&str, &Shape) -> bool) -> Vec<(&'a str, &'a Shape)> {
        let names: BTreeSet<&str> = self.inputs.union(&self.outputs).copied().collect();
        let model = self.model;
        names
            .into_iter()
            .filter_map(|name| model.shapes.get_key_value(name))
            .map(|(name, shape)| (name.as_str(), shape))
            .filter(|(name, shape)| keep(name, shape))
            .collect()
    }

    /// The Rust type of the shape called `name`.
    pub fn rust_type(&self, name: &str) -> Result<String> {
        let shape = self.model.shape(name)?;
        let of = |reference: &Option<Reference>| match reference {
            Some(reference) => self.rust_type(&reference.shape),
            None => bail!("shape {name} lacks a part"),
        };
        Ok(match shape.kind.as_str() {
            "structure" => name.to_owned(),
            "string" if !shape.values.is_empty() => names::string_enum(name),
            "string" => "String".to_owned(),
            "integer" => "i32".to_owned(),
            "long" => "i64".to_owned(),
            "float" | "double" => "f64".to_owned(),
            "boolean" => "bool".to_owned(),
            "timestamp" => "Timestamp".to_owned(),
            "list" => format!("Vec<{}>", of(&shape.member)?),
            "map" => format!("BTreeMap<String, {}>", of(&shape.value)?),
            kind => bail!("shape {name}: the generator does not know {kind} yet"),
        })
    }

    /// Whether `Default` can be derived: no required field is an enum, a timestamp or a structure without it.
    pub fn has_default(&self, name: &str, shape: &Shape) -> bool {
        self.fields(name, shape).into_iter().filter(|(member, _)| self.is_required(name, shape, member)).all(
            |(_, reference)| match self.model.shapes.get(&reference.shape) {
                Some(inner) if inner.kind == "structure" => self.has_default(&reference.shape, inner),
                Some(inner) => inner.values.is_empty(),
                None => false,
            },
        )
    }

    /// Whether outputs are written by their shapes: every protocol but JSON needs that.
    pub fn has_output_tables(&self) -> bool {
        self.model.metadata.protocols().iter().any(|protocol| *protocol != "json")
    }

    /// The Rust type of an operation's input.
    pub fn input_type(&self, name: &str) -> String {
        let input = self.operations.get(name).and_then(|operation| operation.input.as_ref());
        input.map_or_else(|| format!("{name}Request"), |input| input.shape.clone())
    }

    /// The stream of events that an operation answers with instead of one output.
    pub fn event_stream(&self, operation: &str) -> Result<Option<&'a str>> {
        let output = self.operations.get(operation).and_then(|operation| operation.output.as_ref());
        let Some(output) = output else { return Ok(None) };
        for member in self.model.shape(&output.shape)?.members.values() {
            if self.model.shape(&member.shape)?.eventstream {
                return Ok(Some(&member.shape));
            }
        }
        Ok(None)
    }

    /// The events of a stream as (member, structure). Its exceptions are not among them: they are errors.
    pub fn events(&self, stream: &str) -> Result<Vec<(&'a str, &'a str)>> {
        let mut events = Vec::new();
        for (member, event) in &self.model.shape(stream)?.members {
            if !self.model.shape(&event.shape)?.exception {
                events.push((member.as_str(), event.shape.as_str()));
            }
        }
        Ok(events)
    }

    /// The Rust type of an operation's output, or of the events that it streams.
    pub fn output_type(&self, name: &str) -> String {
        if let Ok(Some(stream)) = self.event_stream(name) {
            return stream.to_owned();
        }
        let output = self.operations.get(name).and_then(|operation| operation.output.as_ref());
        output.map_or_else(|| format!("{name}Response"), |output| output.shape.clone())
    }

    /// Input and output types that the model does not have: operations that take or give nothing.
    pub fn empty_types(&self, input: bool) -> Vec<String> {
        self.operations
            .iter()
            .filter(
                |(_, operation)| if input { operation.input.is_none() } else { operation.output.is_none() },
            )
            .map(|(name, _)| if input { self.input_type(name) } else { self.output_type(name) })
            .collect()
    }

    /// The exceptions as (constructor, code, status).
    pub fn errors(&self) -> Vec<(String, &'a str, u16)> {
        self.exceptions()
            .map(|(name, code, shape)| {
                let status = shape.error.as_ref().and_then(|error| error.http_status_code);
                (names::snake(name), code, status.unwrap_or(if shape.fault { 500 } else { 400 }))
            })
            .collect()
    }

    /// The exceptions whose code is not their name as (code, name), where a protocol sends the name.
    pub fn error_names(&self) -> Vec<(&'a str, &'a str)> {
        if self.model.metadata.protocols() == ["query"] {
            return Vec::new();
        }
        // A code that is also the name of a shape means that shape.
        let is_name = |code: &str| self.exceptions().any(|(name, _, _)| name == code);
        let exceptions = self.exceptions().map(|(name, code, _)| (code, name));
        exceptions.filter(|(code, _)| !is_name(code)).collect()
    }

    fn exceptions(&self) -> impl Iterator<Item = (&'a str, &'a str, &'a Shape)> {
        let exceptions = self.model.shapes.iter().filter(|(_, shape)| shape.exception);
        exceptions.map(|(name, shape)| {
            let code = shape.error.as_ref().and_then(|error| error.code.as_deref()).unwrap_or(name);
            (name.as_str(), code, shape)
        })
    }
}

/// Fails for a trait of the model that the generated code would not honour.
fn understood(name: &str, shape: &Shape) -> Result<()> {
    let renamed = shape.references().any(|reference| reference.location_name.is_some());
    let traits = [
        ("union", shape.union),
        ("document", shape.document),
        ("eventstream", shape.eventstream),
        ("locationName", renamed),
        ("a flattened map", shape.flattened && shape.kind == "map"),
    ];
    match traits.into_iter().find(|(_, present)| *present) {
        Some((what, _)) => bail!("shape {name}: the generator does not know {what} yet"),
        None => Ok(()),
    }
}
