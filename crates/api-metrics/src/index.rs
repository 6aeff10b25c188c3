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
    last_id: u64,
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

    /// The first id that no series has had since the store was opened, so that whoever still holds the id of a forgotten
    /// one finds nothing.
    pub(crate) fn next_id(&self) -> u64 {
        self.last_id + 1
    }

    /// Adds a series.
    pub(crate) fn insert(&mut self, id: u64, series: Series, newest: Timestamp) {
        let series = Arc::new(series);
        self.last_id = self.last_id.max(id);
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::Scope;
    use model::metrics::Metric;

    #[test]
    fn the_id_of_a_forgotten_series_is_not_given_again() {
        let series = |name: &str| Series {
            scope: Scope::new("000000000000", "us-east-1"),
            metric: Metric {
                namespace: "App".to_owned(),
                name: name.to_owned(),
                dimensions: BTreeMap::new(),
            },
        };
        let mut index = Index::default();
        index.insert(7, series("a"), Timestamp(0));
        index.remove(7);
        assert_eq!((index.id(&series("a")), index.next_id()), (None, 8));
        index.insert(8, series("b"), Timestamp(0));
        assert_eq!(index.after(0).map(|(id, _)| id).collect::<Vec<_>>(), [8]);
    }
}
