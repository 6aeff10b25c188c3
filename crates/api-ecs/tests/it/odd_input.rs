//! Inputs that satisfy AWS's model and make no sense: every operation answers, nothing panics, and an error is AWS's
//! and not ours.

use crate::random;
use crate::world::World;
use serde_json::{Map, Number, Value, json};
use wire::ecs::SERVICE;
use wire::schema::{Shape, Use};

const CALLS: usize = 4000;

/// Texts that are names, ids, ARNs and numbers, or nearly.
const TEXTS: &[&str] = &[
    "",
    " ",
    "a",
    "web",
    "web:1",
    "web:0",
    "web:99999999999",
    ":",
    "/",
    "arn:",
    "arn:aws:ecs",
    "default",
    "x/y/z",
    "arn:aws:ecs:us-east-1:000000000000:cluster/default",
    "arn:aws:ecs:us-east-1:000000000000:task/default/",
    "arn:aws:ecs:us-east-1:000000000000:task-definition/web:1",
    "arn:aws:ecs:us-east-1:000000000000:task/a/b/c",
    "arn:aws:ecs:us-west-2:111111111111:cluster/default",
    "arn:aws:s3:::bucket",
    "ä😀",
    "\u{0}",
    "256",
    "512",
    "-1",
    "1e9 vCPU",
    ".5GB",
    "99999999999999999999GB",
    "LATEST",
    "RUNNING",
    "STOPPED",
    "ATTACHED",
    "CPU",
    "PORTS",
    "{\"a\":",
    "00000000000000000000000000000002",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "awslogs-group",
    "true",
    "enabled",
];

#[test]
fn every_operation_answers_whatever_it_is_asked() {
    let w = World::with_agent();
    w.register("web");
    w.run_fargate("web");
    let mut rng = fastrand::Rng::with_seed(1);
    let mut answered = std::collections::BTreeMap::new();
    for n in 0..CALLS {
        let operation = rng.choice(SERVICE.operations).expect("there are operations");
        let input = value(operation.input, &mut rng, 0);
        let before = w.store.snapshot();
        match w.call(operation.name, input.clone()) {
            Ok(_) => *answered.entry(operation.name).or_insert(0) += 1,
            Err(error) => {
                assert!(error.status < 500, "call {n} {} {input}: {error}", operation.name);
                assert_eq!(
                    before.revision(),
                    w.store.snapshot().revision(),
                    "call {n} failed and wrote: {input}"
                );
            }
        }
        random::check(&before, &w.store.snapshot())
            .unwrap_or_else(|e| panic!("call {n} {} {input}: {e}", operation.name));
    }
    assert!(answered.len() > SERVICE.operations.len() / 2, "too few calls made sense: {answered:?}");
}

/// Whatever is 1 MB long and refused is not repeated: neither in the error nor in `failures[]`.
#[test]
fn no_refusal_repeats_what_is_long() {
    let w = World::with_agent();
    w.register("web");
    let mut refused = 0;
    for operation in SERVICE.operations {
        let mut inputs = Vec::new();
        each_long(operation.input, &mut |input| inputs.push(input));
        for mut input in inputs {
            let shown = input.to_string();
            lengthen(&mut input);
            let answer = match w.call(operation.name, input) {
                Ok(answer) => answer["failures"].to_string(),
                Err(error) => {
                    refused += 1;
                    json!({ "message": error.message, "members": error.members }).to_string()
                }
            };
            let length = answer.len();
            assert!(length < 4096, "{} {shown}: {length} bytes: {}", operation.name, &answer[..200]);
        }
    }
    assert!(refused > 2 * SERVICE.operations.len(), "only {refused} calls were refused");
}

const LONG: &str = "?long?";

/// One input for each text that the shape may have in it: the text is [`LONG`], and what is required is there besides.
fn each_long(shape: &Shape, give: &mut dyn FnMut(Value)) {
    match shape {
        Shape::Structure(structure) => {
            for member in structure.members {
                let Use::Honoured(of_member) = member.use_ else { continue };
                each_long(of_member, &mut |value| {
                    let mut input = least(shape);
                    input[member.name] = value;
                    give(input);
                });
            }
        }
        Shape::List(list) => each_long(list.member, &mut |value| give(json!([value]))),
        Shape::Map(map) => {
            give(json!({ LONG: least(map.value) }));
            each_long(map.value, &mut |value| give(json!({ "a": value })));
        }
        Shape::Text(_) => give(json!(LONG)),
        _ => {}
    }
}

/// A value with what is required and nothing else.
fn least(shape: &Shape) -> Value {
    match shape {
        Shape::Structure(structure) => {
            let required = structure.members.iter().filter(|member| member.required);
            let honoured = required.filter_map(|member| match member.use_ {
                Use::Honoured(shape) => Some((member.name.to_owned(), least(shape))),
                Use::Refused(_) => None,
            });
            Value::Object(honoured.collect())
        }
        Shape::List(list) => json!([least(list.member)]),
        Shape::Map(_) => json!({}),
        Shape::Text(text) => json!(text.values.first().copied().unwrap_or("web")),
        Shape::Integer(_) | Shape::Long(_) => json!(1),
        Shape::Double(_) | Shape::Timestamp => json!(1.0),
        Shape::Boolean => json!(true),
    }
}

/// [`LONG`] becomes 1 MB.
fn lengthen(value: &mut Value) {
    match value {
        Value::String(text) if text == LONG => *text = "x".repeat(1 << 20),
        Value::Array(values) => values.iter_mut().for_each(lengthen),
        Value::Object(members) => {
            if let Some(value) = members.remove(LONG) {
                members.insert("x".repeat(1 << 20), value);
            }
            members.values_mut().for_each(lengthen);
        }
        _ => {}
    }
}

/// A value of the shape, mostly; deep ones are small.
fn value(shape: &Shape, rng: &mut fastrand::Rng, depth: u32) -> Value {
    match shape {
        Shape::Structure(structure) => {
            let mut members = Map::new();
            for member in structure.members {
                let Use::Honoured(shape) = member.use_ else { continue };
                if member.required || rng.u32(0..3 + depth) == 0 {
                    members.insert(member.name.to_owned(), value(shape, rng, depth + 1));
                }
            }
            Value::Object(members)
        }
        Shape::List(list) => (0..rng.usize(0..4)).map(|_| value(list.member, rng, depth + 1)).collect(),
        Shape::Map(map) => {
            let entries = (0..rng.usize(0..3)).map(|_| (text(rng), value(map.value, rng, depth + 1)));
            Value::Object(entries.collect())
        }
        Shape::Text(shape) if !shape.values.is_empty() => json!(rng.choice(shape.values)),
        Shape::Text(_) => json!(text(rng)),
        Shape::Integer(_) => json!(rng.choice([0, 1, -1, 80, 512, 65_536, i32::MAX, i32::MIN])),
        Shape::Long(_) => json!(rng.choice([0, 1, -1, i64::MAX, i64::MIN])),
        Shape::Double(_) | Shape::Timestamp => {
            Number::from_f64(rng.f64() * 1e10).map_or(Value::Null, Value::Number)
        }
        Shape::Boolean => json!(rng.bool()),
    }
}

fn text(rng: &mut fastrand::Rng) -> String {
    match rng.u32(0..30) {
        0 => "x".repeat(rng.usize(0..10_000)),
        _ => rng.choice(TEXTS).copied().unwrap_or_default().to_owned(),
    }
}
