//! The tables at one moment, and every way to read them.

use crate::index::{Index, Table};
use crate::record::{FamilyCounter, Record, Setting};
use crate::task_index::{Queue, TaskIndexes, TaskKey};
use imbl::{OrdMap, OrdSet};
use model::account_setting::AccountSetting;
use model::capacity_provider::CapacityProvider;
use model::cluster::Cluster;
use model::identity::AccessKey;
use model::instance::ContainerInstance;
use model::logs::{LogGroup, LogStream, MetricFilter};
use model::network::Eni;
use model::task::{DesiredStatus, Task, TaskStatus};
use model::task_definition::TaskDefinition;
use model::{
    AccessKeyId, ClusterName, Family, InstanceId, LogGroupName, LogStreamName, MetricFilterName, Scope,
    TaskId, Timestamp,
};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// What identifies a container instance. Its id alone does as well: [`State::instance_by_id`].
pub type InstanceKey = (Scope, InstanceId);

/// What identifies a metric filter.
pub type MetricFilterKey = (Scope, LogGroupName, MetricFilterName);

/// All container instances at one moment; none by default. A clone is O(1).
#[derive(Clone, Debug, Default)]
pub struct Instances(Table<InstanceKey, ContainerInstance>);

/// The tables and their indexes. A clone is O(1). Iterators go in the order of their keys unless they say otherwise.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub(crate) revision: u64,
    pub(crate) clusters: Table<(Scope, ClusterName), Cluster>,
    pub(crate) capacity_providers: Table<(Scope, String), CapacityProvider>,
    pub(crate) task_definitions: Table<(Scope, Family, u32), TaskDefinition>,
    pub(crate) families: Table<(Scope, Family), FamilyCounter>,
    pub(crate) tasks: Table<TaskKey, Task>,
    pub(crate) instances: Table<InstanceKey, ContainerInstance>,
    pub(crate) enis: Table<Ipv4Addr, Eni>,
    pub(crate) log_groups: Table<(Scope, LogGroupName), LogGroup>,
    pub(crate) log_streams: Table<(Scope, LogGroupName, LogStreamName), LogStream>,
    pub(crate) metric_filters: Table<MetricFilterKey, MetricFilter>,
    pub(crate) access_keys: Table<AccessKeyId, AccessKey>,
    pub(crate) account_settings: Table<(Scope, String, String), AccountSetting>,
    pub(crate) settings: Table<String, Setting>,
    pub(crate) task_indexes: TaskIndexes,
    pub(crate) instances_by_cluster: Index<(Scope, ClusterName), InstanceKey>,
    pub(crate) instance_scopes: OrdMap<InstanceId, Scope>,
    /// Those that are INACTIVE, by when they became so.
    pub(crate) inactive_instances: OrdSet<(Timestamp, Arc<InstanceKey>)>,
}

impl State {
    /// The number of the commit that made this state; it grows over restarts too. Within a transaction: the number
    /// that its commit will get.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// A row by its key.
    pub fn get<R: Record>(&self, key: &R::Key) -> Option<&Arc<R>> {
        R::table(self).get(key)
    }

    // ---- clusters

    /// A cluster, INACTIVE ones included.
    pub fn cluster(&self, scope: &Scope, name: &ClusterName) -> Option<&Arc<Cluster>> {
        self.clusters.get(&(scope.clone(), name.clone()))
    }

    /// The clusters of a scope by name, INACTIVE ones included.
    pub fn clusters<'a>(&'a self, scope: &Scope) -> impl Iterator<Item = &'a Arc<Cluster>> + use<'a> {
        let from = (scope.clone(), ClusterName::from(""));
        self.clusters.rows_from(&from).take_while(in_scope(scope, |c: &Cluster| &c.scope))
    }

    /// The clusters of every scope.
    pub fn all_clusters(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        self.clusters.rows()
    }

    // ---- capacity providers

    /// A capacity provider that somebody created.
    pub fn capacity_provider(&self, scope: &Scope, name: &str) -> Option<&Arc<CapacityProvider>> {
        self.capacity_providers.get(&(scope.clone(), name.to_owned()))
    }

    /// Those of a scope, by name.
    pub fn capacity_providers<'a>(
        &'a self,
        scope: &Scope,
    ) -> impl Iterator<Item = &'a Arc<CapacityProvider>> + use<'a> {
        let from = (scope.clone(), String::new());
        self.capacity_providers.rows_from(&from).take_while(in_scope(scope, |p: &CapacityProvider| &p.scope))
    }

    // ---- account settings

    /// What a principal has chosen, by name.
    pub fn account_settings<'a>(
        &'a self,
        scope: &Scope,
        principal_arn: &str,
    ) -> impl Iterator<Item = &'a Arc<AccountSetting>> + use<'a> {
        let from = (scope.clone(), principal_arn.to_owned(), String::new());
        let principal_arn = principal_arn.to_owned();
        self.account_settings
            .rows_from(&from)
            .take_while(in_scope(scope, |s: &AccountSetting| &s.scope))
            .take_while(move |setting| setting.principal_arn == principal_arn)
    }

    // ---- task definitions

    /// One revision, whatever its status.
    pub fn task_definition(
        &self,
        scope: &Scope,
        family: &Family,
        revision: u32,
    ) -> Option<&Arc<TaskDefinition>> {
        self.task_definitions.get(&(scope.clone(), family.clone(), revision))
    }

    /// The revisions of a family, the oldest first.
    pub fn revisions<'a>(
        &'a self,
        scope: &Scope,
        family: &Family,
    ) -> impl Iterator<Item = &'a Arc<TaskDefinition>> + use<'a> {
        let from = (scope.clone(), family.clone(), 0);
        let family = family.clone();
        self.task_definitions
            .rows_from(&from)
            .take_while(in_scope(scope, |d: &TaskDefinition| &d.scope))
            .take_while(move |definition| definition.family == family)
    }

    /// All revisions of a scope, by family and number.
    pub fn task_definitions<'a>(
        &'a self,
        scope: &Scope,
    ) -> impl Iterator<Item = &'a Arc<TaskDefinition>> + use<'a> {
        let from = (scope.clone(), Family::from(""), 0);
        self.task_definitions.rows_from(&from).take_while(in_scope(scope, |d: &TaskDefinition| &d.scope))
    }

    /// The revisions of every scope.
    pub fn all_task_definitions(&self) -> impl Iterator<Item = &Arc<TaskDefinition>> {
        self.task_definitions.rows()
    }

    /// The highest revision number that the family ever had; 0 when it never had one. It is never given out again.
    pub fn latest_revision(&self, scope: &Scope, family: &Family) -> u32 {
        self.families.get(&(scope.clone(), family.clone())).map_or(0, |counter| counter.latest)
    }

    /// Every family that ever had a revision, with its highest number.
    pub fn families<'a>(&'a self, scope: &Scope) -> impl Iterator<Item = (&'a Family, u32)> + use<'a> {
        let from = (scope.clone(), Family::from(""));
        self.families
            .rows_from(&from)
            .take_while(in_scope(scope, |f: &FamilyCounter| &f.scope))
            .map(|counter| (&counter.family, counter.latest))
    }

    /// Whether any task in the store, a STOPPED one too, is of this revision.
    pub fn is_definition_in_use(&self, scope: &Scope, family: &Family, revision: u32) -> bool {
        self.task_indexes.by_definition.len(&(scope.clone(), family.clone(), revision)) > 0
    }

    // ---- tasks

    /// A task. Its `definition` is shared with the other tasks of the revision; the definition's own `status` is
    /// current only in [`task_definition`](Self::task_definition).
    pub fn task(&self, scope: &Scope, id: &TaskId) -> Option<&Arc<Task>> {
        self.tasks.get(&(scope.clone(), id.clone()))
    }

    /// The tasks of every scope.
    pub fn all_tasks(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.tasks.rows()
    }

    /// How many tasks there are, STOPPED ones included.
    pub fn task_count(&self) -> usize {
        self.tasks.len()
    }

    /// The tasks of a cluster with this desiredStatus, by id, from the first one after `after`.
    pub fn tasks_by_desired_status<'a>(
        &'a self,
        scope: &Scope,
        cluster: &ClusterName,
        desired: DesiredStatus,
        after: Option<&TaskId>,
    ) -> impl Iterator<Item = &'a Arc<Task>> + use<'a> {
        let after = after.map(|id| (scope.clone(), id.clone()));
        let group = (scope.clone(), cluster.clone(), desired);
        self.rows_of(self.task_indexes.by_desired.keys(&group, after.as_ref()))
    }

    /// The tasks of a cluster with this lastStatus, by id.
    pub fn tasks_by_status<'a>(
        &'a self,
        scope: &Scope,
        cluster: &ClusterName,
        last: TaskStatus,
    ) -> impl Iterator<Item = &'a Arc<Task>> + use<'a> {
        self.rows_of(self.task_indexes.by_status.keys(&(scope.clone(), cluster.clone(), last), None))
    }

    /// How many tasks of a cluster have this lastStatus; no scan.
    pub fn count_tasks(&self, scope: &Scope, cluster: &ClusterName, last: TaskStatus) -> usize {
        self.task_indexes.by_status.len(&(scope.clone(), cluster.clone(), last))
    }

    /// The tasks of a cluster that are not STOPPED, by lastStatus and id.
    pub fn active_tasks<'a>(
        &'a self,
        scope: &Scope,
        cluster: &ClusterName,
    ) -> impl Iterator<Item = &'a Arc<Task>> + use<'a> {
        let active = TaskStatus::ALL.into_iter().filter(|status| *status < TaskStatus::Stopped);
        let groups: Vec<_> = active.map(|status| (scope.clone(), cluster.clone(), status)).collect();
        groups.into_iter().flat_map(|group| self.rows_of(self.task_indexes.by_status.keys(&group, None)))
    }

    /// The tasks of a cluster whose definition is of this family, by id.
    pub fn tasks_by_family<'a>(
        &'a self,
        scope: &Scope,
        cluster: &ClusterName,
        family: &Family,
    ) -> impl Iterator<Item = &'a Arc<Task>> + use<'a> {
        let group = (scope.clone(), cluster.clone(), family.clone());
        self.rows_of(self.task_indexes.by_family.keys(&group, None))
    }

    /// The tasks of a cluster with this `startedBy`, by id.
    pub fn tasks_by_started_by<'a>(
        &'a self,
        scope: &Scope,
        cluster: &ClusterName,
        started_by: &str,
    ) -> impl Iterator<Item = &'a Arc<Task>> + use<'a> {
        let group = (scope.clone(), cluster.clone(), started_by.to_owned());
        self.rows_of(self.task_indexes.by_started_by.keys(&group, None))
    }

    /// The tasks that a RunTask with this `clientToken` made, by id.
    pub fn tasks_by_client_token<'a>(
        &'a self,
        scope: &Scope,
        cluster: &ClusterName,
        client_token: &str,
    ) -> impl Iterator<Item = &'a Arc<Task>> + use<'a> {
        let group = (scope.clone(), cluster.clone(), client_token.to_owned());
        self.rows_of(self.task_indexes.by_client_token.keys(&group, None))
    }

    /// The tasks of one revision, by id.
    pub fn tasks_by_definition<'a>(
        &'a self,
        scope: &Scope,
        family: &Family,
        revision: u32,
    ) -> impl Iterator<Item = &'a Arc<Task>> + use<'a> {
        let group = (scope.clone(), family.clone(), revision);
        self.rows_of(self.task_indexes.by_definition.keys(&group, None))
    }

    /// The tasks on an instance that are not STOPPED, of any scope, by scope and id.
    pub fn active_tasks_on<'a>(
        &'a self,
        instance: &InstanceId,
    ) -> impl Iterator<Item = &'a Arc<Task>> + use<'a> {
        self.rows_of(self.task_indexes.active_on(instance))
    }

    /// The tasks of an instance that its agent has to hear of, of any scope, by scope and id: those PENDING that it has
    /// not acknowledged, and those wanted STOPPED whose containers may still run.
    pub fn tasks_to_tell<'a>(
        &'a self,
        instance: &InstanceId,
    ) -> impl Iterator<Item = &'a Arc<Task>> + use<'a> {
        self.rows_of(self.task_indexes.to_tell_on(instance))
    }

    /// The tasks in a queue, of any scope, the oldest first.
    pub fn queue(&self, queue: Queue) -> impl Iterator<Item = &Arc<Task>> {
        self.rows_of(self.task_indexes.queue(queue))
    }

    /// How many tasks are in a queue; no scan.
    pub fn queue_len(&self, queue: Queue) -> usize {
        self.task_indexes.queue_len(queue)
    }

    /// Whether the tasks are the very same as in another state: a cheap "nothing changed". `false` may be wrong.
    pub fn same_tasks(&self, other: &State) -> bool {
        self.tasks.same(&other.tasks)
    }

    fn rows_of<'a>(&'a self, keys: impl Iterator<Item = &'a TaskKey>) -> impl Iterator<Item = &'a Arc<Task>> {
        keys.filter_map(|key| self.tasks.get(key))
    }

    // ---- container instances

    /// An instance, INACTIVE ones included.
    pub fn instance(&self, scope: &Scope, id: &InstanceId) -> Option<&Arc<ContainerInstance>> {
        self.instances.get(&(scope.clone(), id.clone()))
    }

    /// An instance by its id alone, as a task names its host.
    pub fn instance_by_id(&self, id: &InstanceId) -> Option<&Arc<ContainerInstance>> {
        self.instance(self.instance_scopes.get(id)?, id)
    }

    /// The same id, with the text of the instance's own.
    pub(crate) fn shared_instance_id(&self, id: InstanceId) -> InstanceId {
        self.instance_scopes.get_key_value(&id).map_or(id, |(known, _)| known.clone())
    }

    /// The instances of a cluster by id, INACTIVE ones included.
    pub fn instances<'a>(
        &'a self,
        scope: &Scope,
        cluster: &ClusterName,
    ) -> impl Iterator<Item = &'a Arc<ContainerInstance>> + use<'a> {
        let keys = self.instances_by_cluster.keys(&(scope.clone(), cluster.clone()), None);
        keys.filter_map(|key| self.instances.get(key))
    }

    /// The instances of every scope.
    pub fn all_instances(&self) -> impl Iterator<Item = &Arc<ContainerInstance>> {
        self.instances.rows()
    }

    /// The INACTIVE instances of every scope, the first that was deregistered first; nothing is spent on the others.
    pub fn inactive_instances(&self) -> impl Iterator<Item = &Arc<ContainerInstance>> {
        self.inactive_instances.iter().filter_map(|(_, key)| self.instances.get(key))
    }

    /// The instances of every scope as they are now. Keeping them keeps nothing else of this state.
    pub fn instances_now(&self) -> Instances {
        Instances(self.instances.clone())
    }

    /// The instances that were made or have changed since; in proportion to their number.
    pub fn instances_changed_since<'a>(
        &'a self,
        before: &'a Instances,
    ) -> impl Iterator<Item = &'a Arc<ContainerInstance>> {
        self.instances.changed_since(&before.0)
    }

    // ---- network

    /// The interface that has this address.
    pub fn eni(&self, address: Ipv4Addr) -> Option<&Arc<Eni>> {
        self.enis.get(&address)
    }

    /// All interfaces by address: the addresses that are taken.
    pub fn enis(&self) -> impl Iterator<Item = &Arc<Eni>> {
        self.enis.rows()
    }

    /// The interfaces whose address is `from` or greater, in order.
    pub fn enis_from(&self, from: Ipv4Addr) -> impl Iterator<Item = &Arc<Eni>> {
        self.enis.rows_from(&from)
    }

    // ---- logs

    /// A log group.
    pub fn log_group(&self, scope: &Scope, name: &LogGroupName) -> Option<&Arc<LogGroup>> {
        self.log_groups.get(&(scope.clone(), name.clone()))
    }

    /// The log groups of a scope whose names start with `prefix`, by name.
    pub fn log_groups<'a>(
        &'a self,
        scope: &Scope,
        prefix: &str,
    ) -> impl Iterator<Item = &'a Arc<LogGroup>> + use<'a> {
        let from = (scope.clone(), LogGroupName::from(prefix));
        let prefix = prefix.to_owned();
        self.log_groups
            .rows_from(&from)
            .take_while(in_scope(scope, |g: &LogGroup| &g.scope))
            .take_while(move |group| group.name.as_str().starts_with(&prefix))
    }

    /// A log stream.
    pub fn log_stream(
        &self,
        scope: &Scope,
        group: &LogGroupName,
        name: &LogStreamName,
    ) -> Option<&Arc<LogStream>> {
        self.log_streams.get(&(scope.clone(), group.clone(), name.clone()))
    }

    /// The streams of a group whose names start with `prefix`, by name.
    pub fn log_streams<'a>(
        &'a self,
        scope: &Scope,
        group: &LogGroupName,
        prefix: &str,
    ) -> impl Iterator<Item = &'a Arc<LogStream>> + use<'a> {
        let from = (scope.clone(), group.clone(), LogStreamName::from(prefix));
        let (group, prefix) = (group.clone(), prefix.to_owned());
        self.log_streams
            .rows_from(&from)
            .take_while(in_scope(scope, |s: &LogStream| &s.scope))
            .take_while(move |stream| stream.group == group && stream.name.as_str().starts_with(&prefix))
    }

    /// The streams of every group and scope.
    pub fn all_log_streams(&self) -> impl Iterator<Item = &Arc<LogStream>> {
        self.log_streams.rows()
    }

    /// A metric filter.
    pub fn metric_filter(
        &self,
        scope: &Scope,
        group: &LogGroupName,
        name: &MetricFilterName,
    ) -> Option<&Arc<MetricFilter>> {
        self.metric_filters.get(&(scope.clone(), group.clone(), name.clone()))
    }

    /// The metric filters of a group, by name.
    pub fn metric_filters<'a>(
        &'a self,
        scope: &Scope,
        group: &LogGroupName,
    ) -> impl Iterator<Item = &'a Arc<MetricFilter>> + use<'a> {
        let from = (scope.clone(), group.clone(), MetricFilterName::default());
        let group = group.clone();
        self.metric_filters
            .rows_from(&from)
            .take_while(in_scope(scope, |f: &MetricFilter| &f.scope))
            .take_while(move |filter| filter.group == group)
    }

    /// The metric filters of every group of a scope, by group and name.
    pub fn all_metric_filters<'a>(
        &'a self,
        scope: &Scope,
    ) -> impl Iterator<Item = &'a Arc<MetricFilter>> + use<'a> {
        let from = (scope.clone(), LogGroupName::default(), MetricFilterName::default());
        self.metric_filters.rows_from(&from).take_while(in_scope(scope, |f: &MetricFilter| &f.scope))
    }

    // ---- identity and settings

    /// An access key.
    pub fn access_key(&self, id: &AccessKeyId) -> Option<&Arc<AccessKey>> {
        self.access_keys.get(id)
    }

    /// All access keys.
    pub fn access_keys(&self) -> impl Iterator<Item = &Arc<AccessKey>> {
        self.access_keys.rows()
    }

    /// The access keys whose ids start with `prefix`, by id; nothing is spent on the others.
    pub fn access_keys_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Arc<AccessKey>> {
        let keys = self.access_keys.rows_from(&AccessKeyId::from(prefix));
        keys.take_while(move |key| key.id.as_str().starts_with(prefix))
    }

    /// A setting of this Wharf.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(&name.to_owned()).map(|setting| setting.value.as_str())
    }

    // ---- INV-STORE-3, INV-STORE-4

    /// Rebuilds every index from its table and compares; for tests and debugging.
    ///
    /// # Errors
    /// The name of the first index that differs, or the first task without its definition.
    pub fn check_indexes(&self) -> Result<(), String> {
        let mut fresh = State { revision: self.revision, ..State::default() };
        for task in self.tasks.rows() {
            Task::reindex(&mut fresh, &Arc::new(task.key()), None, Some(task));
            Task::check(self, &task.key(), Some(task)).map_err(|e| e.to_string())?;
        }
        for instance in self.instances.rows() {
            ContainerInstance::reindex(&mut fresh, &Arc::new(instance.key()), None, Some(instance));
        }
        let checks = [
            ("tasks", fresh.task_indexes == self.task_indexes),
            ("instances by cluster", fresh.instances_by_cluster == self.instances_by_cluster),
            ("instances by id", fresh.instance_scopes == self.instance_scopes),
            ("inactive instances", fresh.inactive_instances == self.inactive_instances),
            ("clusters", keyed(&self.clusters)),
            ("tasks by key", keyed(&self.tasks)),
        ];
        match checks.iter().find(|(_, holds)| !holds) {
            Some((name, _)) => Err(format!("index `{name}` differs from its table")),
            None => Ok(()),
        }
    }
}

fn keyed<R: Record>(table: &Table<R::Key, R>) -> bool {
    table.entries().all(|(key, row)| *key == row.key())
}

fn in_scope<R>(scope: &Scope, of: fn(&R) -> &Scope) -> impl FnMut(&&Arc<R>) -> bool + use<R> {
    let scope = scope.clone();
    move |row| *of(row) == scope
}
