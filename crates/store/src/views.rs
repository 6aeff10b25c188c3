//! The views beside the head of the store: structures of others that follow from the records (`model::view`).
//!
//! They are not in snapshots: there is one of each kind, and it belongs to the transaction that runs. A transaction tells
//! them of each change at once, and of the reverse when it fails. When it panics, they are thrown away and built anew.

use crate::change::Seen;
use crate::record::Record;
use crate::state::State;
use model::instance::ContainerInstance;
use model::task::Task;
use model::view::View;
use std::any::Any;

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

    pub(crate) fn observe(&mut self, seen: Seen<'_>) {
        for view in &mut self.0 {
            view.observe(seen);
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
    fn observe(&mut self, seen: Seen<'_>);
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<V: View> AnyView for V {
    fn observe(&mut self, seen: Seen<'_>) {
        match seen {
            Seen::Task(old, new) => self.observe_task(old, new),
            Seen::Instance(old, new) => self.observe_instance(old, new),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
