//! What a value fails to satisfy, in the words of AWS.
//!
//! Most services list their findings in one form. CloudWatch has sentences of its own, which AWS does not document; those
//! that are seen of it are used, and the others are made after them.

use std::fmt::Display;

use crate::service::Service;

/// A constraint of the model.
pub enum Constraint<'a> {
    /// A required member is there.
    Required,
    /// A number, or the size of something, is not larger.
    Most(Measure, i64),
    /// A number, or the size of something, is not smaller.
    Least(Measure, i64),
    /// A text has this form.
    Pattern(&'a str),
    /// A text is one of these.
    OneOf(&'a [&'a str]),
    /// A double is a finite number.
    Finite,
    /// A key of a map is as it must be.
    Key(&'a Constraint<'a>),
}

/// What a bound is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// A number.
    Value,
    /// The characters of a text.
    Characters,
    /// The values of a list or of a map.
    Entries,
}

/// How a service says what is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Words {
    /// `2 validation errors detected: Value null at 'a.1.member.b' failed to satisfy constraint: …; …`
    #[default]
    Findings,
    /// A line for each: `The parameter A.member.1.B is required.`
    Sentences,
}

impl Words {
    /// The words of a service: only CloudWatch has a code of its own for what is required, and sentences with it.
    pub fn of(service: &Service) -> Self {
        if service.absent == service.invalid { Self::Findings } else { Self::Sentences }
    }

    /// What precedes a list's element, which AWS counts from one, in a path.
    pub fn element(self, index: usize) -> String {
        match self {
            Self::Findings => format!(".{}.member", index + 1),
            Self::Sentences => format!(".member.{}", index + 1),
        }
    }

    /// One finding: the value at `path`, shown as `value`, breaks a constraint.
    pub fn finding(self, path: &str, value: &str, constraint: &Constraint<'_>) -> String {
        match (self, constraint) {
            (Self::Findings, Constraint::Required) => {
                format!("Value null at '{path}' failed to satisfy constraint: Member must not be null")
            }
            (Self::Findings, _) => {
                format!("Value '{value}' at '{path}' failed to satisfy constraint: {}", must(constraint))
            }
            (Self::Sentences, _) => sentence(path, value, constraint),
        }
    }

    /// Findings together; `total` counts those that are not listed too.
    pub fn together(self, total: usize, listed: &[String]) -> String {
        let noun = if total == 1 { "error" } else { "errors" };
        match self {
            Self::Findings => format!("{total} validation {noun} detected: {}", listed.join("; ")),
            Self::Sentences => listed.join("\n"),
        }
    }
}

fn must(constraint: &Constraint<'_>) -> String {
    let bound = |measure: &Measure, order: &str, bound: &dyn Display| {
        let what = if *measure == Measure::Value { "value" } else { "length" };
        format!("Member must have {what} {order} than or equal to {bound}")
    };
    match constraint {
        Constraint::Required => "Member must not be null".to_owned(),
        Constraint::Most(measure, max) => bound(measure, "less", max),
        Constraint::Least(measure, min) => bound(measure, "greater", min),
        Constraint::Pattern(source) => format!("Member must satisfy regular expression pattern: {source}"),
        Constraint::OneOf(values) => format!("Member must satisfy enum value set: [{}]", values.join(", ")),
        Constraint::Finite => "Member must be a finite number".to_owned(),
        Constraint::Key(of) => format!("Map keys must satisfy constraint: [{}]", must(of)),
    }
}

fn sentence(path: &str, value: &str, constraint: &Constraint<'_>) -> String {
    let parameter = |must: String| format!("The parameter {path} must be {must}.");
    match constraint {
        Constraint::Required => format!("The parameter {path} is required."),
        Constraint::Most(Measure::Value, max) => parameter(format!("less than or equal to {max}")),
        Constraint::Least(Measure::Value, min) => parameter(format!("greater than or equal to {min}")),
        Constraint::Most(Measure::Characters, max) => {
            parameter(format!("shorter than {} characters", max.saturating_add(1)))
        }
        Constraint::Least(Measure::Characters, min) => {
            parameter(format!("longer than {} characters", min.saturating_sub(1)))
        }
        Constraint::Most(Measure::Entries, max) => {
            format!("The collection {path} must not have a size greater than {max}.")
        }
        Constraint::Least(Measure::Entries, min) => {
            format!("The collection {path} must not have a size less than {min}.")
        }
        Constraint::OneOf(values) => parameter(format!("a value in the set [ {} ]", values.join(", "))),
        Constraint::Pattern(_) | Constraint::Finite => {
            format!("The value {value} for parameter {path} is invalid.")
        }
        Constraint::Key(of) => sentence(path, value, of),
    }
}
