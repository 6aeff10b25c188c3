//! Clusters.

use super::capacity_provider::strategy;
use super::{int, pair, tags};
use model::arn;
use model::cluster::{Cluster, ClusterStatus};
use model::instance::InstanceStatus;
use model::task::TaskStatus;
use model::task_definition::LaunchType;
use store::State;
use wire::ecs::{self, ClusterField, ClusterSetting, ClusterSettingName, KeyValuePair};

/// What counts as pending: on its way to RUNNING.
const PENDING: [TaskStatus; 3] = [TaskStatus::Provisioning, TaskStatus::Pending, TaskStatus::Activating];

/// A cluster with its true counts, and what of the rest `include` asks for.
pub(crate) fn cluster(state: &State, cluster: &Cluster, include: &[ClusterField]) -> ecs::Cluster {
    let (scope, name) = (&cluster.scope, &cluster.name);
    let count = |status| state.count_tasks(scope, name, status);
    let instances = state.instances(scope, name).filter(|i| i.status != InstanceStatus::Inactive).count();
    let mut shown = ecs::Cluster {
        cluster_arn: Some(arn::cluster(scope, name)),
        cluster_name: Some(name.to_string()),
        status: Some(status(cluster.status).to_owned()),
        registered_container_instances_count: int(instances),
        running_tasks_count: int(count(TaskStatus::Running)),
        pending_tasks_count: int(PENDING.into_iter().map(count).sum::<usize>()),
        active_services_count: Some(0),
        statistics: Some(Vec::new()),
        tags: Some(Vec::new()),
        settings: Some(Vec::new()),
        capacity_providers: Some(cluster.capacity_providers.clone()),
        default_capacity_provider_strategy: Some(strategy(&cluster.default_capacity_provider_strategy)),
        ..ecs::Cluster::default()
    };
    for field in include {
        match field {
            ClusterField::Settings => shown.settings = Some(settings(cluster)),
            ClusterField::Tags => shown.tags = Some(tags(&cluster.tags)),
            ClusterField::Statistics => shown.statistics = Some(statistics(state, cluster)),
            ClusterField::Attachments => shown.attachments = Some(Vec::new()),
            // A cluster without an execute-command or storage configuration shows none.
            ClusterField::Configurations => {}
        }
    }
    shown
}

fn status(status: ClusterStatus) -> &'static str {
    match status {
        ClusterStatus::Active => "ACTIVE",
        ClusterStatus::Inactive => "INACTIVE",
    }
}

fn settings(cluster: &Cluster) -> Vec<ClusterSetting> {
    let setting = |(name, value): (&String, &String)| {
        let name: ClusterSettingName = name.parse().ok()?;
        Some(ClusterSetting { name: Some(name), value: Some(value.clone()) })
    };
    cluster.settings.iter().filter_map(setting).collect()
}

/// Tasks and services by launch type (ECS API Reference: `Cluster.statistics`). Only tasks that are not STOPPED are read.
fn statistics(state: &State, cluster: &Cluster) -> Vec<KeyValuePair> {
    let count = |launch_type: LaunchType, statuses: &[TaskStatus]| {
        let tasks = state.active_tasks(&cluster.scope, &cluster.name);
        tasks
            .filter(|t| t.launch_type == launch_type && statuses.contains(&t.last_status))
            .count()
            .to_string()
    };
    let running = &[TaskStatus::Running];
    vec![
        pair("runningEC2TasksCount", count(LaunchType::Ec2, running)),
        pair("runningFargateTasksCount", count(LaunchType::Fargate, running)),
        pair("pendingEC2TasksCount", count(LaunchType::Ec2, &PENDING)),
        pair("pendingFargateTasksCount", count(LaunchType::Fargate, &PENDING)),
        pair("activeEC2ServiceCount", "0"),
        pair("activeFargateServiceCount", "0"),
        pair("drainingEC2ServiceCount", "0"),
        pair("drainingFargateServiceCount", "0"),
    ]
}
