//! Whatever arrives, the decoders answer; what one side writes, the other reads.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use http::{HeaderMap, HeaderValue};
use model::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use wire::schema::{List, Map, Member, Range, Shape, Structure, Text};
use wire::sigv4::{Request, sha256_hex, verify};
use wire::{Key, Keys, check::check, ecs, logs, metrics, query, sts};

/// Members that the models have, so that random objects get past the first level.
const NAMES: &[&str] = &[
    "family",
    "containerDefinitions",
    "name",
    "cpu",
    "portMappings",
    "containerPort",
    "logConfiguration",
    "options",
    "tags",
    "key",
    "value",
    "overrides",
    "containerOverrides",
    "healthCheck",
    "taskDefinition",
    "logEvents",
    "limit",
    "timestamp",
    "message",
    "logGroupName",
    "attributes",
    "pullStartedAt",
    "networkConfiguration",
    "Namespace",
    "MetricData",
    "MetricName",
    "Value",
    "Values",
    "Timestamp",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let name = prop_oneof![4 => prop::sample::select(NAMES).prop_map(str::to_owned), 1 => "\\PC{0,8}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Runs the whole of the decoding for every operation of every service.
fn decode_everywhere(value: &Value) {
    for &service in wire::SERVICES {
        for operation in service.operations {
            let mut value = value.clone();
            if check(service, operation.input, &mut value).is_ok() {
                // The check lets nothing through that the types cannot hold.
                if operation.name == "RegisterTaskDefinition" {
                    serde_json::from_value::<ecs::RegisterTaskDefinitionRequest>(value).unwrap();
                } else if operation.name == "RunTask" {
                    serde_json::from_value::<ecs::RunTaskRequest>(value).unwrap();
                } else if operation.name == "SubmitTaskStateChange" {
                    serde_json::from_value::<ecs::SubmitTaskStateChangeRequest>(value).unwrap();
                } else if operation.name == "PutLogEvents" {
                    serde_json::from_value::<logs::PutLogEventsRequest>(value).unwrap();
                } else if operation.name == "PutMetricData" {
                    serde_json::from_value::<metrics::PutMetricDataInput>(value).unwrap();
                }
            }
        }
    }
}

static NAME: Shape = Shape::Text(Text { length: Range::NONE, pattern: None, values: &[] });
static COUNT: Shape = Shape::Integer(Range::NONE);
static ON: Shape = Shape::Boolean;
static AT: Shape = Shape::Timestamp;
static NAMES_LIST: Shape = Shape::List(List { length: Range::NONE, member: &NAME, flattened: false });
static FLAT_LIST: Shape = Shape::List(List { length: Range::NONE, member: &ITEM, flattened: true });
static LABELS: Shape = Shape::Map(Map { length: Range::NONE, key: &NAME, value: &NAME, flattened: false });
static ITEM: Shape = Shape::Structure(Structure {
    name: "Item",
    members: &[Member::optional("Name", &NAME), Member::optional("Count", &COUNT)],
});
/// Every form of the query protocol; the one query service of today has no input.
static ROOT: Shape = Shape::Structure(Structure {
    name: "Root",
    members: &[
        Member::optional("At", &AT),
        Member::optional("Flat", &FLAT_LIST),
        Member::optional("Item", &ITEM),
        Member::optional("Labels", &LABELS),
        Member::optional("Names", &NAMES_LIST),
        Member::optional("On", &ON),
        Member::refused("Refused", &[]),
    ],
});

fn any_root() -> impl Strategy<Value = Value> {
    let item =
        || ("\\PC{0,8}", any::<i32>()).prop_map(|(name, count)| json!({ "Name": name, "Count": count }));
    (
        item(),
        prop::collection::vec(item(), 1..4),
        prop::collection::btree_map("\\PC{1,8}", "\\PC{0,8}", 1..4),
        prop::collection::vec("\\PC{0,8}", 1..12),
        any::<bool>(),
    )
        .prop_map(|(item, flat, labels, names, on)| {
            json!({ "Item": item, "Flat": flat, "Labels": labels, "Names": names, "On": on })
        })
}

struct AnyKey;

impl Keys for AnyKey {
    fn find(&self, _: &str) -> Option<Key> {
        Some(Key { secret: "secret".to_owned(), account: model::AccountId::from("1") })
    }
}

proptest! {
    #[test]
    fn any_bytes_as_json(body in prop::collection::vec(any::<u8>(), 0..256)) {
        if let Ok(value) = wire::json::parse(&body) {
            decode_everywhere(&value);
        }
    }

    #[test]
    fn any_bytes_as_cbor(body in prop::collection::vec(any::<u8>(), 0..256)) {
        if let Ok(value) = wire::cbor::parse(&body) {
            decode_everywhere(&value);
        }
    }

    #[test]
    fn cbor_round_trips(value in any_json()) {
        // Of a shape that does not fit, a value is written as it is.
        let written = wire::cbor::encode(&ON, &value);
        prop_assert_eq!(wire::cbor::parse(&written).unwrap(), value.clone());
        for cut in 1..written.len() {
            prop_assert!(wire::cbor::parse(&written[..cut]).is_err());
        }
        decode_everywhere(&value);
    }

    #[test]
    fn any_json_as_an_input(value in any_json()) {
        decode_everywhere(&value);
    }

    #[test]
    fn any_bytes_as_a_form(body in prop::collection::vec(any::<u8>(), 0..256)) {
        if let Ok(form) = query::Form::parse(&body) {
            form.input(&ROOT);
        }
    }

    #[test]
    fn any_form_as_an_input(body in "((At|Flat|Item|Labels|Names|On|Refused)(\\.(member|entry|Name|key|value|[0-9]{1,11})){0,4}=[a-z%+]{0,3}&){0,8}") {
        if let Ok(form) = query::Form::parse(body.as_bytes()) {
            let mut input = form.input(&ROOT);
            let _ = check(&sts::SERVICE, &ROOT, &mut input);
        }
    }

    #[test]
    fn forms_round_trip(input in any_root()) {
        let form = query::encode("Op", "2011-06-15", &ROOT, &input);
        let form = query::Form::parse(form.as_bytes()).unwrap();
        prop_assert_eq!(form.get("Action"), Some("Op"));
        prop_assert_eq!(form.input(&ROOT), input);
    }

    #[test]
    fn any_authorization(
        authorization in "(AWS4-HMAC-SHA256 )?((Credential|SignedHeaders|Signature)=[a-z0-9/;,é]{0,40},? ?){0,4}",
        date in "[0-9TZ]{0,17}",
        query in "(X-Amz-(Algorithm|Credential|Date|Expires|SignedHeaders|Signature)=[A-Z0-9a-z%/-]{0,20}&){0,7}",
        with_header in any::<bool>(),
    ) {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("h"));
        headers.insert("x-amz-date", HeaderValue::from_str(&date).unwrap());
        if with_header {
            headers.insert("authorization", HeaderValue::from_bytes(authorization.as_bytes()).unwrap());
        }
        let body_sha256 = sha256_hex(b"");
        let request =
            Request { method: "GET", path: "/", query: &query, headers: &headers, authority: None, body_sha256: &body_sha256 };
        prop_assert!(verify(&request, "ecs", Timestamp(0), &AnyKey).is_err());
    }

    #[test]
    fn timestamps_round_trip(millis in -60_000_000_000_000_i64..250_000_000_000_000) {
        let at = Timestamp(millis);
        prop_assert_eq!(wire::timestamp::from_iso8601(&wire::timestamp::to_iso8601(at)), Some(at));
        let input = ecs::SubmitTaskStateChangeRequest { pull_started_at: Some(at), ..Default::default() };
        let text = serde_json::to_string(&input).unwrap();
        prop_assert_eq!(serde_json::from_str::<ecs::SubmitTaskStateChangeRequest>(&text).unwrap(), input);
    }
}

#[test]
fn a_refused_member_of_a_form_is_seen() {
    for form in ["Refused=x", "Refused.member.1=x", "Refused.A.B=x"] {
        let mut input = query::Form::parse(form.as_bytes()).unwrap().input(&ROOT);
        let error = check(&sts::SERVICE, &ROOT, &mut input).unwrap_err();
        assert_eq!(error.code, "InvalidParameterValue");
        assert!(error.message.starts_with("Refused is not supported by Wharf yet."), "{error}");
    }
}

#[test]
fn numbers_of_list_items_may_have_gaps() {
    let form = query::Form::parse(b"Names.member.10=c&Names.member.2=b&Names.member.1=a+%2B").unwrap();
    assert_eq!(form.input(&ROOT), json!({ "Names": ["a +", "b", "c"] }));
}
