//! One operation a task at a time.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Who may work on which task.
#[derive(Debug, Default)]
pub struct Turns {
    busy: Mutex<HashSet<String>>,
    freed: Condvar,
}

/// The right to work on one task, until dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    turns: &'a Turns,
    task: String,
}

impl Turns {
    /// Waits, blocking the thread, until nobody works on the task.
    pub fn take(&self, task: &str) -> Turn<'_> {
        let mut busy = self.lock();
        while !busy.insert(task.to_owned()) {
            busy = self.freed.wait(busy).unwrap_or_else(PoisonError::into_inner);
        }
        Turn { turns: self, task: task.to_owned() }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.lock().remove(&self.task);
        self.turns.freed.notify_all();
    }
}
