//! A task, as versions 3 and 4 show it.

use super::container::{ContainerV3, ContainerV4};
use super::{Amount, container_v3, container_v4, rfc3339_if};
use crate::{CallError, ContainerView, EphemeralStorageView, TaskView};
use serde::Serialize;
use std::collections::BTreeMap;

/// CPU units of a vCPU.
const UNITS_PER_VCPU: u64 = 1024;

/// What `taskWithTags` adds; nothing without tags.
#[derive(Default)]
pub(crate) struct Tags {
    task: BTreeMap<String, String>,
    instance: BTreeMap<String, String>,
    errors: Vec<TagError>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagError {
    error_field: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    error_code: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    error_message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(rename = "ResourceARN")]
    resource_arn: String,
}

type Asked = Result<BTreeMap<String, String>, CallError>;

impl Tags {
    /// The answers for the container instance and the task, each with the ARN that was asked for.
    pub(crate) fn new(instance: (&str, Asked), task: (&str, Asked)) -> Self {
        let mut errors = Vec::new();
        let mut take = |field, (arn, asked): (&str, Asked)| {
            asked.unwrap_or_else(|error| {
                errors.push(TagError::new(field, arn, error));
                BTreeMap::new()
            })
        };
        let instance = take("ContainerInstanceTags", instance);
        let task = take("TaskTags", task);
        Self { task, instance, errors }
    }
}

impl TagError {
    fn new(error_field: &'static str, arn: &str, error: CallError) -> Self {
        Self {
            error_field,
            error_code: error.code,
            error_message: error.message,
            status_code: error.status,
            request_id: error.request_id,
            resource_arn: arn.to_owned(),
        }
    }
}

/// What version 3 shows of a task.
#[derive(Serialize)]
pub(crate) struct TaskV3<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    #[serde(rename = "Containers", skip_serializing_if = "Vec::is_empty")]
    containers: Vec<ContainerV3<'a>>,
    #[serde(flatten)]
    tail: Tail<'a>,
}

/// What version 4 shows of a task.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TaskV4<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    #[serde(flatten)]
    tail: Tail<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    launch_type: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [TagError],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    containers: Vec<ContainerV4<'a>>,
    #[serde(rename = "VPCID", skip_serializing_if = "str::is_empty")]
    vpc_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    service_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ephemeral_storage_metrics: Option<EphemeralStorage>,
    fault_injection_enabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Head<'a> {
    cluster: &'a str,
    #[serde(rename = "TaskARN")]
    task_arn: &'a str,
    family: &'a str,
    revision: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    desired_status: &'a str,
    known_status: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tail<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Limits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_stopped_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_stopped_at: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    availability_zone: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    task_tags: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    container_instance_tags: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Limits {
    #[serde(rename = "CPU", skip_serializing_if = "Option::is_none")]
    vcpus: Option<Amount>,
    #[serde(rename = "Memory", skip_serializing_if = "Option::is_none")]
    memory_mib: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EphemeralStorage {
    utilized: u64,
    reserved: u64,
}

pub(crate) fn task_v3<'a>(view: &'a TaskView, tags: &'a Tags) -> TaskV3<'a> {
    TaskV3 { head: head(view), containers: shown(view).map(container_v3).collect(), tail: tail(view, tags) }
}

pub(crate) fn task_v4<'a>(
    view: &'a TaskView,
    tags: &'a Tags,
    storage: Option<EphemeralStorageView>,
) -> TaskV4<'a> {
    TaskV4 {
        head: head(view),
        tail: tail(view, tags),
        launch_type: &view.launch_type,
        errors: &tags.errors,
        containers: shown(view).map(container_v4).collect(),
        vpc_id: &view.vpc_id,
        service_name: &view.service_name,
        ephemeral_storage_metrics: storage.map(|storage| EphemeralStorage {
            utilized: storage.utilized_mib,
            reserved: storage.reserved_mib,
        }),
        fault_injection_enabled: view.fault_injection_enabled,
    }
}

/// The agent shows a container from the moment on when its image was pulled.
fn shown(view: &TaskView) -> impl Iterator<Item = &ContainerView> {
    view.containers
        .iter()
        .filter(|container| !container.docker_id.is_empty() || container.known_status == "PULLED")
}

fn head(view: &TaskView) -> Head<'_> {
    Head {
        cluster: &view.cluster,
        task_arn: &view.task_arn,
        family: &view.family,
        revision: &view.revision,
        desired_status: &view.desired_status,
        known_status: &view.known_status,
    }
}

fn tail<'a>(view: &'a TaskView, tags: &'a Tags) -> Tail<'a> {
    Tail {
        limits: limits(view),
        pull_started_at: rfc3339_if(view.pull_started_unix_ms),
        pull_stopped_at: rfc3339_if(view.pull_stopped_unix_ms),
        execution_stopped_at: rfc3339_if(view.execution_stopped_unix_ms),
        availability_zone: &view.availability_zone,
        task_tags: &tags.task,
        container_instance_tags: &tags.instance,
    }
}

fn limits(view: &TaskView) -> Option<Limits> {
    let vcpus = view.limits.cpu_units.map(|units| Amount::ratio(units.into(), UNITS_PER_VCPU));
    let memory_mib = view.limits.memory_mib;
    (vcpus.is_some() || memory_mib.is_some()).then_some(Limits { vcpus, memory_mib })
}
