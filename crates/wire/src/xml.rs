//! Answers of the query protocol.

use std::fmt::Write;

use bytes::Bytes;
use model::Timestamp;
use quick_xml::escape::escape;
use serde_json::Value;

use crate::schema::{Shape, Use};
use crate::service::Operation;
use crate::{ApiError, timestamp};

/// The envelope of a success: `<OpResponse><OpResult>…</OpResult><ResponseMetadata>…`.
pub fn response(operation: &Operation, namespace: &str, request_id: &str, output: &Value) -> Bytes {
    let name = operation.name;
    let mut out = format!("<{name}Response xmlns=\"{namespace}\"><{name}Result>");
    content(operation.output, output, &mut out);
    let _ = write!(
        out,
        "</{name}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>"
    );
    Bytes::from(out)
}

/// The envelope of a failure.
pub fn error(error: &ApiError, namespace: &str, request_id: &str) -> Bytes {
    let side = if error.status >= 500 { "Receiver" } else { "Sender" };
    Bytes::from(format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{side}</Type><Code>{}</Code><Message>{}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>",
        error.code,
        text(&error.message)
    ))
}

/// Text that XML 1.0 can carry: markup escaped, control characters replaced.
fn text(raw: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..);
    let clean: String = raw.chars().map(|c| if allowed(c) { c } else { '\u{FFFD}' }).collect();
    escape(clean).into_owned()
}

fn element(name: &str, shape: &Shape, value: &Value, out: &mut String) {
    let _ = write!(out, "<{name}>");
    content(shape, value, out);
    let _ = write!(out, "</{name}>");
}

fn content(shape: &Shape, value: &Value, out: &mut String) {
    match (shape, value) {
        (Shape::Structure(structure), Value::Object(members)) => {
            for member in structure.members {
                if let (Use::Honoured(shape), Some(value)) = (&member.use_, members.get(member.name)) {
                    named(member.name, shape, value, out);
                }
            }
        }
        (Shape::List(list), Value::Array(values)) => {
            values.iter().for_each(|value| element("member", list.member, value, out));
        }
        (Shape::Map(map), Value::Object(entries)) => {
            for (key, value) in entries {
                let _ = write!(out, "<entry><key>{}</key>", text(key));
                element("value", map.value, value, out);
                out.push_str("</entry>");
            }
        }
        (Shape::Timestamp, Value::Number(at)) => {
            let at = Timestamp::from_secs_f64(at.as_f64().unwrap_or_default());
            out.push_str(&timestamp::to_iso8601(at));
        }
        (_, Value::String(value)) => out.push_str(&text(value)),
        (_, Value::Null) => {}
        (_, value) => {
            let _ = write!(out, "{value}");
        }
    }
}

/// A member under its own name; a flattened list repeats the name instead of nesting.
fn named(name: &str, shape: &Shape, value: &Value, out: &mut String) {
    match (shape, value) {
        (Shape::List(list), Value::Array(values)) if list.flattened => {
            values.iter().for_each(|value| element(name, list.member, value, out));
        }
        _ => element(name, shape, value, out),
    }
}
