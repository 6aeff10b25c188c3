//! What the generated tables are made of. A table describes the inputs of a service for [`crate::check`] and the
//! query protocol, and for XML services the outputs too.

use std::sync::OnceLock;

use regex::Regex;

/// A shape of the model.
#[derive(Debug)]
pub enum Shape {
    /// Named members.
    Structure(Structure),
    /// Values of one shape, in order.
    List(List),
    /// Values of one shape by string keys.
    Map(Map),
    /// A string or a string enum.
    Text(Text),
    /// 32 bits.
    Integer(Range),
    /// 64 bits.
    Long(Range),
    /// A float.
    Double(Range),
    /// A truth value.
    Boolean,
    /// A point in time.
    Timestamp,
}

/// Inclusive bounds of a value or of a length.
#[derive(Debug)]
pub struct Range {
    /// The least.
    pub min: Option<i64>,
    /// The greatest.
    pub max: Option<i64>,
}

/// Named members.
#[derive(Debug)]
pub struct Structure {
    /// The model's name.
    pub name: &'static str,
    /// All members that the model knows.
    pub members: &'static [Member],
}

/// One member of a structure.
#[derive(Debug)]
pub struct Member {
    /// The name on the wire.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What happens to a value.
    pub use_: Use,
}

/// What happens to the value of a member.
#[derive(Debug)]
pub enum Use {
    /// It is checked and handed on.
    Honoured(&'static Shape),
    /// It is refused by name, unless it is empty or one of these.
    Refused(&'static [&'static str]),
}

/// Values of one shape, in order.
#[derive(Debug)]
pub struct List {
    /// Bounds of the number of values.
    pub length: Range,
    /// The shape of each value.
    pub member: &'static Shape,
    /// Query and XML: without the level `member`.
    pub flattened: bool,
}

/// Values of one shape by string keys.
#[derive(Debug)]
pub struct Map {
    /// Bounds of the number of entries.
    pub length: Range,
    /// The shape of each key.
    pub key: &'static Shape,
    /// The shape of each value.
    pub value: &'static Shape,
    /// Query and XML: without the level `entry`.
    pub flattened: bool,
}

/// A string.
#[derive(Debug)]
pub struct Text {
    /// Bounds of the number of characters.
    pub length: Range,
    /// What the whole string must match.
    pub pattern: Option<Pattern>,
    /// The values of an enum; empty for any string.
    pub values: &'static [&'static str],
}

/// A regular expression of the model, compiled when first needed.
#[derive(Debug)]
pub struct Pattern {
    /// As the model writes it.
    pub source: &'static str,
    compiled: OnceLock<Regex>,
}

/// The input of an operation that takes nothing.
pub static EMPTY: Shape = Shape::Structure(Structure { name: "Unit", members: &[] });

impl Member {
    /// A member that must be there.
    pub const fn required(name: &'static str, shape: &'static Shape) -> Self {
        Self { name, required: true, use_: Use::Honoured(shape) }
    }

    /// A member that may be there.
    pub const fn optional(name: &'static str, shape: &'static Shape) -> Self {
        Self { name, required: false, use_: Use::Honoured(shape) }
    }

    /// A member that Wharf does not honour.
    pub const fn refused(name: &'static str, accepted: &'static [&'static str]) -> Self {
        Self { name, required: false, use_: Use::Refused(accepted) }
    }
}

impl Pattern {
    /// A pattern that is not compiled yet.
    pub const fn new(source: &'static str) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    /// Whether the whole of `text` matches. The models' patterns are anchored at both ends, written or not.
    pub fn matches(&self, text: &str) -> bool {
        let regex = self.compiled.get_or_init(|| {
            Regex::new(&format!(r"\A(?:{})\z", self.source))
                .expect("a test compiles every pattern of the models")
        });
        regex.is_match(text)
    }
}

impl Range {
    /// No bounds.
    pub const NONE: Range = Range { min: None, max: None };
}
