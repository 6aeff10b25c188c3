//! Checks a request against the model before a handler sees it.
//!
//! Three outcomes besides success, in this order of precedence, as AWS has them: a value of the wrong kind is a
//! `SerializationException`; values that break constraints are listed in one message in the words of AWS; members
//! that Wharf does not honour are refused by name. Members that the model does not know are ignored.

use std::fmt::{Display, Write};

use serde_json::{Map as Object, Value};

use crate::ApiError;
use crate::constraint::{Constraint, Measure, Words};
use crate::error::serialization_exception;
use crate::schema::{List, Map, Range, Shape, Structure, Text, Use};
use crate::service::Service;
use crate::timestamp;

/// Messages list this many findings; further ones are only counted.
const LISTED: usize = 10;
/// Characters of an offending value that a message repeats.
const VALUE_SHOWN: usize = 256;

/// What JSON and the query protocol write for doubles that are no finite numbers. No operation of Wharf takes them.
const NON_FINITE: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Checks `input` against `shape` and brings it into the form that serde reads: nulls removed from structures,
/// whole floats as integers, timestamps as seconds.
pub fn check(service: &Service, shape: &Shape, input: &mut Value) -> Result<(), ApiError> {
    let mut findings = Findings { words: Words::of(service), ..Findings::default() };
    findings.walk(shape, input, Path { parent: None, step: Step::Root })?;
    if findings.violated > 0 {
        let only_absent = findings.violated == findings.absent;
        let code = if only_absent { service.absent } else { service.invalid };
        let message = findings.words.together(findings.violated, &findings.listed);
        return Err(ApiError::new(code, 400, message));
    }
    if !findings.refused.is_empty() {
        let message = format!(
            "{} not supported by Wharf yet. See docs/coverage/{}.md.",
            if findings.refused.len() == 1 {
                format!("{} is", findings.refused[0])
            } else {
                format!("{} are", findings.refused.join(", "))
            },
            service.name
        );
        return Err(ApiError::new(service.unsupported, 400, message));
    }
    Ok(())
}

#[derive(Default)]
struct Findings {
    words: Words,
    violated: usize,
    /// How many of the violations are required members that are not there.
    absent: usize,
    listed: Vec<String>,
    refused: Vec<String>,
}

/// Where a value is, as a list from the leaf to the root: nothing is allocated unless something is wrong.
#[derive(Clone, Copy)]
struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Member(&'a str),
    Index(usize),
    Key(&'a str),
}

impl Findings {
    fn walk(&mut self, shape: &Shape, value: &mut Value, path: Path<'_>) -> Result<(), ApiError> {
        match (shape, &mut *value) {
            (Shape::Structure(structure), Value::Object(members)) => self.structure(structure, members, path),
            (Shape::List(list), Value::Array(values)) => self.list(list, values, path),
            (Shape::Map(map), Value::Object(entries)) => self.map(map, entries, path),
            (Shape::Text(text), Value::String(value)) => {
                text.each_violation(value, |constraint| self.violate(&value, path, &constraint));
                Ok(())
            }
            (Shape::Integer(range) | Shape::Long(range), Value::Number(_)) => {
                let narrow = matches!(shape, Shape::Integer(_));
                let whole = whole(value).filter(|whole| !narrow || i32::try_from(*whole).is_ok());
                let Some(whole) = whole else { return Err(unexpected(shape, value, path)) };
                *value = whole.into();
                range.each_violation(whole as f64, Measure::Value, |constraint| {
                    self.violate(&whole, path, &constraint);
                });
                Ok(())
            }
            (Shape::Double(range), Value::Number(number)) => {
                let number = number.as_f64().unwrap_or_default();
                range.each_violation(number, Measure::Value, |constraint| {
                    self.violate(&number, path, &constraint);
                });
                Ok(())
            }
            (Shape::Double(_), Value::String(text)) if NON_FINITE.contains(&text.as_str()) => {
                self.violate(&text, path, &Constraint::Finite);
                Ok(())
            }
            (Shape::Boolean, Value::Bool(_)) | (Shape::Timestamp, Value::Number(_)) => Ok(()),
            (Shape::Timestamp, Value::String(text)) => match timestamp::from_iso8601(text) {
                Some(at) => {
                    *value = at.as_secs_f64().into();
                    Ok(())
                }
                None => Err(unexpected(shape, value, path)),
            },
            _ => Err(unexpected(shape, value, path)),
        }
    }

    fn structure(
        &mut self,
        structure: &Structure,
        members: &mut Object<String, Value>,
        path: Path<'_>,
    ) -> Result<(), ApiError> {
        members.retain(|_, value| !value.is_null());
        for member in structure.members {
            let path = Path { parent: Some(&path), step: Step::Member(member.name) };
            match (&member.use_, members.get_mut(member.name)) {
                (Use::Honoured(shape), Some(value)) => self.walk(shape, value, path)?,
                (Use::Honoured(_), None) if member.required => {
                    self.absent += 1;
                    self.violate(&"null", path, &Constraint::Required);
                }
                (Use::Refused(accepted), Some(value))
                    if !is_empty(value) && !is_accepted(value, accepted) =>
                {
                    self.refuse(path);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn list(&mut self, list: &List, values: &mut [Value], path: Path<'_>) -> Result<(), ApiError> {
        list.length.each_violation(values.len() as f64, Measure::Entries, |constraint| {
            self.violate(&Shown(values), path, &constraint);
        });
        for (index, value) in values.iter_mut().enumerate() {
            self.walk(list.member, value, Path { parent: Some(&path), step: Step::Index(index) })?;
        }
        Ok(())
    }

    fn map(
        &mut self,
        map: &Map,
        entries: &mut Object<String, Value>,
        path: Path<'_>,
    ) -> Result<(), ApiError> {
        let shown = if entries.is_empty() { "{}" } else { "{...}" };
        map.length.each_violation(entries.len() as f64, Measure::Entries, |constraint| {
            self.violate(&shown, path, &constraint);
        });
        for (key, value) in entries {
            if let Shape::Text(text) = map.key {
                text.each_violation(key, |constraint| self.violate(key, path, &Constraint::Key(&constraint)));
            }
            self.walk(map.value, value, Path { parent: Some(&path), step: Step::Key(key) })?;
        }
        Ok(())
    }

    fn violate(&mut self, value: &dyn Display, path: Path<'_>, constraint: &Constraint<'_>) {
        self.violated += 1;
        if self.listed.len() < LISTED {
            let shown: String = value.to_string().chars().take(VALUE_SHOWN).collect();
            self.listed.push(self.words.finding(&path.aws(self.words), &shown, constraint));
        }
    }

    fn refuse(&mut self, path: Path<'_>) {
        if self.refused.len() < LISTED {
            self.refused.push(path.ours());
        }
    }
}

impl Range {
    fn each_violation(&self, actual: f64, measure: Measure, mut violate: impl FnMut(Constraint<'_>)) {
        if let Some(max) = self.max.filter(|max| actual > *max as f64) {
            violate(Constraint::Most(measure, max));
        }
        if let Some(min) = self.min.filter(|min| actual < *min as f64) {
            violate(Constraint::Least(measure, min));
        }
    }
}

impl Text {
    fn each_violation(&self, text: &str, mut violate: impl FnMut(Constraint<'_>)) {
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.matches(text)) {
            violate(Constraint::Pattern(pattern.source));
        }
        if self.length.min.is_some() || self.length.max.is_some() {
            self.length.each_violation(text.chars().count() as f64, Measure::Characters, &mut violate);
        }
        if !self.values.is_empty() && !self.values.contains(&text) {
            violate(Constraint::OneOf(self.values));
        }
    }
}

impl Path<'_> {
    fn steps(&self) -> Vec<Step<'_>> {
        let mut steps: Vec<Step<'_>> =
            std::iter::successors(Some(self), |path| path.parent).map(|path| path.step).collect();
        steps.reverse();
        steps
    }

    /// `logEvents.1.member.message`, or as the service has it.
    fn aws(&self, words: Words) -> String {
        self.render(|step, out| match step {
            Step::Index(index) => out.write_str(&words.element(index)),
            Step::Member(name) | Step::Key(name) => write!(out, ".{name}"),
            Step::Root => Ok(()),
        })
    }

    /// `containerDefinitions[0].healthCheck`: as one finds it in one's file.
    fn ours(&self) -> String {
        self.render(|step, out| match step {
            Step::Index(index) => write!(out, "[{index}]"),
            Step::Member(name) | Step::Key(name) => write!(out, ".{name}"),
            Step::Root => Ok(()),
        })
    }

    fn render(&self, write: impl Fn(Step<'_>, &mut String) -> std::fmt::Result) -> String {
        let mut out = String::new();
        for step in self.steps() {
            write(step, &mut out).expect("writing to a string cannot fail");
        }
        out.trim_start_matches('.').to_owned()
    }
}

/// A list as AWS shows it in messages.
struct Shown<'a>(&'a [Value]);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // More than this is cut off anyway.
        let values = self.0.iter().take(VALUE_SHOWN);
        let shown: Vec<String> = values
            .map(|value| match value {
                Value::String(text) => text.clone(),
                Value::Object(_) | Value::Array(_) => "...".to_owned(),
                scalar => scalar.to_string(),
            })
            .collect();
        write!(f, "[{}]", shown.join(", "))
    }
}

fn unexpected(shape: &Shape, value: &Value, path: Path<'_>) -> ApiError {
    let found = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    };
    let wanted = match shape {
        Shape::Structure(_) => "a structure",
        Shape::List(_) => "a list",
        Shape::Map(_) => "a map",
        Shape::Text(_) => "a String",
        Shape::Integer(_) => "an Integer",
        Shape::Long(_) => "a Long",
        Shape::Double(_) => "a Double",
        Shape::Boolean => "a Boolean",
        Shape::Timestamp => "a Timestamp",
    };
    let at = path.ours();
    let at = if at.is_empty() { String::new() } else { format!(" at {at}") };
    serialization_exception(format!("{found}{at} can not be converted to {wanted}"))
}

/// The integer that a number is, also when it is written `1.0` or `1e3`.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let float = value.as_f64()?;
        // Beyond 2^53 a float no longer names one integer.
        (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
    })
}

/// Whether a value says nothing: what SDKs and exported definitions write for members that are not used.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        _ => false,
    }
}

fn is_accepted(value: &Value, accepted: &[&str]) -> bool {
    match value {
        Value::String(text) => accepted.contains(&text.as_str()),
        Value::Bool(_) | Value::Number(_) => accepted.contains(&value.to_string().as_str()),
        _ => false,
    }
}
