//! Records into AWS's shapes. Nothing is decided here: what a record does not say, an answer does not say.

mod capacity_provider;
mod cluster;
mod container_definition;
mod instance;
mod task;
mod task_definition;

pub(crate) use capacity_provider::{built_in_capacity_provider, capacity_provider};
pub(crate) use cluster::cluster;
pub(crate) use container_definition::gpus;
pub(crate) use instance::{attribute, instance, instance_health};
pub(crate) use task::task;
pub(crate) use task_definition::{ephemeral_storage, launch_type, task_definition};

use model::Tags;
use wire::ecs::{Failure, KeyValuePair, Tag};

/// Tags as AWS lists them, sorted by key.
pub(crate) fn tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}

/// `failures[]` for something that is not there.
pub(crate) fn missing(arn: String) -> Failure {
    Failure { arn: Some(arn), reason: Some("MISSING".to_owned()), detail: None }
}

fn pair(name: impl Into<String>, value: impl Into<String>) -> KeyValuePair {
    KeyValuePair { name: Some(name.into()), value: Some(value.into()) }
}

/// Counts and sizes: AWS's integers are signed. Values that do not fit saturate.
fn int(value: impl TryInto<i32>) -> Option<i32> {
    Some(value.try_into().unwrap_or(i32::MAX))
}
