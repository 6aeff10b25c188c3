//! What a metric filter makes of a message, as "Filter pattern syntax for metric filters" of the Amazon CloudWatch Logs
//! user guide describes it.
//!
//! What the page leaves open is decided so:
//! - A field in a metric value or a dimension is one that the pattern itself names, because nothing else is taken out
//!   of an event; a wildcard stands for the value that satisfied its condition.
//! - A number is one in JSON, or a text that is a number and nothing else: TestMetricFilter shows both alike, and the
//!   fields of a space-delimited event are texts anyway. `NaN`, infinities and what CloudWatch does not take are none.
//! - A message that matches and has no number there counts as nothing, and it did match: it brings no default value.
//! - So does one without a value for each dimension, or with one that CloudWatch does not take: the metric with fewer
//!   dimensions would be another metric.

use crate::condition::Number;
use crate::{Message, Pattern};
use model::metrics::{DIMENSION_VALUE_CHARS_MAX, check_name, check_text, is_value};
use std::collections::BTreeMap;
use std::fmt;

/// Dimensions of one filter.
const DIMENSIONS_MAX: usize = 3;

/// A pattern, and what a message that matches it counts as.
#[derive(Clone, Debug)]
pub struct Transformation {
    pattern: Pattern,
    value: Value,
    default: Option<f64>,
    /// By name, the field that holds the value.
    dimensions: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
enum Value {
    Number(f64),
    Field(String),
}

/// What a message counts as.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// It does not match.
    NoMatch,
    /// It matches and holds no number, or not every dimension.
    Nothing,
    /// One value.
    Sample {
        /// From -2^360 to 2^360.
        value: f64,
        /// Each dimension with its value.
        dimensions: BTreeMap<String, String>,
    },
}

/// Why there is no such transformation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransformationError {
    /// The value is neither a number that CloudWatch takes nor a field of the pattern.
    Value,
    /// The default is no number that CloudWatch takes.
    Default,
    /// Both dimensions and a default.
    DefaultWithDimensions,
    /// More than three dimensions.
    TooManyDimensions,
    /// Dimensions with a pattern that is neither JSON nor space-delimited.
    PatternWithoutFields,
    /// A name that no dimension of CloudWatch has.
    DimensionName,
    /// A dimension whose value is not a field of the pattern.
    DimensionValue,
}

impl Transformation {
    /// Checks all parts against each other.
    ///
    /// # Errors
    /// When they do not fit; the error says what is wrong, in AWS's words where they are known.
    pub fn new(
        pattern: Pattern,
        value: &str,
        default: Option<f64>,
        dimensions: &BTreeMap<String, String>,
    ) -> Result<Self, TransformationError> {
        let value = match number(value) {
            Some(number) => Value::Number(number),
            None if pattern.has_field(value) => Value::Field(value.to_owned()),
            None => return Err(TransformationError::Value),
        };
        if default.is_some_and(|default| !is_value(default)) {
            return Err(TransformationError::Default);
        }
        check_dimensions(&pattern, default, dimensions)?;
        Ok(Self { pattern, value, default, dimensions: dimensions.clone() })
    }

    /// What is reported for a minute in which there were events and none matched.
    pub fn default_value(&self) -> Option<f64> {
        self.default
    }

    /// What an event with this message counts as.
    pub fn observe(&self, message: &Message<'_>) -> Observation {
        if let (Value::Number(value), true) = (&self.value, self.dimensions.is_empty()) {
            // No need to take the message apart.
            return match self.pattern.matches(message) {
                true => Observation::Sample { value: *value, dimensions: BTreeMap::new() },
                false => Observation::NoMatch,
            };
        }
        let Some(fields) = self.pattern.extract(message) else { return Observation::NoMatch };
        let value = match &self.value {
            Value::Number(value) => Some(*value),
            Value::Field(name) => fields.get(name).and_then(|text| number(text)),
        };
        let dimension = |(name, field): (&String, &String)| {
            let text =
                fields.get(field).filter(|text| check_text(text, DIMENSION_VALUE_CHARS_MAX).is_ok())?;
            Some((name.clone(), text.clone()))
        };
        let dimensions: Option<_> = self.dimensions.iter().map(dimension).collect();
        match (value, dimensions) {
            (Some(value), Some(dimensions)) => Observation::Sample { value, dimensions },
            _ => Observation::Nothing,
        }
    }
}

fn check_dimensions(
    pattern: &Pattern,
    default: Option<f64>,
    dimensions: &BTreeMap<String, String>,
) -> Result<(), TransformationError> {
    use TransformationError::{
        DefaultWithDimensions, DimensionName, DimensionValue, PatternWithoutFields, TooManyDimensions,
    };
    let checks = [
        (default.is_some() && !dimensions.is_empty(), DefaultWithDimensions),
        (dimensions.len() > DIMENSIONS_MAX, TooManyDimensions),
        (!pattern.has_fields() && !dimensions.is_empty(), PatternWithoutFields),
        (!dimensions.keys().all(|name| check_name(name).is_ok()), DimensionName),
        (!dimensions.values().all(|field| pattern.has_field(field)), DimensionValue),
    ];
    checks.into_iter().find(|(wrong, _)| *wrong).map_or(Ok(()), |(_, error)| Err(error))
}

fn number(text: &str) -> Option<f64> {
    Number::parse(text).map(Number::to_f64).filter(|value| is_value(*value))
}

impl fmt::Display for TransformationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self {
            Self::PatternWithoutFields => {
                return f.write_str("The specified filter pattern does not support dimensions");
            }
            Self::Value => "metric value must be a valid number, or a selector that the filter pattern has",
            Self::Default => "default value must be a number from -2^360 to 2^360",
            Self::DefaultWithDimensions => "dimensions and default value are mutually exclusive properties",
            Self::TooManyDimensions => "a metric filter has at most 3 dimensions",
            Self::DimensionName => {
                "a dimension's name has 1 to 255 ASCII characters, does not start with ':' and is not blank"
            }
            Self::DimensionValue => "dimension value must be valid selector, one that the filter pattern has",
        };
        write!(f, "Invalid metric transformation: {reason}")
    }
}

impl std::error::Error for TransformationError {}
