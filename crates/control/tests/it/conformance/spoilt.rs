//! Frames that are right but for one member: it is missing, of another type, or huge.

use serde_json::{Value, json};

/// More than a pipe holds.
const HUGE: usize = 100_000;

/// The frame spoilt in each of its members, and in each member of those, one at a time.
pub(super) fn each(frame: &Value) -> Vec<Value> {
    let mut pointers = Vec::new();
    walk(frame, String::new(), &mut pointers);
    pointers.iter().flat_map(|pointer| at(frame, pointer)).collect()
}

fn walk(value: &Value, pointer: String, pointers: &mut Vec<String>) {
    let step = |name: &str, inner, pointers: &mut Vec<String>| {
        pointers.push(format!("{pointer}/{name}"));
        walk(inner, format!("{pointer}/{name}"), pointers);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, inner)| step(name, inner, pointers)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, inner)| step(&n.to_string(), inner, pointers));
        }
        _ => {}
    }
}

fn at(frame: &Value, pointer: &str) -> Vec<Value> {
    let others = [
        json!(null),
        json!(true),
        json!(7),
        json!(-1.5e300),
        json!(1.5e300),
        json!(u64::MAX),
        json!(""),
        json!("text"),
        json!([]),
        json!([7, {}]),
        json!({}),
        json!({ "a": [] }),
        json!("x".repeat(HUGE)),
        json!(vec![Value::Null; HUGE / 5]),
    ];
    let with = |other: Value| {
        let mut spoilt = frame.clone();
        *spoilt.pointer_mut(pointer).expect("it is there") = other;
        spoilt
    };
    let mut spoilt: Vec<Value> = others.into_iter().map(with).collect();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let mut without = frame.clone();
    if let Some(Value::Object(members)) = without.pointer_mut(parent) {
        members.remove(name);
        spoilt.push(without);
    }
    spoilt
}
