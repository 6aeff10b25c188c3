//! `[ip, user, ..., status = 4*, bytes > 1000]`: patterns over events whose fields are separated by blanks.
//!
//! Text between brackets and between quotation marks is one field. Without an ellipsis the last field takes all that
//! is left of the message: this is what makes AWS's own example `[w1=ERROR, w2]` match lines of many words.

use crate::ParseError;
use crate::condition::{Condition, Scalar};
use crate::cursor::Cursor;
use crate::expression::Expression;
use std::collections::BTreeMap;

/// A pattern in brackets.
#[derive(Clone, Debug)]
pub(crate) struct DelimitedPattern {
    /// Before the ellipsis; all of them when there is none.
    head: Vec<Field>,
    /// After the ellipsis, when there is one.
    tail: Option<Vec<Field>>,
}

#[derive(Clone, Debug)]
struct Field {
    name: String,
    test: Option<Expression<Condition>>,
}

impl DelimitedPattern {
    /// Reads the whole pattern, brackets included.
    pub(crate) fn parse(text: &str) -> Result<Self, ParseError> {
        if !text.ends_with(']') {
            return Err(ParseError::whole("if a filter pattern starts with '[' it must end with ']'"));
        }
        let mut cursor = Cursor::new(text);
        cursor.expect("[")?;
        let mut pattern = Self { head: Vec::new(), tail: None };
        let mut regexes = 0;
        loop {
            cursor.skip_whitespace();
            if cursor.eat("...") {
                if pattern.tail.replace(Vec::new()).is_some() {
                    return Err(cursor.error("a filter pattern has at most one '...'"));
                }
            } else {
                let field = Field::parse(&mut cursor, &mut regexes)?;
                pattern.tail.as_mut().unwrap_or(&mut pattern.head).push(field);
            }
            cursor.skip_whitespace();
            if !cursor.eat(",") {
                break;
            }
        }
        cursor.expect("]")?;
        if !cursor.is_at_end() {
            return Err(cursor.error("nothing may follow the closing bracket"));
        }
        Ok(pattern)
    }

    pub(crate) fn matches(&self, message: &str) -> bool {
        let fields = self.fields(message);
        self.assign(&fields).is_some_and(|assigned| assigned.iter().all(|(field, text)| field.holds(text)))
    }

    /// `$name` with the value of each named field, `$number` with that of each one under the ellipsis.
    pub(crate) fn extract(&self, message: &str) -> Option<BTreeMap<String, String>> {
        let fields = self.fields(message);
        let assigned = self.assign(&fields)?;
        if !assigned.iter().all(|(field, text)| field.holds(text)) {
            return None;
        }
        let skipped = self.head.len()..fields.len() - self.tail.as_ref().map_or(0, Vec::len);
        let unnamed = skipped.map(|n| (format!("${}", n + 1), fields[n].to_owned()));
        let unnamed = unnamed.filter(|_| self.tail.is_some());
        let named = assigned.into_iter().map(|(field, text)| (format!("${}", field.name), text.to_owned()));
        Some(unnamed.chain(named).collect())
    }

    /// Whether [`extract`](Self::extract) may find a value of this name.
    pub(crate) fn has_field(&self, name: &str) -> bool {
        let Some(name) = name.strip_prefix('$') else { return false };
        let is_number = || name.parse::<usize>().is_ok_and(|n| n > self.head.len());
        self.all().any(|field| field.name == name) || (self.tail.is_some() && is_number())
    }

    /// How many regular expressions it has.
    pub(crate) fn regexes(&self) -> usize {
        let mut count = 0;
        for test in self.all().filter_map(|field| field.test.as_ref()) {
            test.each(&mut |condition| count += condition.regexes());
        }
        count
    }

    fn all(&self) -> impl Iterator<Item = &Field> {
        self.head.iter().chain(self.tail.iter().flatten())
    }

    /// The message's fields, as many as this pattern can tell apart.
    fn fields<'m>(&self, message: &'m str) -> Vec<&'m str> {
        let most = if self.tail.is_some() { usize::MAX } else { self.head.len() };
        split(message, most)
    }

    /// Each field of the pattern with its text; `None` when there are not as many.
    fn assign<'p, 'm>(&'p self, fields: &[&'m str]) -> Option<Vec<(&'p Field, &'m str)>> {
        let tail = self.tail.as_deref().unwrap_or_default();
        let tail_start = fields.len().checked_sub(tail.len()).filter(|start| *start >= self.head.len())?;
        if self.tail.is_none() && fields.len() != self.head.len() {
            return None;
        }
        let tail = tail.iter().zip(fields[tail_start..].iter().copied());
        Some(self.head.iter().zip(fields.iter().copied()).chain(tail).collect())
    }
}

impl Field {
    /// `name`, or conditions on it: `name = a || name = b`.
    fn parse(cursor: &mut Cursor<'_>, regexes: &mut usize) -> Result<Self, ParseError> {
        let mut ahead = cursor.clone();
        ahead.take_while(|c| c == '(' || c.is_whitespace());
        let name = name(&mut ahead)?;
        let mut only = cursor.clone();
        if only.eat(&name) {
            only.skip_whitespace();
            if only.is_at_end() || matches!(only.peek(), Some(',' | ']')) {
                *cursor = only;
                return Ok(Self { name, test: None });
            }
        }
        let test = Expression::parse(cursor, &mut |cursor| {
            let at = cursor.clone();
            if self::name(cursor)? != name {
                return Err(at.error(format!("the conditions of one field must all be on '{name}'")));
            }
            Condition::parse(cursor, ",]", regexes)
        })?;
        Ok(Self { name, test: Some(test) })
    }

    fn holds(&self, text: &str) -> bool {
        let condition = |condition: &Condition| condition.holds(&Scalar::Field(text));
        self.test.as_ref().is_none_or(|test| test.holds(&condition))
    }
}

fn name(cursor: &mut Cursor<'_>) -> Result<String, ParseError> {
    let name = cursor.take_while(|c| c.is_alphanumeric() || "_-".contains(c));
    if name.is_empty() {
        let message = "expected a field's name of letters, digits, '-' and '_'";
        return Err(cursor.error(format!("{message}{}", cursor.found())));
    }
    Ok(name.to_owned())
}

/// At most `most` fields; the last one is the rest of the message when there is more. A delimiter that is never closed
/// is an ordinary character, and it is looked for once only.
fn split(message: &str, most: usize) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut rest = message.trim();
    let (mut no_bracket, mut no_quote) = (false, false);
    while !rest.is_empty() {
        let (field, after) = match rest.as_bytes()[0] {
            b'[' if !no_bracket => closed(rest, ']', &mut no_bracket),
            b'"' if !no_quote => closed(rest, '"', &mut no_quote),
            _ => None,
        }
        .unwrap_or_else(|| word(rest));
        let after = after.trim_start();
        if fields.len() + 1 == most && !after.is_empty() {
            fields.push(rest);
            break;
        }
        fields.push(field);
        rest = after;
    }
    fields
}

/// The text between this delimiter and the closing one.
fn closed<'m>(rest: &'m str, closing: char, none_left: &mut bool) -> Option<(&'m str, &'m str)> {
    let found = rest[1..].split_once(closing);
    *none_left = found.is_none();
    found
}

fn word(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()))
}
