//! The views beside the head of the store: structures of others that follow from the records (`model::view`).
//!
//! They are not in snapshots: there is one of each kind, and it belongs to the transaction that runs. A transaction tells
//! them of each change at once, and of the reverse when it fails. When it panics, it takes them down with it, and they
//! are built anew.

use crate::record::Record;
use crate::state::State;
use model::InstanceId;
use model::instance::ContainerInstance;
use model::task::Task;
use model::view::View;
use std::any::Any;
use std::sync::Arc;

/// A record before and after a change, of the kinds that views see.
#[derive(Debug)]
pub enum Change {
    /// A task; absent before it was made and after it is gone.
    Task(Option<Arc<Task>>, Option<Arc<Task>>),
    /// A container instance.
    Instance(Option<Arc<ContainerInstance>>, Option<Arc<ContainerInstance>>),
}

impl Change {
    fn reversed(self) -> Self {
        match self {
            Self::Task(old, new) => Self::Task(new, old),
            Self::Instance(old, new) => Self::Instance(new, old),
        }
    }

    /// The instances that it touches: the one that changed, or those of the task before and after.
    pub(crate) fn instances(&self) -> impl Iterator<Item = &InstanceId> {
        let pair = match self {
            Self::Task(old, new) => [old, new].map(|task| task.as_ref().and_then(|t| t.instance.as_ref())),
            Self::Instance(old, new) => [old, new].map(|instance| instance.as_ref().map(|i| &i.id)),
        };
        pair.into_iter().flatten()
    }
}

/// One of each kind that was ever asked for.
#[derive(Default)]
pub(crate) struct Views(Vec<Box<dyn AnyView>>);

impl Views {
    /// The view of this kind; built from `state` when there is none yet.
    pub(crate) fn get<V: View>(&mut self, state: &State) -> &mut V {
        let found = self.0.iter().position(|view| view.as_any().is::<V>());
        let at = found.unwrap_or_else(|| {
            self.0.push(Box::new(build::<V>(state)));
            self.0.len() - 1
        });
        self.0[at].as_any_mut().downcast_mut().expect("found by its type, or just made of it")
    }

    pub(crate) fn observe(&mut self, change: &Change) {
        for view in &mut self.0 {
            view.observe(change);
        }
    }

    /// Takes the changes back, the last one first.
    pub(crate) fn reverse(&mut self, changes: Vec<Change>) {
        for change in changes.into_iter().rev() {
            self.observe(&change.reversed());
        }
    }
}

impl std::fmt::Debug for Views {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Views").field(&self.0.len()).finish()
    }
}

fn build<V: View>(state: &State) -> V {
    let mut view = V::default();
    for instance in ContainerInstance::table(state).rows() {
        view.observe_instance(None, Some(instance));
    }
    for task in Task::table(state).rows() {
        view.observe_task(None, Some(task));
    }
    view
}

/// A view whose kind is not known.
trait AnyView: Send {
    fn observe(&mut self, change: &Change);
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<V: View> AnyView for V {
    fn observe(&mut self, change: &Change) {
        match change {
            Change::Task(old, new) => self.observe_task(old.as_deref(), new.as_deref()),
            Change::Instance(old, new) => self.observe_instance(old.as_deref(), new.as_deref()),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
