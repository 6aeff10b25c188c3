//! Which series there are: the only part of the store that is in memory.

use crate::sample::Series;
use model::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// All series, by what they are called and by id.
#[derive(Debug, Default)]
pub(crate) struct Index {
    ids: HashMap<Arc<Series>, u64>,
    by_id: BTreeMap<u64, Listed>,
}

/// A series of the index.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) series: Arc<Series>,
    /// The begin of its newest point.
    pub(crate) newest: Timestamp,
}

impl Index {
    /// The id of a series that is there.
    pub(crate) fn id(&self, series: &Series) -> Option<u64> {
        self.ids.get(series).copied()
    }

    /// An id that is larger than all others.
    pub(crate) fn next_id(&self) -> u64 {
        self.by_id.last_key_value().map_or(1, |(id, _)| id + 1)
    }

    /// Adds a series.
    pub(crate) fn insert(&mut self, id: u64, series: Series, newest: Timestamp) {
        let series = Arc::new(series);
        self.ids.insert(series.clone(), id);
        self.by_id.insert(id, Listed { series, newest });
    }

    /// Takes note of a point.
    pub(crate) fn touch(&mut self, id: u64, start: Timestamp) {
        if let Some(listed) = self.by_id.get_mut(&id) {
            listed.newest = listed.newest.max(start);
        }
    }

    /// Forgets a series.
    pub(crate) fn remove(&mut self, id: u64) {
        if let Some(listed) = self.by_id.remove(&id) {
            self.ids.remove(&listed.series);
        }
    }

    /// The series with a larger id than `after`, by id: in the order in which they first came.
    pub(crate) fn after(&self, after: u64) -> impl Iterator<Item = (u64, &Listed)> {
        self.by_id.range(after.saturating_add(1)..).map(|(id, listed)| (*id, listed))
    }
}
