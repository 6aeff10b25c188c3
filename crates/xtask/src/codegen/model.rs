//! The part of a `service-2.json` that the generator reads. Whatever is not listed here (above all the prose) is
//! dropped when a model is trimmed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// One service.
#[derive(Serialize, Deserialize)]
pub struct Model {
    pub metadata: Metadata,
    pub operations: BTreeMap<String, Operation>,
    pub shapes: BTreeMap<String, Shape>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub api_version: String,
    pub endpoint_prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_version: Option<String>,
    pub protocol: String,
    /// All that the service speaks, the preferred one first; left out where it is one.
    #[serde(default, skip_serializing_if = "is_lone")]
    protocols: Vec<String>,
    pub service_full_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xml_namespace: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Reference>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    pub shape: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_name: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<String, Reference>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Reference>,
    #[serde(default, deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    #[serde(default, deserialize_with = "whole", skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub flattened: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub union: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub document: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub eventstream: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub exception: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub fault: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorTrait>,
}

/// The code and the status of an exception, where they are not the default.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorTrait {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status_code: Option<u16>,
}

/// Some models write the bounds of floats as `100.0`; the protocols compare whole numbers.
fn whole<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(Option::<f64>::deserialize(from)?.map(|bound| bound as i64))
}

fn is_lone(protocols: &[String]) -> bool {
    protocols.len() < 2
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Metadata {
    /// The protocols that the service speaks, the preferred one first.
    pub fn protocols(&self) -> Vec<&str> {
        match self.protocols.as_slice() {
            [] => vec![&self.protocol],
            several => several.iter().map(String::as_str).collect(),
        }
    }
}

impl Model {
    /// The shape called `name`.
    pub fn shape(&self, name: &str) -> Result<&Shape> {
        self.shapes.get(name).with_context(|| format!("no shape {name} in the model"))
    }

    /// Adds values to enums, and strings to structures, that exist and do not list them yet.
    pub fn complete(&mut self, unlisted: &BTreeMap<String, Vec<String>>) -> Result<()> {
        for (name, added) in unlisted {
            let is_open = |shape: &&mut Shape| shape.kind == "structure" || !shape.values.is_empty();
            let shape = self.shapes.get_mut(name).filter(is_open);
            let shape =
                shape.with_context(|| format!("unlisted.{name} is no enum and no structure of the model"))?;
            let is_listed = |name: &&String| shape.values.contains(name) || shape.members.contains_key(*name);
            if let Some(listed) = added.iter().find(is_listed) {
                bail!("unlisted.{name}: the model lists {listed} itself");
            }
            if shape.kind == "structure" {
                let string = Reference { shape: "String".to_owned(), location_name: None };
                shape.members.extend(added.iter().map(|member| (member.clone(), string.clone())));
            } else {
                shape.values.extend(added.iter().cloned());
            }
        }
        Ok(())
    }

    /// Keeps the names of all operations, the exceptions, and whatever `operations` reach.
    pub fn trim(mut self, operations: &[String]) -> Result<Self> {
        let mut kept = BTreeSet::new();
        for name in operations {
            let operation =
                self.operations.get(name).with_context(|| format!("no operation {name} in the model"))?;
            for shape in operation.input.iter().chain(&operation.output) {
                self.reach(&shape.shape, &mut kept)?;
            }
        }
        for (name, operation) in &mut self.operations {
            if !operations.contains(name) {
                *operation = Operation::default();
            }
        }
        self.shapes.retain(|name, shape| {
            if shape.exception {
                shape.members.clear();
                shape.required.clear();
            }
            shape.exception || kept.contains(name)
        });
        Ok(self)
    }

    fn reach(&self, name: &str, seen: &mut BTreeSet<String>) -> Result<()> {
        if !seen.insert(name.to_owned()) {
            return Ok(());
        }
        let shape = self.shape(name)?;
        for next in shape.references() {
            self.reach(&next.shape, seen)?;
        }
        Ok(())
    }
}

impl Shape {
    /// Every shape that this one mentions.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.members.values().chain(&self.member).chain(&self.key).chain(&self.value)
    }

    /// Whether a member must be given.
    pub fn requires(&self, member: &str) -> bool {
        self.required.iter().any(|name| name == member)
    }
}
