//! What messages count as, as on AWS's page and where it is silent, and what is refused.

use crate::{Message, Observation, Pattern, Transformation, TransformationError};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn new(
    pattern: &str,
    value: &str,
    default: Option<f64>,
    dimensions: &[(&str, &str)],
) -> Result<Transformation, TransformationError> {
    Transformation::new(Pattern::parse(pattern).expect(pattern), value, default, &map(dimensions))
}

fn observe(pattern: &str, value: &str, dimensions: &[(&str, &str)], message: &str) -> Observation {
    new(pattern, value, None, dimensions).expect(pattern).observe(&Message::new(message))
}

fn sample(value: f64, dimensions: &[(&str, &str)]) -> Observation {
    Observation::Sample { value, dimensions: map(dimensions) }
}

#[test]
fn the_value_is_a_number_or_what_the_event_holds() {
    const APACHE: &str = r#"127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /x HTTP/1.0" 404 1534"#;
    const FIELDS: &str = "[ip, id, user, timestamp, request, status_code=4*, size]";
    for (pattern, value, message, expected) in [
        ("ERROR", "1", "an ERROR", sample(1.0, &[])),
        ("ERROR", "-2.5", "an ERROR", sample(-2.5, &[])),
        ("", "1e3", "anything", sample(1000.0, &[])),
        ("ERROR", "1", "fine", Observation::NoMatch),
        ("%ERR[0-9]%", "1", "ERR7", sample(1.0, &[])),
        ("{ $.latency = * }", "$.latency", r#"{"latency": 50, "requestType": "GET"}"#, sample(50.0, &[])),
        ("{ $.latency = * }", "$.latency", r#"{"latency": -0.5e2}"#, sample(-50.0, &[])),
        ("{ $.latency = * }", "$.latency", r#"{"latency": "50"}"#, sample(50.0, &[])),
        ("{ $.latency = * }", "$.latency", r#"{"latency": "50 ms"}"#, Observation::Nothing),
        ("{ $.latency = * }", "$.latency", r#"{"latency": "NaN"}"#, Observation::Nothing),
        ("{ $.latency = * }", "$.latency", r#"{"latency": ""}"#, Observation::Nothing),
        ("{ $.latency = * }", "$.latency", r#"{"latency": 1e200}"#, Observation::Nothing),
        ("{ $.latency = * }", "$.latency", r#"{"other": 50}"#, Observation::NoMatch),
        ("{ $.latency = * }", "$.latency", "latency 50", Observation::NoMatch),
        ("{ $.a = 1 || $.b = 1 }", "$.b", r#"{"a": 1}"#, Observation::Nothing),
        ("{ $.list[*] > 3 }", "$.list[*]", r#"{"list": [1, 5, 9]}"#, sample(5.0, &[])),
        ("{ $.ok IS TRUE }", "$.ok", r#"{"ok": true}"#, Observation::Nothing),
        (FIELDS, "$size", APACHE, sample(1534.0, &[])),
        (FIELDS, "$request", APACHE, Observation::Nothing),
        ("[..., size > 1000]", "$6", APACHE, sample(404.0, &[])),
        ("[a, ..., size > 1000]", "$9", APACHE, Observation::Nothing),
    ] {
        assert_eq!(observe(pattern, value, &[], message), expected, "{value} of {message} by {pattern}");
    }
}

#[test]
fn dimensions_come_from_the_event_and_all_of_them_have_to() {
    const JSON: &str = r#"{ $.eventType = "*" && $.sourceIPAddress != 123.123.* }"#;
    let event = r#"{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "n": 1}"#;
    let by_type = [("eventType", "$.eventType")];
    assert_eq!(observe(JSON, "1", &by_type, event), sample(1.0, &[("eventType", "UpdateTrail")]));
    let delimited = "[ip, server, username, timestamp, request, status_code, bytes > 1000]";
    let line = r#"127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534"#;
    let seen = observe(delimited, "$bytes", &[("server", "$server"), ("code", "$status_code")], line);
    assert_eq!(seen, sample(1534.0, &[("server", "Prod"), ("code", "404")]));

    let either = "{ $.a = * || $.b = * }";
    for (message, expected) in [
        (r#"{"a": "x", "b": "y"}"#, sample(1.0, &[("A", "x"), ("B", "y")])),
        (r#"{"a": 7, "b": -1.5}"#, sample(1.0, &[("A", "7"), ("B", "-1.5")])),
        (r#"{"a": "x"}"#, Observation::Nothing),
        (r#"{"a": "x", "b": ""}"#, Observation::Nothing),
        (r#"{"a": "x", "b": "  "}"#, Observation::Nothing),
        (r#"{"a": "x", "b": "é"}"#, Observation::Nothing),
        (r#"{"a": "x", "b": "two\nlines"}"#, Observation::Nothing),
        (r#"{"c": 1}"#, Observation::NoMatch),
    ] {
        assert_eq!(observe(either, "1", &[("A", "$.a"), ("B", "$.b")], message), expected, "{message}");
    }
    let of_length =
        |n: usize| observe(either, "1", &[("A", "$.a")], &format!(r#"{{"a":"{}"}}"#, "x".repeat(n)));
    assert!(matches!(of_length(1024), Observation::Sample { .. }));
    assert_eq!(of_length(1025), Observation::Nothing);
    let twice = observe(either, "$.a", &[("A", "$.a"), ("Again", "$.a")], r#"{"a": 3}"#);
    assert_eq!(twice, sample(3.0, &[("A", "3"), ("Again", "3")]));
}

#[test]
fn what_does_not_fit_is_refused() {
    use TransformationError::*;
    let json = "{ $.a = 1 && $.b = 2 && $.c = 3 && $.d = 4 }";
    let long = "x".repeat(256);
    for (pattern, value, default, dimensions, expected) in [
        ("ERROR", "", None, vec![], Value),
        ("ERROR", "length", None, vec![], Value),
        ("ERROR", "$length", None, vec![], Value),
        ("ERROR", " 1", None, vec![], Value),
        ("ERROR", "inf", None, vec![], Value),
        ("ERROR", "1e109", None, vec![], Value),
        (json, "$.x", None, vec![], Value),
        ("[a, b]", "$c", None, vec![], Value),
        ("[a, b]", "$1", None, vec![], Value),
        ("[a, ..., b]", "$1", None, vec![], Value),
        ("ERROR", "1", Some(f64::NAN), vec![], Default),
        ("ERROR", "1", Some(f64::NEG_INFINITY), vec![], Default),
        (json, "1", Some(0.0), vec![("A", "$.a")], DefaultWithDimensions),
        (json, "1", None, vec![("A", "$.a"), ("B", "$.b"), ("C", "$.c"), ("D", "$.d")], TooManyDimensions),
        ("ERROR", "1", None, vec![("A", "$.a")], PatternWithoutFields),
        (json, "1", None, vec![("", "$.a")], DimensionName),
        (json, "1", None, vec![(":a", "$.a")], DimensionName),
        (json, "1", None, vec![(long.as_str(), "$.a")], DimensionName),
        (json, "1", None, vec![("A", "web")], DimensionValue),
        (json, "1", None, vec![("A", "$.e")], DimensionValue),
    ] {
        let refused = new(pattern, value, default, &dimensions).map(drop).expect_err(pattern);
        assert_eq!(refused, expected, "{pattern} {value} {default:?} {dimensions:?}");
    }
    let message = DefaultWithDimensions.to_string();
    assert_eq!(
        message,
        "Invalid metric transformation: dimensions and default value are mutually exclusive properties"
    );
    assert_eq!(new("ERROR", "1", Some(0.5), &[]).expect("fits").default_value(), Some(0.5));
}

#[test]
fn regular_expressions_are_counted() {
    for (pattern, count) in [
        ("ERROR", 0),
        ("%ERR%", 1),
        ("{ $.a = %x% || ($.b != %y% && $.c = z) }", 2),
        ("[a = %x%, b != %y% || b = z, ...]", 2),
        ("[a, ..., b = %x%]", 1),
    ] {
        assert_eq!(Pattern::parse(pattern).expect(pattern).regexes(), count, "{pattern}");
    }
}

proptest! {
    /// INV-PATTERN-4
    #[test]
    fn what_is_observed_is_what_matches(message in r#"(\{"a": ?("[^"\\]{0,4}"|-?[0-9]{1,3}(e[0-9]{1,3})?|null)\}|.{0,12})"#) {
        for (pattern, value, dimensions) in [
            ("{ $.a = * }", "$.a", vec![("A", "$.a")]),
            ("{ $.a = * }", "1", vec![("A", "$.a")]),
            ("[a, ..., b]", "$b", vec![("A", "$a")]),
            ("[a, ..., b]", "1", vec![]),
        ] {
            let observed = observe(pattern, value, &dimensions, &message);
            let matches = Pattern::parse(pattern).expect("parses").matches(&Message::new(&message));
            prop_assert_eq!(observed != Observation::NoMatch, matches, "{} by {}", message, pattern);
            if let Observation::Sample { value, dimensions: found } = observed {
                prop_assert!(value.abs() <= 2f64.powi(360));
                prop_assert_eq!(found.len(), dimensions.len());
            }
        }
    }
}
