//! `{ $.level = "ERROR" && $.latency > 50 }`: patterns over events that are JSON.
//!
//! A selector that finds nothing, an object, an array, null, true or false satisfies no comparison, `!=` included:
//! AWS compares value nodes, and those are strings or numbers. With a wildcard, one value that fits is enough.

use crate::condition::{Condition, Number, Scalar};
use crate::cursor::Cursor;
use crate::expression::Expression;
use crate::selector::Selector;
use crate::{Message, ParseError};
use serde_json::Value;
use std::collections::BTreeMap;

/// The most wildcard selectors in one pattern.
const WILDCARDS_MAX: usize = 3;

/// A pattern in braces.
#[derive(Clone, Debug)]
pub(crate) struct JsonPattern(Expression<Test>);

#[derive(Clone, Debug)]
struct Test {
    selector: Selector,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Compare(Condition),
    /// `IS NULL`, `IS TRUE`, `IS FALSE`
    Is(Value),
    NotExists,
}

impl JsonPattern {
    /// Reads the whole pattern, braces included.
    pub(crate) fn parse(text: &str) -> Result<Self, ParseError> {
        if !text.ends_with('}') {
            return Err(ParseError::whole("if a filter pattern starts with '{' it must end with '}'"));
        }
        let mut cursor = Cursor::new(text);
        cursor.expect("{")?;
        let (mut wildcards, mut regexes) = (0, 0);
        let expression =
            Expression::parse(&mut cursor, &mut |cursor| Test::parse(cursor, &mut wildcards, &mut regexes))?;
        cursor.expect("}")?;
        if !cursor.is_at_end() {
            return Err(cursor.error("nothing may follow the closing brace"));
        }
        if wildcards > WILDCARDS_MAX {
            let message = format!("a filter pattern has at most {WILDCARDS_MAX} wildcard selectors");
            return Err(ParseError::whole(message));
        }
        Ok(Self(expression))
    }

    /// A message that is neither an object nor an array matches no pattern of this kind.
    pub(crate) fn matches(&self, message: &Message<'_>) -> bool {
        message.json().is_some_and(|event| self.holds(event))
    }

    /// Each selector, as the pattern writes it, with the value that it finds; the one that satisfied its condition
    /// where a wildcard found several.
    pub(crate) fn extract(&self, message: &Message<'_>) -> Option<BTreeMap<String, String>> {
        let event = message.json().filter(|event| self.holds(event))?;
        let mut values = BTreeMap::new();
        self.0.each(&mut |test| {
            let selected = test.selector.select(event);
            let chosen = selected.iter().find(|value| test.holds_for(value)).or(selected.first());
            if let Some(value) = chosen {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                values.insert(test.selector.source.clone(), text);
            }
        });
        Some(values)
    }

    /// Whether [`extract`](Self::extract) may find a value of this name.
    pub(crate) fn has_field(&self, name: &str) -> bool {
        let mut found = false;
        self.0.each(&mut |test| found |= test.selector.source == name);
        found
    }

    /// How many regular expressions it has.
    pub(crate) fn regexes(&self) -> usize {
        let mut count = 0;
        self.0.each(&mut |test| {
            if let Kind::Compare(condition) = &test.kind {
                count += condition.regexes();
            }
        });
        count
    }

    fn holds(&self, event: &Value) -> bool {
        self.0.holds(&|test: &Test| test.holds(event))
    }
}

impl Test {
    fn parse(
        cursor: &mut Cursor<'_>,
        wildcards: &mut usize,
        regexes: &mut usize,
    ) -> Result<Self, ParseError> {
        let selector = Selector::parse(cursor, wildcards)?;
        cursor.skip_whitespace();
        let at = cursor.clone();
        let kind = if cursor.eat_word("IS") {
            cursor.skip_whitespace();
            Kind::Is(match () {
                () if cursor.eat_word("NULL") => Value::Null,
                () if cursor.eat_word("TRUE") => Value::Bool(true),
                () if cursor.eat_word("FALSE") => Value::Bool(false),
                () if cursor.eat_word("NOT") => return Err(at.error("IS NOT is not supported")),
                () => return Err(cursor.error("expected NULL, TRUE or FALSE after IS")),
            })
        } else if cursor.eat_word("NOT") {
            cursor.skip_whitespace();
            if !cursor.eat_word("EXISTS") {
                return Err(cursor.error("expected EXISTS after NOT"));
            }
            Kind::NotExists
        } else if cursor.eat_word("EXISTS") {
            return Err(at.error("EXISTS is not supported; NOT EXISTS is, and = * for any value"));
        } else {
            Kind::Compare(Condition::parse(cursor, "{}[],", regexes)?)
        };
        Ok(Self { selector, kind })
    }

    fn holds(&self, event: &Value) -> bool {
        let selected = self.selector.select(event);
        match self.kind {
            Kind::NotExists => selected.is_empty(),
            _ => selected.into_iter().any(|value| self.holds_for(value)),
        }
    }

    fn holds_for(&self, value: &Value) -> bool {
        match &self.kind {
            Kind::Compare(condition) => scalar(value).is_some_and(|value| condition.holds(&value)),
            Kind::Is(wanted) => value == wanted,
            Kind::NotExists => false,
        }
    }
}

fn scalar(value: &Value) -> Option<Scalar<'_>> {
    match value {
        Value::String(text) => Some(Scalar::Text(text)),
        Value::Number(number) => {
            let text = number.to_string();
            Number::parse(&text).map(|number| Scalar::Number(number, text))
        }
        _ => None,
    }
}
