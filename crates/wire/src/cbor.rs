//! The bodies of Smithy RPC v2 CBOR.
//!
//! A body is read into the same [`Value`] that JSON gives, so that everything after it is the same. What CBOR has and
//! JSON has not: a timestamp is a number under tag 1, here the number alone; a double that is no finite number is the
//! text that JSON has for it (`NaN`, `Infinity`, `-Infinity`), which the check refuses. Byte strings, big numbers and
//! other tags are refused: no operation takes one.

use std::convert::Infallible;
use std::fmt::Display;

use bytes::Bytes;
use minicbor::data::{Tag, Type};
use minicbor::{Decoder, Encoder};
use serde_json::{Map as Object, Number, Value};

use crate::error::serialization_exception;
use crate::schema::{Shape, Use};
use crate::{ApiError, json};

/// The content type, and what tells this protocol's requests and answers from others.
pub const CONTENT_TYPE: &str = "application/cbor";
/// The value of the header `Smithy-Protocol`.
pub const PROTOCOL: &str = "rpc-v2-cbor";

/// Levels of arrays, maps and tags that a body may have.
const DEPTH_MAX: usize = 64;
/// Values and keys that a body may have. One byte can be a value that takes many in memory, so the size of a body
/// bounds too little; the largest PutMetricData that AWS takes has fewer.
const ITEMS_MAX: usize = 1 << 19;
/// Seconds since 1970 (RFC 8949, section 3.4.2).
const EPOCH: u64 = 1;

/// Reads a request's body. An empty one is `{}`.
pub fn parse(body: &[u8]) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(Value::Object(Object::new()));
    }
    let mut reader = Reader { from: Decoder::new(body), items: 0 };
    let value = reader.value(0)?;
    if reader.from.position() < body.len() {
        return Err(malformed("bytes follow the value"));
    }
    Ok(value)
}

/// Writes an output by its shape.
pub fn encode(shape: &Shape, output: &Value) -> Bytes {
    written(|out| write(shape, output, out))
}

/// The body of a failure, whose shape is called `name`.
pub fn error(name: &str, error: &ApiError) -> Bytes {
    written(|out| write_any(&json::failure(name, error), out))
}

fn malformed(what: impl Display) -> ApiError {
    serialization_exception(format!("The body is not CBOR as Smithy RPC v2 uses it: {what}"))
}

struct Reader<'a> {
    from: Decoder<'a>,
    items: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, ApiError> {
        self.count()?;
        if depth >= DEPTH_MAX {
            return Err(malformed("it is nested too deeply"));
        }
        let from = &mut self.from;
        Ok(match from.datatype().map_err(malformed)? {
            Type::Bool => from.bool().map_err(malformed)?.into(),
            Type::Null => from.null().map(|()| Value::Null).map_err(malformed)?,
            Type::Undefined => from.undefined().map(|()| Value::Null).map_err(malformed)?,
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => from.u64().map_err(malformed)?.into(),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 => from.i64().map_err(malformed)?.into(),
            Type::F16 => float(from.f16().map_err(malformed)?.into()),
            Type::F32 => float(from.f32().map_err(malformed)?.into()),
            Type::F64 => float(from.f64().map_err(malformed)?),
            Type::String | Type::StringIndef => self.text()?.into(),
            Type::Array | Type::ArrayIndef => self.array(depth)?,
            Type::Map | Type::MapIndef => self.map(depth)?,
            Type::Tag => self.tagged(depth)?,
            other => return Err(malformed(format!("{other} is no value of any operation"))),
        })
    }

    fn count(&mut self) -> Result<(), ApiError> {
        self.items += 1;
        if self.items > ITEMS_MAX { Err(malformed("it has too many values")) } else { Ok(()) }
    }

    fn text(&mut self) -> Result<String, ApiError> {
        match self.from.datatype().map_err(malformed)? {
            Type::String => self.from.str().map(str::to_owned).map_err(malformed),
            Type::StringIndef => {
                self.from.str_iter().map_err(malformed)?.collect::<Result<_, _>>().map_err(malformed)
            }
            other => Err(malformed(format!("{other} where a text is expected"))),
        }
    }

    // A length is what the sender says: nothing is allocated for items before they are there.
    fn array(&mut self, depth: usize) -> Result<Value, ApiError> {
        let mut left = self.from.array().map_err(malformed)?;
        let mut values = Vec::new();
        while self.has_next(&mut left)? {
            values.push(self.value(depth + 1)?);
        }
        Ok(Value::Array(values))
    }

    fn map(&mut self, depth: usize) -> Result<Value, ApiError> {
        let mut left = self.from.map().map_err(malformed)?;
        let mut members = Object::new();
        while self.has_next(&mut left)? {
            self.count()?;
            let key = self.text()?;
            let value = self.value(depth + 1)?;
            if members.insert(key, value).is_some() {
                return Err(malformed("a map has a key twice"));
            }
        }
        Ok(Value::Object(members))
    }

    /// Whether another item follows: `left` are to come, or any number of them up to a break.
    fn has_next(&mut self, left: &mut Option<u64>) -> Result<bool, ApiError> {
        match left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None if self.from.datatype().map_err(malformed)? == Type::Break => {
                self.from.set_position(self.from.position() + 1);
                Ok(false)
            }
            None => Ok(true),
        }
    }

    fn tagged(&mut self, depth: usize) -> Result<Value, ApiError> {
        let tag = self.from.tag().map_err(malformed)?.as_u64();
        if tag != EPOCH {
            return Err(malformed(format!("tag {tag} is not supported")));
        }
        let value = self.value(depth + 1)?;
        if value.is_number() { Ok(value) } else { Err(malformed("a timestamp is no finite number")) }
    }
}

fn float(value: f64) -> Value {
    Number::from_f64(value).map_or_else(|| non_finite(value).into(), Value::Number)
}

fn non_finite(value: f64) -> &'static str {
    match value {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

type Out = Encoder<Vec<u8>>;
type Written = Result<(), minicbor::encode::Error<Infallible>>;

fn written(write: impl FnOnce(&mut Out) -> Written) -> Bytes {
    let mut out = Encoder::new(Vec::new());
    write(&mut out).expect("writing to memory cannot fail");
    Bytes::from(out.into_writer())
}

fn write(shape: &Shape, value: &Value, out: &mut Out) -> Written {
    match (shape, value) {
        (Shape::Structure(structure), Value::Object(members)) => {
            let present = structure.members.iter().filter_map(|member| match &member.use_ {
                Use::Honoured(shape) => {
                    let value = members.get(member.name).filter(|value| !value.is_null())?;
                    Some((member.name, shape, value))
                }
                Use::Refused(_) => None,
            });
            let present: Vec<_> = present.collect();
            out.map(present.len() as u64)?;
            present.into_iter().try_for_each(|(name, shape, value)| write(shape, value, out.str(name)?))
        }
        (Shape::List(list), Value::Array(values)) => {
            out.array(values.len() as u64)?;
            values.iter().try_for_each(|value| write(list.member, value, out))
        }
        (Shape::Map(map), Value::Object(entries)) => {
            out.map(entries.len() as u64)?;
            entries.iter().try_for_each(|(key, value)| write(map.value, value, out.str(key)?))
        }
        (Shape::Timestamp, Value::Number(_)) => {
            out.tag(Tag::new(EPOCH))?;
            write_any(value, out)
        }
        _ => write_any(value, out),
    }
}

/// Without a shape: what an error's members are.
fn write_any(value: &Value, out: &mut Out) -> Written {
    match value {
        Value::Null => out.null()?.ok(),
        Value::Bool(value) => out.bool(*value)?.ok(),
        Value::String(text) => out.str(text)?.ok(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => out.i64(whole)?.ok(),
            (None, float) => out.f64(float.unwrap_or_default())?.ok(),
        },
        Value::Array(values) => {
            out.array(values.len() as u64)?;
            values.iter().try_for_each(|value| write_any(value, out))
        }
        Value::Object(members) => {
            out.map(members.len() as u64)?;
            members.iter().try_for_each(|(name, value)| write_any(value, out.str(name)?))
        }
    }
}
