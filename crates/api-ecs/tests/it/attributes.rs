//! PutAttributes, DeleteAttributes, ListAttributes, UpdateContainerAgent.

use crate::world::World;
use serde_json::{Value, json};

fn world() -> (World, String) {
    let w = World::new();
    w.ok("CreateCluster", json!({}));
    let arn = w.register_agent("default", 1024, 1024);
    (w, arn)
}

fn attribute(arn: &str, name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value, "targetType": "container-instance", "targetId": arn })
}

#[test]
fn attributes_are_put_listed_and_deleted() {
    let (w, arn) = world();
    let stack = attribute(&arn, "stack", "production");
    w.check("PutAttributes", json!({ "attributes": [stack] }), json!({ "attributes": [stack] }));
    let listed = json!({ "targetType": "container-instance", "attributeName": "stack" });
    w.check("ListAttributes", listed.clone(), json!({ "attributes": [stack] }));
    let described = w.ok("DescribeContainerInstances", json!({ "containerInstances": [arn] }));
    let shown = described["containerInstances"][0]["attributes"].as_array().expect("attributes").clone();
    assert!(shown.contains(&json!({ "name": "stack", "value": "production" })), "{shown:?}");
    let testing = attribute(&arn, "stack", "testing");
    w.ok("PutAttributes", json!({ "attributes": [testing] }));
    w.ok("DeleteAttributes", json!({ "attributes": [stack] }));
    w.check("ListAttributes", listed.clone(), json!({ "attributes": [testing] }));
    let mut by_value = listed.clone();
    by_value["attributeValue"] = json!("production");
    assert_eq!(w.ok("ListAttributes", by_value)["attributes"], json!([]));
    w.ok("DeleteAttributes", json!({ "attributes": [{ "name": "stack", "targetId": arn }] }));
    assert_eq!(w.ok("ListAttributes", listed)["attributes"], json!([]));
}

#[test]
fn attributes_come_in_pages() {
    let (w, arn) = world();
    let all = w.ok("ListAttributes", json!({ "targetType": "container-instance" }));
    let count = all["attributes"].as_array().map_or(0, Vec::len);
    let (mut seen, mut token) = (Vec::new(), Value::Null);
    loop {
        let mut request = json!({ "targetType": "container-instance", "maxResults": 1 });
        if !token.is_null() {
            request["nextToken"] = token;
        }
        let page = w.ok("ListAttributes", request);
        seen.extend(page["attributes"].as_array().expect("attributes").clone());
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!((json!(seen), seen.len()), (all["attributes"].clone(), count));
    assert!(seen.iter().all(|a| a["targetId"] == json!(arn)));
}

#[test]
fn an_attribute_that_cannot_be_is_refused_with_all_that_came_with_it() {
    let (w, arn) = world();
    let good = attribute(&arn, "good", "1");
    let nobody = format!("arn:aws:ecs:us-east-1:000000000000:container-instance/default/{}", "0".repeat(32));
    let eleven: Vec<Value> = (0..11).map(|n| attribute(&arn, &format!("n{n}"), "1")).collect();
    let parameter = |text: &str| format!("InvalidParameterException: {text}");
    for (attributes, expected) in [
        (json!([]), parameter("attributes cannot be empty.")),
        (json!(eleven), parameter("attributes can have at most 10 items.")),
        (json!([good, attribute(&arn, "a b", "")]), parameter("The attribute name 'a b' is invalid.")),
        (json!([good, attribute(&arn, "a", "")]), parameter("The value of the attribute 'a' is invalid.")),
        (
            json!([good, { "name": "a", "targetId": arn.rsplit('/').next() }]),
            parameter("The targetType of an attribute has to be specified when its targetId is no ARN."),
        ),
        (json!([good, attribute(&arn, "a", " b")]), parameter("The value of the attribute 'a' is invalid.")),
        (
            json!([good, attribute(&arn, "ecs.os-type", "linux")]),
            parameter("The attribute 'ecs.os-type' is built in: only the container agent sets it."),
        ),
        (json!([good, { "name": "a" }]), parameter("The targetId of an attribute cannot be empty.")),
        (
            json!([good, attribute(&nobody, "a", "1")]),
            "TargetNotFoundException: The specified target was not found.".to_owned(),
        ),
    ] {
        assert_eq!(w.err("PutAttributes", json!({ "attributes": attributes })), expected);
    }
    assert_eq!(
        w.err("ListAttributes", json!({ "targetType": "container-instance", "attributeValue": "1" })),
        "InvalidParameterException: attributeName has to be specified when attributeValue is."
    );
    let listed = json!({ "targetType": "container-instance", "attributeName": "good" });
    assert_eq!(w.ok("ListAttributes", listed)["attributes"], json!([]));
    w.ok("PutAttributes", json!({ "attributes": &eleven[..10] }));
    assert_eq!(
        w.err("PutAttributes", json!({ "attributes": [good] })),
        "AttributeLimitExceededException: A container instance can have at most 10 custom attributes."
    );
}

#[test]
fn there_is_never_an_update_for_an_agent() {
    let (w, arn) = world();
    let update = |instance: &str| w.err("UpdateContainerAgent", json!({ "containerInstance": instance }));
    assert!(update(&arn).starts_with("MissingVersionException: "));
    w.ok(
        "RegisterContainerInstance",
        json!({ "containerInstanceArn": arn, "versionInfo": { "agentVersion": "0.1.0" } }),
    );
    assert!(update(&arn).starts_with("NoUpdateAvailableException: "));
    assert!(update(&"0".repeat(32)).starts_with("InvalidParameterException: "));
}
