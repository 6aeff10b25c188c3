//! Account settings.

use crate::world::{World, host, task_id};
use model::Scope;
use serde_json::{Value, json};

const ROOT: &str = "arn:aws:iam::000000000000:root";
const ALICE: &str = "arn:aws:iam::000000000000:user/alice";

fn setting(principal: &str, value: &str) -> Value {
    json!({ "name": "defaultLogDriverMode", "principalArn": principal, "value": value, "type": "user" })
}

#[test]
fn a_principals_own_choice_wins_over_the_accounts_and_that_over_awss() {
    let w = World::new();
    let effective = |principal: &str, value: &str| {
        let request = json!({
            "name": "defaultLogDriverMode", "principalArn": principal, "effectiveSettings": true,
        });
        w.check("ListAccountSettings", request, json!({ "settings": [setting(principal, value)] }));
    };
    effective(ALICE, "non-blocking");
    let change = json!({ "name": "defaultLogDriverMode", "value": "blocking" });
    w.check("PutAccountSettingDefault", change, json!({ "setting": setting(ROOT, "blocking") }));
    effective(ALICE, "blocking");
    let own = json!({ "name": "defaultLogDriverMode", "value": "non-blocking", "principalArn": ALICE });
    w.check("PutAccountSetting", own, json!({ "setting": setting(ALICE, "non-blocking") }));
    effective(ALICE, "non-blocking");
    effective(ROOT, "blocking");
    let delete = json!({ "name": "defaultLogDriverMode", "principalArn": ALICE });
    w.check("DeleteAccountSetting", delete.clone(), json!({ "setting": setting(ALICE, "blocking") }));
    w.ok("DeleteAccountSetting", delete);
    let chosen = w.ok("ListAccountSettings", json!({ "principalArn": ALICE }));
    assert_eq!(chosen["settings"], json!([]));
}

#[test]
fn every_setting_is_listed_ten_at_a_time() {
    let w = World::new();
    let first = w.ok("ListAccountSettings", json!({ "effectiveSettings": true }));
    let token = &first["nextToken"];
    let second = w.ok("ListAccountSettings", json!({ "effectiveSettings": true, "nextToken": token }));
    let count = |page: &Value| page["settings"].as_array().map_or(0, Vec::len);
    assert_eq!((count(&first), count(&second)), (10, 1));
    w.check(
        "ListAccountSettings",
        json!({ "effectiveSettings": true, "name": "taskLongArnFormat", "value": "enabled" }),
        json!({ "settings": [{ "name": "taskLongArnFormat", "value": "enabled" }] }),
    );
}

#[test]
fn a_value_that_would_change_nothing_is_refused() {
    let w = World::new();
    let put = |name: &str, value: &str| w.err("PutAccountSetting", json!({ "name": name, "value": value }));
    assert_eq!(
        put("taskLongArnFormat", "disabled"),
        "InvalidParameterException: Wharf does not support the value 'disabled' of the account setting \
         taskLongArnFormat: it can be enabled."
    );
    assert!(put("containerInsights", "enhanced").contains("it can be disabled"));
    assert!(put("defaultLogDriverMode", "sometimes").contains("it can be blocking or non-blocking"));
    let other = json!({
        "name": "defaultLogDriverMode", "value": "blocking", "principalArn": "arn:aws:iam::111111111111:root",
    });
    assert_eq!(w.err("PutAccountSetting", other), "InvalidParameterException: Invalid principal ARN.");
}

#[test]
fn the_default_mode_of_logs_is_the_callers_when_a_task_is_run() {
    let w = World::with_agent();
    w.ok("RegisterTaskDefinition", host("job", json!({})));
    let blocks = || {
        let task = w.ok("RunTask", json!({ "taskDefinition": "job" }))["tasks"][0].clone();
        w.task(&task_id(&task)).logs_block_by_default
    };
    assert!(!blocks());
    w.ok("PutAccountSetting", json!({ "name": "defaultLogDriverMode", "value": "blocking" }));
    assert!(blocks());
    let elsewhere = Scope::new("000000000000", "eu-west-1");
    let listed = w.call_as(&elsewhere, "ListAccountSettings", json!({})).expect("listed");
    assert_eq!(listed["settings"], json!([]), "a setting is of one region");
}
