//! The format on disk: its version, the migrations that lead to it, and reading it all at the start.

use crate::change::Change;
use crate::record::{self, FamilyCounter, Record, Setting};
use crate::state::State;
use crate::task_record::StoredTask;
use crate::{Journal, StoreError, Write};
use model::account_setting::AccountSetting;
use model::capacity_provider::CapacityProvider;
use model::cluster::Cluster;
use model::identity::AccessKey;
use model::instance::ContainerInstance;
use model::logs::{LogGroup, LogStream, MetricFilter};
use model::network::Eni;
use model::task::Task;
use model::task_definition::TaskDefinition;

/// The version that this release writes. It goes up with every change that an older release would misread, a new
/// table among them: an older release would lose its rows.
pub const FORMAT_VERSION: u32 = 4;

/// One step from the version before `to`. The plan and the new version number are written in one append.
struct Migration {
    to: u32,
    plan: fn(&dyn Journal) -> Result<Vec<Write>, StoreError>,
}

/// In order, one for each version after the first.
const MIGRATIONS: &[Migration] = &[
    // Account settings, a new table; volumes, health and more in rows that have serde defaults for them.
    Migration { to: 2, plan: |_| Ok(Vec::new()) },
    // Metric filters, a new table.
    Migration { to: 3, plan: |_| Ok(Vec::new()) },
    // Capacity providers, a new table; placement in rows that have serde defaults for it; tasks by age, and without the
    // members that are absent or empty.
    Migration { to: 4, plan: sort_tasks_by_age },
];

const META: &str = "meta";
const VERSION: &str = "format";
const REVISION: &str = "revision";

/// Checks the version, migrates what is older, and reads every table.
pub(crate) fn open(journal: &mut dyn Journal) -> Result<State, StoreError> {
    migrate(journal, FORMAT_VERSION, MIGRATIONS)?;
    let mut state = State { revision: meta(journal, REVISION)?.unwrap_or(0), ..State::default() };
    load::<Cluster>(journal, &mut state)?;
    load::<CapacityProvider>(journal, &mut state)?;
    // Before tasks, which refer to them.
    load::<TaskDefinition>(journal, &mut state)?;
    load::<FamilyCounter>(journal, &mut state)?;
    // Before tasks, which share their ids.
    load::<ContainerInstance>(journal, &mut state)?;
    load::<Task>(journal, &mut state)?;
    load::<Eni>(journal, &mut state)?;
    load::<LogGroup>(journal, &mut state)?;
    load::<LogStream>(journal, &mut state)?;
    load::<MetricFilter>(journal, &mut state)?;
    load::<AccessKey>(journal, &mut state)?;
    load::<AccountSetting>(journal, &mut state)?;
    load::<Setting>(journal, &mut state)?;
    Ok(state)
}

/// Until version 3 their keys were those that they have in memory.
fn sort_tasks_by_age(journal: &dyn Journal) -> Result<Vec<Write>, StoreError> {
    let mut writes = Vec::new();
    journal.scan(Task::TABLE, &mut |old_key, value| {
        let corrupt = |reason| StoreError::Corrupt { table: Task::TABLE, reason };
        let key = record::decode::<StoredTask<'_>>(value).map_err(corrupt)?.disk_key();
        writes.push(Write { table: Task::TABLE, key: old_key.to_vec(), value: None });
        writes.push(Write { table: Task::TABLE, key, value: Some(value.to_vec()) });
        Ok(())
    })?;
    Ok(writes)
}

/// The row that goes with every append: the revision that the store has after it.
pub(crate) fn revision_write(revision: u64) -> Write {
    meta_write(REVISION, revision)
}

fn migrate(journal: &mut dyn Journal, target: u32, migrations: &[Migration]) -> Result<(), StoreError> {
    let found = match meta(journal, VERSION)? {
        Some(version) => u32::try_from(version).unwrap_or(u32::MAX),
        None => {
            journal.append(&[meta_write(VERSION, target.into())])?;
            target
        }
    };
    if found > target {
        return Err(StoreError::NewerFormat { found, known: target });
    }
    for migration in migrations.iter().filter(|migration| migration.to > found) {
        tracing::info!(to = migration.to, "migrating the store");
        let mut writes = (migration.plan)(journal)?;
        writes.push(meta_write(VERSION, migration.to.into()));
        journal.append(&writes)?;
    }
    Ok(())
}

fn meta_write(name: &str, value: u64) -> Write {
    Write { table: META, key: name.as_bytes().to_vec(), value: Some(record::encode(&value)) }
}

fn meta(journal: &dyn Journal, name: &str) -> Result<Option<u64>, StoreError> {
    let mut found = None;
    journal.scan(META, &mut |key, value| {
        if key == name.as_bytes() {
            found =
                Some(record::decode(value).map_err(|reason| StoreError::Corrupt { table: META, reason })?);
        }
        Ok(())
    })?;
    Ok(found)
}

fn load<R: Record>(journal: &dyn Journal, state: &mut State) -> Result<(), StoreError> {
    let corrupt = |reason| StoreError::Corrupt { table: R::TABLE, reason };
    journal.scan(R::TABLE, &mut |key, value| {
        let row = R::decode(value, state).map_err(corrupt)?;
        if row.disk_key() != key {
            return Err(corrupt(format!("the row of {:?} is stored under another key", row.key())));
        }
        Change::put(state, row).apply(state);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryJournal;

    fn versions(journal: &MemoryJournal) -> Option<u64> {
        meta(journal, VERSION).expect("readable")
    }

    #[test]
    fn a_new_journal_gets_the_version() {
        let mut journal = MemoryJournal::new();
        open(&mut journal).expect("opens");
        assert_eq!(versions(&journal), Some(FORMAT_VERSION.into()));
    }

    #[test]
    fn a_newer_version_is_refused_and_not_written_to() {
        let mut journal = MemoryJournal::new();
        journal.append(&[meta_write(VERSION, 99)]).expect("appends");
        let error = open(&mut journal).expect_err("newer");
        assert_eq!(error, StoreError::NewerFormat { found: 99, known: FORMAT_VERSION });
        assert_eq!(journal.appends(), 1);
    }

    #[test]
    fn migrations_run_once_in_order_and_only_those_that_are_missing() {
        fn mark(name: &'static str) -> Vec<Write> {
            vec![Write { table: "marks", key: name.into(), value: Some(vec![]) }]
        }
        let migrations = [
            Migration { to: 2, plan: |_| unreachable!("the journal has version 2") },
            Migration { to: 3, plan: |_| Ok(mark("three")) },
            Migration {
                to: 4,
                plan: |journal| {
                    let mut seen = 0;
                    journal.scan("marks", &mut |_, _| {
                        seen += 1;
                        Ok(())
                    })?;
                    assert_eq!(seen, 1, "sees what the step before it wrote");
                    Ok(mark("four"))
                },
            },
        ];
        let mut journal = MemoryJournal::new();
        journal.append(&[meta_write(VERSION, 2)]).expect("appends");
        for _ in 0..2 {
            migrate(&mut journal, 4, &migrations).expect("migrates");
            assert_eq!((versions(&journal), journal.appends()), (Some(4), 3));
        }
    }

    #[test]
    fn a_journal_from_before_metric_filters_opens_without_any() {
        let group = LogGroup {
            scope: model::Scope::new("000000000000", "us-east-1"),
            name: "g".into(),
            created_at: model::Timestamp(1),
            tags: model::Tags::new(),
            retention_days: None,
        };
        let row = record::put(&group);
        let mut journal = MemoryJournal::new();
        journal.append(&[meta_write(VERSION, 2), row]).expect("appends");
        let state = open(&mut journal).expect("opens");
        assert_eq!(state.log_group(&group.scope, &group.name).map(|found| &**found), Some(&group));
        assert_eq!(state.all_metric_filters(&group.scope).count(), 0);
        assert_eq!(versions(&journal), Some(FORMAT_VERSION.into()));
    }

    #[test]
    fn tasks_of_an_older_release_are_sorted_by_age_and_kept() {
        let tasks = ["7", "3"].map(|id| Task { id: id.into(), ..model::fixture::task(&["app!"]) });
        let old_row =
            |task: &Task| Write { key: record::encode(&(&task.scope, &task.id)), ..record::put(task) };
        let definition = record::put(&*tasks[0].definition);
        let mut journal = MemoryJournal::new();
        journal.append(&[meta_write(VERSION, 3), definition]).expect("appends");
        journal.append(&tasks.each_ref().map(old_row)).expect("appends");
        // The second time nothing is left of the older keys.
        for _ in 0..2 {
            let state = open(&mut journal).expect("opens");
            assert!(state.all_tasks().map(|task| &**task).eq([&tasks[1], &tasks[0]]));
        }
    }

    #[test]
    fn bytes_that_are_no_row_are_refused_by_table() {
        for (key, value) in [(vec![1], vec![0xc1]), (vec![], record::encode(&"text"))] {
            let mut journal = MemoryJournal::new();
            journal.append(&[Write { table: Cluster::TABLE, key, value: Some(value) }]).expect("appends");
            let error = open(&mut journal).expect_err("corrupt");
            assert!(matches!(error, StoreError::Corrupt { table: "clusters", .. }), "{error}");
        }
    }
}
