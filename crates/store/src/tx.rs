//! A transaction: a private copy of the state that reads its own writes.

use crate::change::{AnyChange, Change, Seen};
use crate::record::{FamilyCounter, Record, Setting};
use crate::state::State;
use crate::views::Views;
use crate::{StoreError, Write};
use model::view::View;
use model::{Family, InstanceId, Scope};
use std::ops::Deref;

/// What a commit's closure writes through, and reads from: it dereferences to [`State`], its own writes included.
pub struct Tx {
    state: State,
    writes: Vec<Write>,
    views: Views,
    /// What was done to `state`, to be taken back when the rest fails.
    changes: Vec<Box<dyn AnyChange>>,
    fault: Option<StoreError>,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("revision", &self.state.revision()).finish_non_exhaustive()
    }
}

/// What a transaction that stands leaves to be written.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) writes: Vec<Write>,
    /// The instances whose record or tasks have changed.
    pub(crate) touched: Vec<InstanceId>,
}

impl Deref for Tx {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl Tx {
    pub(crate) fn on(mut state: State, views: Views) -> Self {
        state.revision += 1;
        Self { state, writes: Vec::new(), views, changes: Vec::new(), fault: None }
    }

    /// Whether the store itself refuses it.
    pub(crate) fn check(&mut self) -> Result<(), StoreError> {
        self.fault.take().map_or(Ok(()), Err)
    }

    /// It stands: the state after it and what is left to do, which is nothing when it wrote nothing.
    pub(crate) fn keep(mut self) -> (State, Views, Option<Kept>) {
        if self.writes.is_empty() {
            self.state.revision -= 1;
            return (self.state, self.views, None);
        }
        let seen = self.changes.iter().filter_map(|change| change.seen());
        let touched = seen.flat_map(Seen::instances).cloned().collect();
        (self.state, self.views, Some(Kept { writes: self.writes, touched }))
    }

    /// It does not stand: the state before it, and what the views have still to be told for theirs.
    pub(crate) fn take_back(mut self) -> (State, Views, Vec<Box<dyn AnyChange>>) {
        self.state.revision -= 1;
        self.changes.reverse();
        for change in &mut self.changes {
            change.reverse();
            change.apply(&mut self.state);
        }
        (self.state, self.views, self.changes)
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
        self.set(Change::put(&self.state, row));
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
        if let Some(change) = Change::<R>::remove(&self.state, key) {
            self.set(change);
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

    fn set<R: Record>(&mut self, change: Change<R>) {
        if let Err(fault) = R::check(&self.state, change.key(), change.row()) {
            self.fault.get_or_insert(fault);
            return;
        }
        self.writes.extend(change.writes());
        // Noted before it is done, so that whatever panics is taken back.
        let change = self.changes.push_mut(Box::new(change));
        change.apply(&mut self.state);
        if let Some(seen) = change.seen() {
            self.views.observe(seen);
        }
    }
}
