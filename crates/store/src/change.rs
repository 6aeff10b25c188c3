//! A row before and after: how it is written to a state, taken back, and shown to views.

use crate::Write;
use crate::record::{self, Record};
use crate::state::State;
use model::InstanceId;
use model::instance::ContainerInstance;
use model::task::Task;
use std::sync::Arc;

/// A put or a remove. It is idempotent: applied to a state that half has it, it completes it.
pub(crate) struct Change<R: Record> {
    /// The one that the table has, if it has the row.
    key: Arc<R::Key>,
    old: Option<Arc<R>>,
    new: Option<Arc<R>>,
}

impl<R: Record> Change<R> {
    pub(crate) fn put(state: &State, mut row: R) -> Self {
        match R::table(state).entry(&row.key()) {
            Some((key, old)) => Self { key: key.clone(), old: Some(old.clone()), new: Some(Arc::new(row)) },
            None => {
                row.share(state);
                Self { key: Arc::new(row.key()), old: None, new: Some(Arc::new(row)) }
            }
        }
    }

    /// `None` when there is no such row.
    pub(crate) fn remove(state: &State, key: &R::Key) -> Option<Self> {
        let (key, old) = R::table(state).entry(key)?;
        Some(Self { key: key.clone(), old: Some(old.clone()), new: None })
    }

    pub(crate) fn key(&self) -> &R::Key {
        &self.key
    }

    pub(crate) fn row(&self) -> Option<&R> {
        self.new.as_deref()
    }

    /// What it does to the disk: a row that moves leaves nothing at the place where it was.
    pub(crate) fn writes(&self) -> impl Iterator<Item = Write> {
        let put = self.new.as_deref().map(record::put);
        let stays = |old: &&R| put.as_ref().is_some_and(|put| put.key == old.disk_key());
        let remove = self.old.as_deref().filter(|old| !stays(old)).map(record::remove);
        remove.into_iter().chain(put)
    }

    /// Puts or removes the row, with its indexes.
    pub(crate) fn apply(&self, state: &mut State) {
        R::reindex(state, &self.key, self.old.as_deref(), self.new.as_deref());
        match &self.new {
            Some(row) => R::table_mut(state).put(self.key.clone(), row.clone()),
            None => R::table_mut(state).remove(&self.key),
        }
    }
}

/// A change of any record.
pub(crate) trait AnyChange {
    /// Becomes the opposite of what it was.
    fn reverse(&mut self);

    fn apply(&self, state: &mut State);

    /// What views see of it; `None` of records that they do not.
    fn seen(&self) -> Option<Seen<'_>>;
}

impl<R: Record> AnyChange for Change<R> {
    fn reverse(&mut self) {
        std::mem::swap(&mut self.old, &mut self.new);
    }

    fn apply(&self, state: &mut State) {
        Change::apply(self, state);
    }

    fn seen(&self) -> Option<Seen<'_>> {
        R::seen(self.old.as_deref(), self.new.as_deref())
    }
}

/// A record before and after a change, of the kinds that views see.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// A task; absent before it was made and after it is gone.
    Task(Option<&'a Task>, Option<&'a Task>),
    /// A container instance.
    Instance(Option<&'a ContainerInstance>, Option<&'a ContainerInstance>),
}

impl<'a> Seen<'a> {
    /// The instances that it touches: the one that changed, or those of the task before and after.
    pub(crate) fn instances(self) -> impl Iterator<Item = &'a InstanceId> {
        let pair = match self {
            Self::Task(old, new) => [old, new].map(|task| task.and_then(|task| task.instance.as_ref())),
            Self::Instance(old, new) => [old, new].map(|instance| instance.map(|instance| &instance.id)),
        };
        pair.into_iter().flatten()
    }
}
