//! Answers of the query protocol: written by the door, read by the client.

use std::fmt::Write;

use bytes::Bytes;
use model::Timestamp;
use quick_xml::Reader;
use quick_xml::escape::{escape, unescape};
use quick_xml::events::Event;
use serde_json::{Map as Object, Value};

use crate::schema::{Shape, Structure, Use};
use crate::service::Operation;
use crate::{ApiError, timestamp};

/// Levels of elements that an answer may have.
const DEPTH_MAX: usize = 64;

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
    let side = error.side();
    Bytes::from(format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{side}</Type><Code>{}</Code><Message>{}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>",
        error.code,
        text(&error.message)
    ))
}

/// An error as EC2 writes it.
pub fn ec2_error(error: &ApiError, request_id: &str) -> Bytes {
    Bytes::from(format!(
        "<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors>\
         <RequestID>{request_id}</RequestID></Response>",
        error.code,
        text(&error.message)
    ))
}

/// An error as S3 writes it.
pub fn rest_error(error: &ApiError, request_id: &str) -> Bytes {
    Bytes::from(format!(
        "<Error><Code>{}</Code><Message>{}</Message><RequestId>{request_id}</RequestId></Error>",
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

/// Reads what [`response`] writes.
pub fn parse(operation: &Operation, body: &[u8]) -> Result<Value, String> {
    let root = Node::parse(body)?;
    let result = root.child(&format!("{}Result", operation.name));
    Ok(result.map_or_else(|| Value::Object(Object::new()), |result| result.read(operation.output)))
}

/// The code and the message of what [`error`] writes.
pub fn parse_error(body: &[u8]) -> (Option<String>, Option<String>) {
    let Ok(root) = Node::parse(body) else { return (None, None) };
    let field = |name: &str| Some(root.child("Error")?.child(name)?.text.clone());
    (field("Code"), field("Message"))
}

/// An element; attributes and mixed content mean nothing in AWS's answers.
#[derive(Default)]
struct Node {
    name: String,
    text: String,
    children: Vec<Node>,
}

impl Node {
    fn parse(body: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
        let mut reader = Reader::from_str(text);
        let mut open = vec![Node::default()];
        loop {
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(tag) if open.len() < DEPTH_MAX => {
                    open.push(Node::named(tag.local_name().as_ref()))
                }
                Event::Start(_) => return Err("nested too deeply".to_owned()),
                Event::Empty(tag) => close(&mut open, Node::named(tag.local_name().as_ref())),
                Event::End(_) => {
                    let node = open.pop().unwrap_or_default();
                    close(&mut open, node);
                }
                Event::Text(text) => append(&mut open, &text),
                Event::GeneralRef(name) => {
                    append(
                        &mut open,
                        &unescape(&format!("&{};", &*name)).map_err(|error| error.to_string())?,
                    );
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let document = open.into_iter().next().unwrap_or_default();
        document.children.into_iter().next().ok_or_else(|| "no element".to_owned())
    }

    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    fn child(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.name == name)
    }

    fn read(&self, shape: &Shape) -> Value {
        match shape {
            Shape::Structure(structure) => Value::Object(self.members(structure)),
            Shape::List(list) => self.children.iter().map(|child| child.read(list.member)).collect(),
            Shape::Map(map) => {
                let entries = self.children.iter().filter_map(|entry| {
                    Some((entry.child("key")?.text.clone(), entry.child("value")?.read(map.value)))
                });
                Value::Object(entries.collect())
            }
            Shape::Text(_) => Value::from(self.text.as_str()),
            Shape::Timestamp => timestamp::from_iso8601(&self.text)
                .map(|at| Value::from(at.as_secs_f64()))
                .unwrap_or_default(),
            _ => serde_json::from_str(&self.text).unwrap_or_default(),
        }
    }

    fn members(&self, structure: &Structure) -> Object<String, Value> {
        let mut members = Object::new();
        for member in structure.members {
            let Use::Honoured(shape) = &member.use_ else { continue };
            let value = match shape {
                Shape::List(list) if list.flattened => {
                    let items = self.children.iter().filter(|child| child.name == member.name);
                    let items: Vec<Value> = items.map(|item| item.read(list.member)).collect();
                    (!items.is_empty()).then_some(Value::Array(items))
                }
                shape => self.child(member.name).map(|child| child.read(shape)),
            };
            if let Some(value) = value {
                members.insert(member.name.to_owned(), value);
            }
        }
        members
    }
}

fn close(open: &mut [Node], node: Node) {
    if let Some(parent) = open.last_mut() {
        parent.children.push(node);
    }
}

fn append(open: &mut [Node], text: &str) {
    if let Some(node) = open.last_mut() {
        node.text.push_str(text);
    }
}
