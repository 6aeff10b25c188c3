//! CBOR bodies: what is read, what is refused, what is written.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use wire::cbor;
use wire::schema::Shape;

fn parse(hex: &str) -> Result<Value, String> {
    cbor::parse(&hex::decode(hex).unwrap()).map_err(|error| {
        assert_eq!((error.code, error.status), ("SerializationException", 400));
        error.message
    })
}

#[test]
fn what_is_read() {
    for (hex, expected) in [
        ("", json!({})),
        ("a0", json!({})),
        ("f4", json!(false)),
        ("f5", json!(true)),
        ("f6", Value::Null),
        ("f7", Value::Null),
        ("00", json!(0)),
        ("3863", json!(-100)),
        ("1bffffffffffffffff", json!(u64::MAX)),
        ("3b7fffffffffffffff", json!(i64::MIN)),
        ("f93c00", json!(1.0)),
        ("f9c400", json!(-4.0)),
        ("f90001", json!(5.960464477539063e-8)),
        ("fa47c35000", json!(100_000.0)),
        ("fb3ff199999999999a", json!(1.1)),
        ("f97e00", json!("NaN")),
        ("fa7f800000", json!("Infinity")),
        ("fbfff0000000000000", json!("-Infinity")),
        ("62c3bc", json!("ü")),
        ("7f62c3bc6161ff", json!("üa")),
        ("7fff", json!("")),
        ("83010203", json!([1, 2, 3])),
        ("9f0102ff", json!([1, 2])),
        ("a1616101", json!({ "a": 1 })),
        ("bf616101ff", json!({ "a": 1 })),
        ("c11a6b014f80", json!(1_795_248_000)),
        ("c1fb41dac053e0200000", json!(1_795_248_000.5)),
    ] {
        assert_eq!(parse(hex), Ok(expected), "{hex}");
    }
}

#[test]
fn what_is_refused() {
    for (hex, reason) in [
        ("ff", "break"),
        ("0000", "bytes follow the value"),
        ("a0a0", "bytes follow the value"),
        ("18", "end of input"),
        ("62c3", "end of input"),
        ("62c328", "utf-8"),
        ("7f61c361bcff", "utf-8"),
        ("7f4161ff", "type"),
        ("4161", "bytes"),
        ("5f4161ff", "bytes"),
        ("a10102", "where a text is expected"),
        ("bf6161ff", "break"),
        ("a2616101616102", "a key twice"),
        ("c24101", "tag 2 is not supported"),
        ("c34101", "tag 3 is not supported"),
        ("c48221196ab3", "tag 4 is not supported"),
        ("c074", "tag 0 is not supported"),
        ("c16161", "no finite number"),
        ("c1f97e00", "no finite number"),
        ("3bffffffffffffffff", "int"),
        ("e0", "simple"),
        ("1c", "0x1c"),
        // Lengths that lie: of 2^64-1 values, entries, bytes.
        ("9bffffffffffffffff00", "end of input"),
        ("bbffffffffffffffff616100", "end of input"),
        ("7bffffffffffffffff61", "end of input"),
    ] {
        let message = parse(hex).unwrap_err();
        assert!(message.to_lowercase().contains(reason), "{hex}: {message}");
    }
}

#[test]
fn depth_and_number_are_bounded() {
    for level in ["81", "9f", "a16161", "c1"] {
        let message = parse(&level.repeat(100_000)).unwrap_err();
        assert!(message.contains("nested too deeply"), "{level}: {message}");
    }
    assert!(parse(&format!("{}00", "81".repeat(63))).is_ok());
    let array = |values: usize| {
        let mut body = vec![0x9f];
        body.resize(values + 1, 0);
        body.push(0xff);
        body
    };
    assert!(cbor::parse(&array((1 << 19) - 1)).is_ok());
    let error = cbor::parse(&array(1 << 19)).unwrap_err();
    assert!(error.message.contains("too many values"), "{error}");
}

#[test]
fn timestamps_are_written_under_their_tag() {
    for (at, expected) in
        [(json!(1_795_248_000), "c11a6b014f80"), (json!(1_795_248_000.5), "c1fb41dac053e0200000")]
    {
        assert_eq!(hex::encode(cbor::encode(&Shape::Timestamp, &at)), expected);
    }
}
