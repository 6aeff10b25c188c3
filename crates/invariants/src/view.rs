//! A whole snapshot.

use crate::{
    Check, addresses_are_unique, instances_are_not_overcommitted, interfaces_follow_tasks,
    revisions_are_dense, stopped_tasks_are_explained, tasks_have_hosts, times_are_ordered,
};
use model::instance::ContainerInstance;
use model::network::Eni;
use model::task::Task;
use model::task_definition::TaskDefinition;

/// Every record that the predicates know, from one snapshot.
#[derive(Clone, Debug, Default)]
pub struct View<'a> {
    /// Tasks of all clusters.
    pub tasks: Vec<&'a Task>,
    /// Container instances of all clusters.
    pub instances: Vec<&'a ContainerInstance>,
    /// Network interfaces.
    pub enis: Vec<&'a Eni>,
    /// Task definitions, the inactive ones too.
    pub definitions: Vec<&'a TaskDefinition>,
}

/// Every invariant that a snapshot alone can show; the first violation found.
pub fn check_all(view: &View<'_>) -> Check {
    for task in &view.tasks {
        times_are_ordered(task)?;
        stopped_tasks_are_explained(task)?;
    }
    let (tasks, enis) = (|| view.tasks.iter().copied(), || view.enis.iter().copied());
    tasks_have_hosts(tasks())?;
    instances_are_not_overcommitted(view.instances.iter().copied(), tasks())?;
    addresses_are_unique(enis())?;
    interfaces_follow_tasks(tasks(), enis())?;
    revisions_are_dense(view.definitions.iter().copied())
}
