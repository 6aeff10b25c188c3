//! What is derived from records and kept beside them.

use crate::instance::ContainerInstance;
use crate::task::Task;

/// A structure that follows from the records and is kept up to date with them, one change at a time, so that nobody has to
/// look at all of them again. Whatever the order of the changes, it depends on the records alone; a change and its
/// reverse leave it as it was.
pub trait View: Default + Send + 'static {
    /// A task was made (`old` is absent), has changed, or is gone (`new` is absent).
    fn observe_task(&mut self, old: Option<&Task>, new: Option<&Task>);

    /// A container instance was made, has changed, or is gone.
    fn observe_instance(&mut self, old: Option<&ContainerInstance>, new: Option<&ContainerInstance>);
}
