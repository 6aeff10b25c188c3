//! The cluster query language: expressions that choose container instances, in `memberOf` constraints and in the filter
//! of ListContainerInstances (Amazon ECS Developer Guide: "Create expressions to define container instances").
//!
//! ```text
//! attribute:ecs.instance-type =~ g2.* and attribute:ecs.availability-zone != us-east-1d
//! not(task:group == database) && runningTasksCount < 10
//! ```
//!
//! What AWS leaves undocumented, and what is chosen here:
//! - `!` binds closest, then `&&`, then `||`. Subjects and operators are written exactly as documented.
//! - Everything but `!exists` is false of an instance that lacks the subject: AWS documents that for `!=` and an attribute.
//!   An attribute without a value exists, and is equal to nothing.
//! - `task:group` asks each task on the instance, and holds when it does for one: `task:group != web` means "some other
//!   task is here"; "no such task is here" is AWS's own `not(task:group == web)`.
//! - `>`, `>=`, `<` and `<=` compare attributes and groups as numbers when both sides are plain decimal numbers, and
//!   otherwise as texts, character by character.
//! - A pattern has to match the whole value, as Java's `matches` does. With parentheses, blanks, `&&` or `||` in it, it needs
//!   quotation marks around it.
//! - An argument stands bare, or between `'` or `"`; between them no character is special, so neither is a backslash.
//! - Versions are compared number by number, the absent ones being 0; what follows the numbers of an agent's version is
//!   not looked at, and an agent whose version is not known has none. Times are compared by whole seconds; a date is its
//!   first second, and a time without an offset is in UTC.
//!
//! Invariants
//! - INV-QUERY-1: reading is bounded: at most [`EXPRESSION_CHARS_MAX`] characters, parentheses and negations at most 32
//!   deep, at most 32 patterns of bounded size; whatever the text is, nothing panics.
//! - INV-QUERY-2: evaluating allocates nothing but what a pattern keeps for its next use, and takes time linear in the
//!   expression and the values: nothing backtracks.
//! - INV-QUERY-3: an expression is printed as a text that reads as the same expression.

mod comparison;
mod cursor;
mod error;
mod operator;
mod parse;
mod pattern;
mod subject;
#[cfg(test)]
mod tests;
mod value;

pub use error::QueryError;
pub use subject::Subject;

use comparison::Comparison;
use std::fmt;

/// The most characters of an expression (`expression` of PlacementConstraint in the API reference).
pub const EXPRESSION_CHARS_MAX: usize = 2000;

/// An expression, read once and asked about many instances.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression(Node);

/// A tree no deeper than parentheses and negations are.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    One(Comparison),
    Not(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// When the text is none, or is larger than is taken; the error says why and where.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        parse::parse(text).map(Self)
    }

    /// Whether the instance is meant.
    pub fn matches(&self, subject: &dyn Subject) -> bool {
        self.0.matches(subject)
    }

    /// Whether the answer follows from the instance alone, so that it stays the same while tasks come and go.
    pub fn is_static(&self) -> bool {
        self.0.is_static()
    }
}

impl Node {
    fn matches(&self, subject: &dyn Subject) -> bool {
        match self {
            Self::One(comparison) => comparison.holds(subject),
            Self::Not(node) => !node.matches(subject),
            Self::All(nodes) => nodes.iter().all(|node| node.matches(subject)),
            Self::Any(nodes) => nodes.iter().any(|node| node.matches(subject)),
        }
    }

    fn is_static(&self) -> bool {
        match self {
            Self::One(comparison) => comparison.is_static(),
            Self::Not(node) => node.is_static(),
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().all(Self::is_static),
        }
    }

    /// As an operand: in parentheses where it would fall apart without.
    fn fmt_operand(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(_) | Self::Not(_) => write!(f, "{self}"),
            Self::All(_) | Self::Any(_) => write!(f, "({self})"),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (nodes, joint) = match self {
            Self::One(comparison) => return comparison.fmt(f),
            Self::Not(node) => {
                f.write_str("!")?;
                return node.fmt_operand(f);
            }
            Self::All(nodes) => (nodes, " && "),
            Self::Any(nodes) => (nodes, " || "),
        };
        for (i, node) in nodes.iter().enumerate() {
            if i > 0 {
                f.write_str(joint)?;
            }
            node.fmt_operand(f)?;
        }
        Ok(())
    }
}
