//! A filter pattern of any of the four kinds.

use crate::delimited::DelimitedPattern;
use crate::json::JsonPattern;
use crate::regex::Regex;
use crate::terms::Terms;
use crate::{Message, ParseError};
use std::collections::BTreeMap;

/// The most characters of a pattern (`FilterPattern` in the API reference).
pub const PATTERN_CHARS_MAX: usize = 1024;

/// What events have to look like.
#[derive(Clone, Debug)]
pub struct Pattern(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Terms(Terms),
    Regex(Regex),
    Json(JsonPattern),
    Delimited(DelimitedPattern),
}

impl Pattern {
    /// Reads a pattern. An empty one matches every event.
    ///
    /// # Errors
    /// When the text is none; the error says why and where.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.chars().count() > PATTERN_CHARS_MAX {
            let message = format!("it has more than {PATTERN_CHARS_MAX} characters");
            return Err(ParseError::whole(message));
        }
        let text = text.trim();
        Ok(Self(match text.chars().next() {
            Some('{') => Kind::Json(JsonPattern::parse(text)?),
            Some('[') => Kind::Delimited(DelimitedPattern::parse(text)?),
            Some('%') => Kind::Regex(standalone(text)?),
            _ => Kind::Terms(Terms::parse(text)?),
        }))
    }

    /// Whether an event with this message is meant.
    pub fn matches(&self, message: &Message<'_>) -> bool {
        match &self.0 {
            Kind::Terms(terms) => terms.matches(message.text()),
            Kind::Regex(regex) => regex.is_match(message.text()),
            Kind::Json(json) => json.matches(message),
            Kind::Delimited(delimited) => delimited.matches(message.text()),
        }
    }

    /// What the pattern takes out of a message that it matches, as TestMetricFilter answers (`extractedValues`):
    /// `$name` for a field of a delimited event, the selector for a value of a JSON event, nothing for the others.
    pub fn extract(&self, message: &Message<'_>) -> Option<BTreeMap<String, String>> {
        match &self.0 {
            Kind::Json(json) => json.extract(message),
            Kind::Delimited(delimited) => delimited.extract(message.text()),
            Kind::Terms(_) | Kind::Regex(_) => self.matches(message).then(BTreeMap::new),
        }
    }

    /// Whether it is of a kind that takes something out of a message.
    pub fn has_fields(&self) -> bool {
        matches!(self.0, Kind::Json(_) | Kind::Delimited(_))
    }

    /// Whether [`extract`](Self::extract) may find a value of this name.
    pub fn has_field(&self, name: &str) -> bool {
        match &self.0 {
            Kind::Json(json) => json.has_field(name),
            Kind::Delimited(delimited) => delimited.has_field(name),
            Kind::Terms(_) | Kind::Regex(_) => false,
        }
    }

    /// How many regular expressions it has; log groups have a quota of them.
    pub fn regexes(&self) -> usize {
        match &self.0 {
            Kind::Json(json) => json.regexes(),
            Kind::Delimited(delimited) => delimited.regexes(),
            Kind::Regex(_) => 1,
            Kind::Terms(_) => 0,
        }
    }
}

/// A pattern that is one regular expression and nothing else.
fn standalone(text: &str) -> Result<Regex, ParseError> {
    let inside = text.strip_prefix('%').and_then(|text| text.strip_suffix('%'));
    let source = inside.ok_or_else(|| ParseError::whole("% is never closed"))?;
    if source.contains('%') {
        return Err(ParseError::whole("a regular expression outside of {} and [] stands alone"));
    }
    Regex::new(source)
}
