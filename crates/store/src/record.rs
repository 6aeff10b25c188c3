//! What makes a type of `model` a row: its table, its key, its bytes and the indexes that follow from it.
//!
//! Bytes are MessagePack maps with named members: a member can be added with a serde default and old rows still read.
//! A change that this does not cover is a new format version with a migration (`format.rs`).

use crate::change::Seen;
use crate::index::Table;
use crate::state::{InstanceKey, MetricFilterKey, State};
use crate::task_index::TaskKey;
use crate::task_record::{self, StoredTask};
use crate::{StoreError, Write};
use model::account_setting::AccountSetting;
use model::capacity_provider::CapacityProvider;
use model::cluster::Cluster;
use model::identity::AccessKey;
use model::instance::{ContainerInstance, InstanceStatus};
use model::logs::{LogGroup, LogStream, MetricFilter};
use model::network::Eni;
use model::task::Task;
use model::task_definition::TaskDefinition;
use model::{AccessKeyId, ClusterName, Family, LogGroupName, LogStreamName, Scope};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// A row of a table. Implemented for the records of `model` that the store keeps; not meant for others.
pub trait Record: Clone + Send + Sync + 'static {
    /// The table's name on disk.
    #[doc(hidden)]
    const TABLE: &'static str;

    /// What identifies the row in its table.
    type Key: Clone + Debug + Ord + Serialize + DeserializeOwned + Send + Sync;

    /// The row's key.
    fn key(&self) -> Self::Key;

    /// The row's key on disk, which decides what lies beside it there: rows that are written together had better be
    /// neighbours, or each costs pages of its own.
    #[doc(hidden)]
    fn disk_key(&self) -> Vec<u8> {
        encode(&self.key())
    }

    /// The row's key, of that on disk.
    #[doc(hidden)]
    fn key_of(disk_key: &[u8]) -> Result<Self::Key, String> {
        decode(disk_key)
    }

    #[doc(hidden)]
    fn table(state: &State) -> &Table<Self::Key, Self>;

    #[doc(hidden)]
    fn table_mut(state: &mut State) -> &mut Table<Self::Key, Self>;

    #[doc(hidden)]
    fn encode(&self) -> Vec<u8>;

    /// Reads a row; `state` holds what the row may refer to.
    #[doc(hidden)]
    fn decode(bytes: &[u8], state: &State) -> Result<Self, String>;

    /// What has to hold before the row may change.
    #[doc(hidden)]
    fn check(_: &State, _: &Self::Key, _: Option<&Self>) -> Result<(), StoreError> {
        Ok(())
    }

    /// Lets the row share what it has in common with rows that are there: ids are equal the faster for it, and the text
    /// is in memory once. Called for rows that are new.
    #[doc(hidden)]
    fn share(&mut self, _: &State) {}

    /// Brings the indexes from the old row to the new one.
    #[doc(hidden)]
    fn reindex(_: &mut State, _: &Arc<Self::Key>, _: Option<&Self>, _: Option<&Self>) {}

    /// A change as views see it; `None` of records that they do not.
    #[doc(hidden)]
    fn seen<'a>(_: Option<&'a Self>, _: Option<&'a Self>) -> Option<Seen<'a>> {
        None
    }
}

/// A put as bytes.
pub(crate) fn put<R: Record>(row: &R) -> Write {
    Write { table: R::TABLE, key: row.disk_key(), value: Some(row.encode()) }
}

/// A remove.
pub(crate) fn remove<R: Record>(row: &R) -> Write {
    Write { table: R::TABLE, key: row.disk_key(), value: None }
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Most rows fit, so that the bytes are not copied while they grow.
    let mut bytes = Vec::with_capacity(512);
    rmp_serde::encode::write_named(&mut bytes, value).expect("plain records in memory always serialise");
    bytes
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    rmp_serde::from_slice(bytes).map_err(|e| e.to_string())
}

/// The parts of an implementation that are the same for every record but [`Task`], whose bytes are its own.
macro_rules! table {
    ($name:literal, $field:ident) => {
        const TABLE: &'static str = $name;

        fn table(state: &State) -> &Table<Self::Key, Self> {
            &state.$field
        }

        fn table_mut(state: &mut State) -> &mut Table<Self::Key, Self> {
            &mut state.$field
        }
    };
}

macro_rules! bytes {
    () => {
        fn encode(&self) -> Vec<u8> {
            encode(self)
        }

        fn decode(bytes: &[u8], _: &State) -> Result<Self, String> {
            decode(bytes)
        }
    };
}

impl Record for Cluster {
    type Key = (Scope, ClusterName);
    table!("clusters", clusters);
    bytes!();

    fn key(&self) -> Self::Key {
        (self.scope.clone(), self.name.clone())
    }
}

impl Record for CapacityProvider {
    type Key = (Scope, String);
    table!("capacity_providers", capacity_providers);
    bytes!();

    fn key(&self) -> Self::Key {
        (self.scope.clone(), self.name.clone())
    }
}

impl Record for TaskDefinition {
    type Key = (Scope, Family, u32);
    table!("task_definitions", task_definitions);
    bytes!();

    fn key(&self) -> Self::Key {
        (self.scope.clone(), self.family.clone(), self.revision)
    }

    fn check(state: &State, key: &Self::Key, row: Option<&Self>) -> Result<(), StoreError> {
        let (scope, family, revision) = key;
        if row.is_none() && state.is_definition_in_use(scope, family, *revision) {
            return Err(StoreError::DefinitionInUse(model::arn::task_definition(scope, family, *revision)));
        }
        Ok(())
    }
}

/// The latest revision number of a family. It outlives the revisions, so that no number is used twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyCounter {
    pub(crate) scope: Scope,
    pub(crate) family: Family,
    pub(crate) latest: u32,
}

impl Record for FamilyCounter {
    type Key = (Scope, Family);
    table!("families", families);
    bytes!();

    fn key(&self) -> Self::Key {
        (self.scope.clone(), self.family.clone())
    }
}

impl Record for Task {
    type Key = TaskKey;
    table!("tasks", tasks);

    fn key(&self) -> Self::Key {
        (self.scope.clone(), self.id.clone())
    }

    /// By age: the ids are random, and new tasks change together.
    fn disk_key(&self) -> Vec<u8> {
        task_record::disk_key(self.times.created_at, &self.scope, &self.id)
    }

    fn key_of(disk_key: &[u8]) -> Result<Self::Key, String> {
        task_record::key_of(disk_key)
    }

    fn encode(&self) -> Vec<u8> {
        encode(&StoredTask::from(self))
    }

    fn decode(bytes: &[u8], state: &State) -> Result<Self, String> {
        decode::<StoredTask<'_>>(bytes)?.into_task(state)
    }

    fn check(state: &State, _: &Self::Key, row: Option<&Self>) -> Result<(), StoreError> {
        match row.map(|task| task.definition.key()) {
            Some((scope, family, revision)) if state.task_definition(&scope, &family, revision).is_none() => {
                let arn = model::arn::task_definition(&scope, &family, revision);
                Err(StoreError::DefinitionInUse(arn))
            }
            _ => Ok(()),
        }
    }

    fn share(&mut self, state: &State) {
        if self.scope == self.definition.scope {
            self.scope.clone_from(&self.definition.scope);
        }
        if let Some(cluster) = state.cluster(&self.scope, &self.cluster) {
            self.cluster.clone_from(&cluster.name);
        }
        for (container, definition) in self.containers.iter_mut().zip(&self.definition.containers) {
            if container.name == definition.name {
                container.name.clone_from(&definition.name);
            }
        }
    }

    fn reindex(state: &mut State, key: &Arc<TaskKey>, old: Option<&Self>, new: Option<&Self>) {
        state.task_indexes.change(key, old, new);
    }

    fn seen<'a>(old: Option<&'a Self>, new: Option<&'a Self>) -> Option<Seen<'a>> {
        Some(Seen::Task(old, new))
    }
}

impl Record for ContainerInstance {
    type Key = InstanceKey;
    table!("instances", instances);
    bytes!();

    fn key(&self) -> Self::Key {
        (self.scope.clone(), self.id.clone())
    }

    fn reindex(state: &mut State, key: &Arc<InstanceKey>, old: Option<&Self>, new: Option<&Self>) {
        let group = |row: &Self| (row.scope.clone(), row.cluster.clone());
        state.instances_by_cluster.shift(key, old.map(group), new.map(group));
        let (scope, id) = &**key;
        match new {
            Some(_) => state.instance_scopes.insert(id.clone(), scope.clone()),
            None => state.instance_scopes.remove(id),
        };
        // A record of an older release does not say when.
        let inactive_at = |row: &Self| {
            let at = row.deregistered_at.unwrap_or_default();
            (row.status == InstanceStatus::Inactive).then_some((at, key.clone()))
        };
        let (was, is) = (old.and_then(inactive_at), new.and_then(inactive_at));
        if was != is {
            was.map(|was| state.inactive_instances.remove(&was));
            is.map(|is| state.inactive_instances.insert(is));
        }
    }

    fn seen<'a>(old: Option<&'a Self>, new: Option<&'a Self>) -> Option<Seen<'a>> {
        Some(Seen::Instance(old, new))
    }
}

impl Record for Eni {
    type Key = Ipv4Addr;
    table!("enis", enis);
    bytes!();

    fn key(&self) -> Self::Key {
        self.address
    }
}

impl Record for LogGroup {
    type Key = (Scope, LogGroupName);
    table!("log_groups", log_groups);
    bytes!();

    fn key(&self) -> Self::Key {
        (self.scope.clone(), self.name.clone())
    }
}

impl Record for LogStream {
    type Key = (Scope, LogGroupName, LogStreamName);
    table!("log_streams", log_streams);
    bytes!();

    fn key(&self) -> Self::Key {
        (self.scope.clone(), self.group.clone(), self.name.clone())
    }
}

impl Record for MetricFilter {
    type Key = MetricFilterKey;
    table!("metric_filters", metric_filters);
    bytes!();

    fn key(&self) -> Self::Key {
        (self.scope.clone(), self.group.clone(), self.name.clone())
    }
}

impl Record for AccessKey {
    type Key = AccessKeyId;
    table!("access_keys", access_keys);
    bytes!();

    fn key(&self) -> Self::Key {
        self.id.clone()
    }
}

impl Record for AccountSetting {
    type Key = (Scope, String, String);
    table!("account_settings", account_settings);
    bytes!();

    fn key(&self) -> Self::Key {
        (self.scope.clone(), self.principal_arn.clone(), self.name.clone())
    }
}

/// A setting of this Wharf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Record for Setting {
    type Key = String;
    table!("settings", settings);
    bytes!();

    fn key(&self) -> Self::Key {
        self.name.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log group as releases before retention wrote it.
    #[derive(Serialize)]
    struct GroupWithoutRetention {
        scope: Scope,
        name: LogGroupName,
        created_at: model::Timestamp,
        tags: model::Tags,
    }

    #[test]
    fn a_log_group_of_an_older_release_is_kept_for_ever() {
        let old = GroupWithoutRetention {
            scope: Scope::new("000000000000", "us-east-1"),
            name: "g".into(),
            created_at: model::Timestamp(1),
            tags: model::Tags::new(),
        };
        let group: LogGroup = decode(&encode(&old)).expect("reads");
        assert_eq!((group.name.as_str(), group.retention_days), ("g", None));
    }
}
