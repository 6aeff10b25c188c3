//! `$.user.id`, `$.list[0].name`, `$.list[*]`, `$.*`, `$.['cluster.name']`: which values of a JSON event are meant.

use crate::ParseError;
use crate::cursor::Cursor;
use serde_json::Value;

/// A way down from the event itself.
#[derive(Clone, Debug)]
pub(crate) struct Selector {
    /// As the pattern writes it.
    pub(crate) source: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Property(String),
    Element(usize),
    /// Any element of an array, any property of an object.
    Any,
}

impl Selector {
    /// Reads a selector, counting its wildcard in `wildcards`.
    pub(crate) fn parse(cursor: &mut Cursor<'_>, wildcards: &mut usize) -> Result<Self, ParseError> {
        let start = cursor.rest();
        let at = cursor.clone();
        if !cursor.eat("$") {
            return Err(at.error(format!("expected a property selector such as $.name{}", at.found())));
        }
        let mut steps = Vec::new();
        loop {
            if cursor.eat("[") {
                steps.push(bracket(cursor)?);
            } else if cursor.eat(".") {
                steps.push(dot(cursor)?);
            } else {
                break;
            }
        }
        if steps.is_empty() {
            return Err(at.error("a property selector starts with '$.'"));
        }
        let any = steps.iter().filter(|step| matches!(step, Step::Any)).count();
        if any > 1 {
            return Err(at.error("a property selector has at most one wildcard"));
        }
        *wildcards += any;
        let source = start[..start.len() - cursor.rest().len()].to_owned();
        Ok(Self { source, steps })
    }

    /// What it selects: more than one value only where there is a wildcard.
    pub(crate) fn select<'a>(&self, event: &'a Value) -> Vec<&'a Value> {
        let mut selected = vec![event];
        for step in &self.steps {
            selected = selected.into_iter().flat_map(|value| step.take(value)).collect();
        }
        selected
    }
}

impl Step {
    fn take<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Property(name), Value::Object(members)) => members.get(name).into_iter().collect(),
            (Self::Element(index), Value::Array(elements)) => elements.get(*index).into_iter().collect(),
            (Self::Any, Value::Array(elements)) => elements.iter().collect(),
            (Self::Any, Value::Object(members)) => members.values().collect(),
            _ => Vec::new(),
        }
    }
}

/// What follows a dot: a name, an asterisk, or a bracket, as in `$.['a.b']`.
fn dot(cursor: &mut Cursor<'_>) -> Result<Step, ParseError> {
    if cursor.eat("*") {
        return Ok(Step::Any);
    }
    if cursor.eat("[") {
        return bracket(cursor);
    }
    let name = cursor.take_while(|c| c.is_alphanumeric() || c == '-' || c == '_');
    if name.is_empty() {
        let message =
            "expected a property's name of letters, digits, '-' and '_', or ['name'] for another one";
        return Err(cursor.error(format!("{message}{}", cursor.found())));
    }
    Ok(Step::Property(name.to_owned()))
}

/// What follows an opening bracket.
fn bracket(cursor: &mut Cursor<'_>) -> Result<Step, ParseError> {
    let step = if cursor.eat("*") {
        Step::Any
    } else if let Some(quote @ ('\'' | '"')) = cursor.peek() {
        cursor.eat(quote.encode_utf8(&mut [0; 4]));
        Step::Property(cursor.quoted(quote)?)
    } else {
        let at = cursor.clone();
        let digits = cursor.take_while(|c| c.is_ascii_digit());
        Step::Element(digits.parse().map_err(|_| at.error("expected an index, '*' or a quoted name"))?)
    };
    cursor.expect("]")?;
    Ok(step)
}
