//! The rules of single members of a task definition, one row each: what is laid over a definition that is fine, and
//! how RegisterTaskDefinition refuses it. A row without a message is taken.

mod containers;
mod fargate;
mod kernel;
mod logs;
mod network;
mod storage;

use crate::world::{World, fargate, lay_over};
use serde_json::{Value, json};

/// One row: what is changed, and the message. Empty: it is taken.
pub type Row<'a> = (Value, &'a str);

/// A definition of one container `app` for EC2 in the default network mode, bridge.
pub fn ec2(changes: Value) -> Value {
    let mut definition = json!({
        "family": "web", "containerDefinitions": [{ "name": "app", "image": "app:latest", "memory": 64 }],
    });
    lay_over(&mut definition, changes);
    definition
}

/// Registers each definition in turn.
#[track_caller]
pub fn check(rows: impl IntoIterator<Item = (Value, String)>) {
    let w = World::new();
    for (definition, message) in rows {
        let answer = w.call("RegisterTaskDefinition", definition.clone()).map_err(|error| error.to_string());
        match (answer, message.as_str()) {
            (Ok(_), "") => {}
            (Ok(_), _) => panic!("{definition}\nwas taken, and not refused with {message}"),
            (Err(error), _) => assert_eq!(error, format!("ClientException: {message}"), "{definition}"),
        }
    }
}

/// Changes to the whole definition.
#[track_caller]
pub fn tasks(rows: &[Row<'_>]) {
    check(rows.iter().map(|(changes, message)| (ec2(changes.clone()), (*message).to_owned())));
}

/// Changes to the one container, with these to the whole definition.
#[track_caller]
pub fn containers_with(task: Value, rows: &[Row<'_>]) {
    check(rows.iter().map(|(changes, message)| (app(ec2(task.clone()), changes), (*message).to_owned())));
}

/// Changes to the one container.
#[track_caller]
pub fn containers(rows: &[Row<'_>]) {
    containers_with(json!({}), rows);
}

/// Changes to the one container of a definition that requires FARGATE.
#[track_caller]
pub fn fargate_containers(rows: &[Row<'_>]) {
    let rows = rows.iter();
    check(rows.map(|(changes, message)| (app(fargate("web", json!({})), changes), (*message).to_owned())));
}

/// Lays the changes over the first container.
fn app(mut definition: Value, changes: &Value) -> Value {
    lay_over(&mut definition["containerDefinitions"][0], changes.clone());
    definition
}
