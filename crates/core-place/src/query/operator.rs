//! The operators, as symbols and as words.

use super::cursor::Cursor;
use super::error::QueryError;
use std::cmp::Ordering;
use std::fmt;

/// What stands between subject and argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Compare(Relation),
    Exists,
    NotExists,
    In,
    NotIn,
    Matches,
    NotMatches,
}

/// How a value and the argument compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

use Relation::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};

/// No symbol stands before one that it is the beginning of, and so with the words.
const OPERATORS: [(Operator, &str, &str); 12] = [
    (Operator::Compare(Equal), "==", "equals"),
    (Operator::Compare(NotEqual), "!=", "not_equals"),
    (Operator::Compare(GreaterOrEqual), ">=", "greater_than_equal"),
    (Operator::Compare(Greater), ">", "greater_than"),
    (Operator::Compare(LessOrEqual), "<=", "less_than_equal"),
    (Operator::Compare(Less), "<", "less_than"),
    (Operator::Matches, "=~", "matches"),
    (Operator::NotMatches, "!~", "not_matches"),
    (Operator::Exists, "exists", "exists"),
    (Operator::NotExists, "!exists", "not_exists"),
    (Operator::In, "in", "in"),
    (Operator::NotIn, "!in", "not_in"),
];

impl Operator {
    /// Reads an operator.
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, QueryError> {
        cursor.skip_whitespace();
        let known = OPERATORS.iter().find(|(_, symbol, word)| {
            let named = symbol.trim_start_matches('!');
            let symbolic = if named.starts_with(|c: char| c.is_ascii_alphabetic()) {
                let mut ahead = cursor.clone();
                let is_next = symbol.len() == named.len() || ahead.eat("!");
                is_next && ahead.eat_word(named) && {
                    *cursor = ahead;
                    true
                }
            } else {
                cursor.eat(symbol)
            };
            symbolic || cursor.eat_word(word)
        });
        known.map(|(operator, ..)| *operator).ok_or_else(|| cursor.expected("an operator such as =="))
    }
}

impl Relation {
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Equal => ordering.is_eq(),
            NotEqual => ordering.is_ne(),
            Greater => ordering.is_gt(),
            GreaterOrEqual => ordering.is_ge(),
            Less => ordering.is_lt(),
            LessOrEqual => ordering.is_le(),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symbol =
            OPERATORS.iter().find(|(operator, ..)| operator == self).map_or("", |(_, symbol, _)| symbol);
        f.write_str(symbol)
    }
}
