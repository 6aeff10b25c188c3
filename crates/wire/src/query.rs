//! Requests of the query protocol: a form whose field names are paths, `Tags.member.1.Key=a`.
//!
//! The form is read into the same [`Value`] that JSON gives, guided by the schema, so that everything after it is
//! the same for both protocols.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode;
use serde_json::{Map as Object, Value};

use crate::ApiError;
use crate::error::serialization_exception;
use crate::schema::{Shape, Structure, Use};

/// The fields of a form, by name.
#[derive(Debug, Default)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`. Of repeated fields the last one holds.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let mut fields = BTreeMap::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let cut = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            fields.insert(decode(&pair[..cut])?, decode(pair.get(cut + 1..).unwrap_or_default())?);
        }
        Ok(Self(fields))
    }

    /// One field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The form as the input that `shape` describes.
    pub fn input(&self, shape: &Shape) -> Value {
        self.read(shape, "").unwrap_or_else(|| Value::Object(Object::new()))
    }

    fn read(&self, shape: &Shape, path: &str) -> Option<Value> {
        match shape {
            Shape::Structure(structure) => self.structure(structure, path),
            Shape::List(list) => {
                let prefix = if list.flattened { path.to_owned() } else { format!("{path}.member") };
                let values = self.indices(&prefix).into_iter();
                let values: Vec<Value> =
                    values.filter_map(|i| self.read(list.member, &format!("{prefix}.{i}"))).collect();
                (!values.is_empty() || self.get(path) == Some("")).then_some(Value::Array(values))
            }
            Shape::Map(map) => {
                let prefix = if map.flattened { path.to_owned() } else { format!("{path}.entry") };
                let entries = self.indices(&prefix).into_iter();
                let entries: Object<String, Value> = entries
                    .filter_map(|i| {
                        let key = self.get(&format!("{prefix}.{i}.key"))?;
                        Some((key.to_owned(), self.read(map.value, &format!("{prefix}.{i}.value"))?))
                    })
                    .collect();
                (!entries.is_empty()).then_some(Value::Object(entries))
            }
            Shape::Integer(_) | Shape::Long(_) => {
                self.scalar(path, |text| text.parse::<i64>().ok().map(Value::from))
            }
            // What is no finite number stays a text: as a value it would be null, which is as if it were not there.
            Shape::Double(_) => self.scalar(path, |text| {
                text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from)
            }),
            Shape::Boolean => self.scalar(path, |text| text.parse::<bool>().ok().map(Value::from)),
            Shape::Text(_) | Shape::Timestamp => self.scalar(path, |_| None),
        }
    }

    fn structure(&self, structure: &Structure, path: &str) -> Option<Value> {
        let mut members = Object::new();
        for member in structure.members {
            let path =
                if path.is_empty() { member.name.to_owned() } else { format!("{path}.{}", member.name) };
            let value = match &member.use_ {
                Use::Honoured(shape) => self.read(shape, &path),
                // Enough for the check to see that something was given.
                Use::Refused(_) => self.get(&path).or_else(|| self.below(&path).next()).map(Value::from),
            };
            if let Some(value) = value {
                members.insert(member.name.to_owned(), value);
            }
        }
        (path.is_empty() || !members.is_empty()).then_some(Value::Object(members))
    }

    /// The text itself where it is not of its kind: the check then says so.
    fn scalar(&self, path: &str, parse: impl Fn(&str) -> Option<Value>) -> Option<Value> {
        self.get(path).map(|text| parse(text).unwrap_or_else(|| Value::from(text)))
    }

    /// The values of the fields inside of `path`.
    fn below<'a>(&'a self, path: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let prefix = format!("{path}.");
        self.0
            .range(prefix.clone()..)
            .take_while(move |(name, _)| name.starts_with(&prefix))
            .map(|(_, value)| value.as_str())
    }

    /// The numbers that follow `prefix`, in order. Numbers may be missing; AWS closes the gaps.
    fn indices(&self, prefix: &str) -> BTreeSet<u32> {
        let prefix = format!("{prefix}.");
        self.0
            .range(prefix.clone()..)
            .map_while(|(name, _)| name.strip_prefix(&prefix))
            .filter_map(|rest| rest.split('.').next()?.parse().ok())
            .collect()
    }
}

fn decode(raw: &[u8]) -> Result<String, ApiError> {
    let spaced: Vec<u8> = raw.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let text = percent_decode(&spaced).decode_utf8().map(|text| text.into_owned());
    text.map_err(|_| serialization_exception("The form is not UTF-8."))
}

/// The form of a request: what [`Form::parse`] and [`Form::input`] read back.
pub fn encode(action: &str, version: &str, shape: &Shape, input: &Value) -> String {
    let mut fields =
        vec![("Action".to_owned(), action.to_owned()), ("Version".to_owned(), version.to_owned())];
    flatten(shape, input, "", &mut fields);
    let encode = crate::sigv4::encode;
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

fn flatten(shape: &Shape, value: &Value, path: &str, fields: &mut Vec<(String, String)>) {
    match (shape, value) {
        (Shape::Structure(structure), Value::Object(members)) => {
            for member in structure.members {
                if let (Use::Honoured(shape), Some(value)) = (&member.use_, members.get(member.name)) {
                    let dot = if path.is_empty() { "" } else { "." };
                    flatten(shape, value, &format!("{path}{dot}{}", member.name), fields);
                }
            }
        }
        (Shape::List(list), Value::Array(values)) => {
            let prefix = if list.flattened { path.to_owned() } else { format!("{path}.member") };
            for (index, value) in values.iter().enumerate() {
                flatten(list.member, value, &format!("{prefix}.{}", index + 1), fields);
            }
        }
        (Shape::Map(map), Value::Object(entries)) => {
            let prefix = if map.flattened { path.to_owned() } else { format!("{path}.entry") };
            for (index, (key, value)) in entries.iter().enumerate() {
                fields.push((format!("{prefix}.{}.key", index + 1), key.clone()));
                flatten(map.value, value, &format!("{prefix}.{}.value", index + 1), fields);
            }
        }
        (Shape::Timestamp, Value::Number(at)) => {
            let at = model::Timestamp::from_secs_f64(at.as_f64().unwrap_or_default());
            fields.push((path.to_owned(), crate::timestamp::to_iso8601(at)));
        }
        (_, Value::String(text)) => fields.push((path.to_owned(), text.clone())),
        (_, Value::Null) => {}
        (_, scalar) => fields.push((path.to_owned(), scalar.to_string())),
    }
}
