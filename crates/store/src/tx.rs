//! A transaction: a private copy of the state that reads its own writes.

use crate::record::{self, FamilyCounter, Record, Setting};
use crate::state::State;
use crate::{StoreError, Write};
use model::{Family, Scope};
use std::ops::Deref;
use std::sync::Arc;

/// What a commit's closure writes through, and reads from: it dereferences to [`State`], its own writes included.
#[derive(Debug)]
pub struct Tx {
    state: State,
    writes: Vec<Write>,
    fault: Option<StoreError>,
}

impl Deref for Tx {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl Tx {
    pub(crate) fn on(head: &State) -> Self {
        let state = State { revision: head.revision + 1, ..head.clone() };
        Self { state, writes: Vec::new(), fault: None }
    }

    pub(crate) fn into_parts(self) -> Result<(State, Vec<Write>), StoreError> {
        match self.fault {
            None => Ok((self.state, self.writes)),
            Some(fault) => Err(fault),
        }
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
        record::set(&mut self.state, key, row.map(Arc::new));
    }
}
