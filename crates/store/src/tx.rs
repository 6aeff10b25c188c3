//! A transaction: a private copy of the state that reads its own writes.

use crate::record::{self, FamilyCounter, Record, Setting};
use crate::state::State;
use crate::views::{Change, Views};
use crate::{StoreError, Write};
use model::view::View;
use model::{Family, InstanceId, Scope};
use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

/// What a commit's closure writes through, and reads from: it dereferences to [`State`], its own writes included.
#[derive(Debug)]
pub struct Tx {
    state: State,
    writes: Vec<Write>,
    views: Views,
    changes: Vec<Change>,
    fault: Option<StoreError>,
}

impl Deref for Tx {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl Tx {
    pub(crate) fn on(head: &State, views: Views) -> Self {
        let state = State { revision: head.revision + 1, ..head.clone() };
        Self { state, writes: Vec::new(), views, changes: Vec::new(), fault: None }
    }

    /// Whether the store itself refuses it.
    pub(crate) fn check(&mut self) -> Result<(), StoreError> {
        self.fault.take().map_or(Ok(()), Err)
    }

    pub(crate) fn keep(self) -> Kept {
        let touched = self.changes.iter().flat_map(Change::instances).cloned().collect();
        Kept { state: self.state, writes: self.writes, touched, views: self.views }
    }

    /// The views as they were before.
    pub(crate) fn undo(mut self) -> Views {
        self.views.reverse(self.changes);
        self.views
    }

    /// The view of this kind, exactly as the records are in this transaction now. It is built from all of them when it is
    /// asked for the first time, and told of each change from then on.
    pub fn view<V: View>(&mut self) -> &mut V {
        self.views.get(&self.state)
    }

    /// Writes a row: a new one, or in place of the one with its key.
    ///
    /// A task whose definition is not in the store fails the whole commit (INV-STORE-4).
    pub fn put<R: Record>(&mut self, row: R) {
        self.set(row.key(), Some(row));
    }

    /// Changes a row in place and returns what `edit` returns; `None` when there is no such row. `edit` must leave the
    /// members of the key alone.
    pub fn update<R: Record, T>(&mut self, key: &R::Key, edit: impl FnOnce(&mut R) -> T) -> Option<T> {
        let mut row = R::clone(self.state.get::<R>(key)?);
        let result = edit(&mut row);
        debug_assert_eq!(row.key(), *key, "an edit must not change the key");
        self.put(row);
        Some(result)
    }

    /// Removes a row; nothing happens when there is none.
    ///
    /// A task definition that a task still uses fails the whole commit (INV-STORE-4).
    pub fn remove<R: Record>(&mut self, key: &R::Key) {
        if self.state.get::<R>(key).is_some() {
            self.set::<R>(key.clone(), None);
        }
    }

    /// Takes the next revision number of a family. It counts from 1 and never gives a number twice.
    pub fn next_revision(&mut self, scope: &Scope, family: &Family) -> u32 {
        let latest = self.latest_revision(scope, family) + 1;
        self.put(FamilyCounter { scope: scope.clone(), family: family.clone(), latest });
        latest
    }

    /// Sets a setting of this Wharf.
    pub fn set_setting(&mut self, name: &str, value: &str) {
        self.put(Setting { name: name.to_owned(), value: value.to_owned() });
    }

    /// Removes a setting.
    pub fn remove_setting(&mut self, name: &str) {
        self.remove::<Setting>(&name.to_owned());
    }

    fn set<R: Record>(&mut self, key: R::Key, row: Option<R>) {
        if let Err(fault) = R::check(&self.state, &key, row.as_ref()) {
            self.fault.get_or_insert(fault);
            return;
        }
        self.writes.push(record::write(&key, row.as_ref()));
        let new = row.map(Arc::new);
        let old = record::set(&mut self.state, key, new.clone());
        if let Some(change) = R::change(old, new) {
            self.views.observe(&change);
            self.changes.push(change);
        }
    }
}

/// What is left of a transaction that stands.
pub(crate) struct Kept {
    pub(crate) state: State,
    pub(crate) writes: Vec<Write>,
    /// The instances whose record or tasks have changed.
    pub(crate) touched: BTreeSet<InstanceId>,
    pub(crate) views: Views,
}
