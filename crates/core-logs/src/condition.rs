//! `= 404`, `!= "GET *"`, `>= 1e3`, `= %5\d\d%`: what a value is compared with, in JSON and in delimited events alike.

use crate::ParseError;
use crate::cursor::Cursor;
use crate::regex::Regex;
use crate::wildcard::Wildcard;

/// The most regular expressions in one pattern of this kind.
pub(crate) const REGEX_MAX: usize = 2;

/// An operator and what stands to its right.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Equal(Operand),
    NotEqual(Operand),
    Ordered(Order, Number),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a value is equal to, or is not.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    /// In quotation marks: the value has to be a text.
    Quoted(Wildcard),
    /// A bare word: a text or a number of this form.
    Bare(Wildcard),
    /// A bare number: a number of this value, or a text of this form.
    Number(Number, Wildcard),
    /// Between percent signs.
    Regex(Regex),
}

/// Exact where it can be: identifiers of 64 bits do not fit into a float.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number {
    exact: Option<i64>,
    float: f64,
}

/// A value of a log event.
#[derive(Clone, Debug)]
pub(crate) enum Scalar<'a> {
    /// A JSON string.
    Text(&'a str),
    /// A JSON number, and how it is written.
    Number(Number, String),
    /// A field of a delimited event, which is a number when it reads as one.
    Field(&'a str),
}

impl Number {
    /// Digits with a sign, a fraction and an exponent; neither `inf` nor `nan`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
        if !text.chars().all(plain) || !text.contains(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let float = text.parse::<f64>().ok().filter(|float| float.is_finite())?;
        Some(Self { exact: text.parse().ok(), float })
    }

    pub(crate) fn to_f64(self) -> f64 {
        self.float
    }

    fn cmp(self, other: Self) -> Option<std::cmp::Ordering> {
        match (self.exact, other.exact) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => self.float.partial_cmp(&other.float),
        }
    }
}

impl Order {
    fn holds(self, left: Number, right: Number) -> bool {
        let Some(ordering) = left.cmp(right) else { return false };
        match self {
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Condition {
    /// Reads operator and operand. `ends` are the characters that end a bare word besides blanks and operators.
    pub(crate) fn parse(
        cursor: &mut Cursor<'_>,
        ends: &str,
        regexes: &mut usize,
    ) -> Result<Self, ParseError> {
        cursor.skip_whitespace();
        let order = match () {
            () if cursor.eat("!=") => return Ok(Self::NotEqual(Operand::parse(cursor, ends, regexes)?)),
            () if cursor.eat(">=") => Order::GreaterOrEqual,
            () if cursor.eat("<=") => Order::LessOrEqual,
            () if cursor.eat(">") => Order::Greater,
            () if cursor.eat("<") => Order::Less,
            () if cursor.eat("=") => return Ok(Self::Equal(Operand::parse(cursor, ends, regexes)?)),
            () => {
                return Err(cursor.error(format!("expected one of =, !=, <, >, <= and >={}", cursor.found())));
            }
        };
        cursor.skip_whitespace();
        let at = cursor.clone();
        let word = bare(cursor, ends);
        let number = Number::parse(word);
        Ok(Self::Ordered(order, number.ok_or_else(|| at.error("expected a number after this operator"))?))
    }

    /// How many regular expressions it has.
    pub(crate) fn regexes(&self) -> usize {
        match self {
            Self::Equal(Operand::Regex(_)) | Self::NotEqual(Operand::Regex(_)) => 1,
            _ => 0,
        }
    }

    pub(crate) fn holds(&self, value: &Scalar<'_>) -> bool {
        match self {
            Self::Equal(operand) => operand.equals(value),
            Self::NotEqual(operand) => !operand.equals(value),
            Self::Ordered(order, right) => value.number().is_some_and(|left| order.holds(left, *right)),
        }
    }
}

impl Operand {
    fn parse(cursor: &mut Cursor<'_>, ends: &str, regexes: &mut usize) -> Result<Self, ParseError> {
        cursor.skip_whitespace();
        if cursor.eat("\"") {
            return Ok(Self::Quoted(Wildcard::new(&cursor.quoted('"')?)));
        }
        if cursor.eat("%") {
            *regexes += 1;
            if *regexes > REGEX_MAX {
                let message = format!("a filter pattern has at most {REGEX_MAX} regular expressions");
                return Err(cursor.error(message));
            }
            return Ok(Self::Regex(Regex::new(cursor.regex()?)?));
        }
        let at = cursor.clone();
        let word = bare(cursor, ends);
        if word.is_empty() {
            return Err(at.error(format!("expected a value{}", at.found())));
        }
        let wildcard = Wildcard::new(word);
        Ok(match Number::parse(word) {
            Some(number) => Self::Number(number, wildcard),
            None => Self::Bare(wildcard),
        })
    }

    fn equals(&self, value: &Scalar<'_>) -> bool {
        match (self, value) {
            (Self::Quoted(_), Scalar::Number(..)) => false,
            (Self::Number(number, _), Scalar::Number(value, _)) => {
                number.cmp(*value).is_some_and(|o| o.is_eq())
            }
            (Self::Number(number, form), Scalar::Field(text)) => {
                form.matches(text)
                    || Number::parse(text).and_then(|value| number.cmp(value)).is_some_and(|o| o.is_eq())
            }
            (Self::Quoted(form) | Self::Bare(form) | Self::Number(_, form), value) => {
                form.matches(value.text())
            }
            (Self::Regex(regex), value) => regex.is_match(value.text()),
        }
    }
}

impl Scalar<'_> {
    /// As it stands in the event.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Field(text) => text,
            Self::Number(_, text) => text,
        }
    }

    fn number(&self) -> Option<Number> {
        match self {
            Self::Text(_) => None,
            Self::Number(number, _) => Some(*number),
            Self::Field(text) => Number::parse(text),
        }
    }
}

/// A word without quotation marks. AWS wants them around all but letters, digits and underscores, and shows
/// `123.123.*` and `*.html*` without: whatever cannot be taken for something else is accepted.
fn bare<'a>(cursor: &mut Cursor<'a>, ends: &str) -> &'a str {
    cursor.take_while(|c| !c.is_whitespace() && !"\"%()=<>!&|".contains(c) && !ends.contains(c))
}
