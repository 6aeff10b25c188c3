//! A task's id, which also says where the task is kept.

use crate::Timestamp;
use crate::id::text;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

text! {
    /// A task's id: 32 hexadecimal digits, the last part of its ARN. Twelve random digits, twelve of the milliseconds since
    /// 1970, eight random ones.
    ///
    /// Ids are in the order of their time, and so are the tasks in memory: the new ones, which change, are side by side, and
    /// a million of them cost what a thousand do. The time is in the middle because people tell tasks apart by the first or
    /// last digits, and make host names of them.
    TaskId
}

/// The digits of the time.
const TIME: Range<usize> = 12..24;
/// Bits after the time.
const TIME_SHIFT: u32 = 32;
const TIME_MASK: u128 = ((1 << 48) - 1) << TIME_SHIFT;

impl TaskId {
    /// The id of a task that is made at this time; 80 bits of `random` go into it.
    pub fn new(at: Timestamp, random: u128) -> Self {
        let time = (u128::from(at.0.unsigned_abs()) << TIME_SHIFT) & TIME_MASK;
        format!("{:032x}", time | random & !TIME_MASK).into()
    }

    /// What decides the order. Any text has a place in it: callers may ask for what is no id.
    fn rank(&self) -> (Option<&[u8]>, &[u8]) {
        let text = self.0.as_bytes();
        (text.get(TIME), text)
    }
}

impl Ord for TaskId {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.rank().cmp(&other.rank()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_000_000_000;

    #[test]
    fn the_older_task_is_before_the_newer_whatever_is_random() {
        let ids = [(0, u128::MAX), (1, 0), (1, u128::MAX), (255, 7), (86_400_000, 0)];
        let ids = ids.map(|(later, random)| TaskId::new(Timestamp(NOW + later), random));
        assert!(ids.is_sorted());
        assert_eq!(ids[1].as_str(), format!("{:012}{:012x}{:08}", 0, NOW + 1, 0));
        assert!(ids.iter().all(|id| id.as_str().len() == 32));
    }

    #[test]
    fn tasks_of_one_moment_differ_at_either_end() {
        let [a, b] = [u128::MAX / 3, u128::MAX / 5].map(|random| TaskId::new(Timestamp(NOW), random));
        assert_ne!(a.as_str()[..8], b.as_str()[..8]);
        assert_ne!(a.as_str()[24..], b.as_str()[24..]);
    }

    #[test]
    fn what_is_no_id_has_a_place_too() {
        let id = TaskId::new(Timestamp(NOW), 0);
        // In the last, the time would begin within a character.
        for text in
            ["", "7", "x".repeat(40).as_str(), format!("a{}", "é".repeat(16)).as_str()].map(TaskId::from)
        {
            assert!((text < id) != (text > id), "{text}");
            assert!(TaskId::default() <= text);
        }
    }
}
