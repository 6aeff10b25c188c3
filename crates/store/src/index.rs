//! The two shapes that everything in memory has: a table of rows and an index of keys. Both are persistent maps:
//! a clone is O(1) and shares all nodes, a write copies one path. Keys are behind `Arc`, because copying a path
//! clones the keys in it.

use imbl::ordmap::DiffItem;
use imbl::{OrdMap, OrdSet};
use std::ops::Bound;
use std::sync::Arc;

/// Rows by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<K: Ord, V>(OrdMap<Arc<K>, Arc<V>>);

impl<K: Ord, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(OrdMap::new())
    }
}

impl<K: Ord, V> Table<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&Arc<V>> {
        self.0.get(key)
    }

    /// The key as it is in the table, and the row.
    pub(crate) fn entry(&self, key: &K) -> Option<(&Arc<K>, &Arc<V>)> {
        self.0.get_key_value(key)
    }

    pub(crate) fn put(&mut self, key: Arc<K>, row: Arc<V>) {
        self.0.insert(key, row);
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.0.remove(key);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn rows(&self) -> impl DoubleEndedIterator<Item = &Arc<V>> {
        self.0.values()
    }

    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = (&K, &Arc<V>)> {
        self.0.iter().map(|(k, v)| (&**k, v))
    }

    /// From the first key that is not less than `from`.
    pub(crate) fn rows_from<'a>(&'a self, from: &K) -> impl Iterator<Item = &'a Arc<V>> + use<'a, K, V> {
        self.0.range::<_, K>((Bound::Included(from), Bound::Unbounded)).map(|(_, row)| row)
    }

    /// The rows that are new or other ones than in `before`; the parts that both share are passed over.
    pub(crate) fn changed_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a Arc<V>>
    where
        V: Eq,
    {
        before.0.diff(&self.0).filter_map(|item| match item {
            DiffItem::Add(_, row) | DiffItem::Update { new: (_, row), .. } => Some(row),
            DiffItem::Remove(..) => None,
        })
    }

    pub(crate) fn same(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

/// Keys of rows by something else of the row; without empty groups, so that equal content is equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index<G: Ord, K: Ord>(OrdMap<Arc<G>, OrdSet<Arc<K>>>);

impl<G: Ord, K: Ord> Default for Index<G, K> {
    fn default() -> Self {
        Self(OrdMap::new())
    }
}

impl<G: Ord, K: Ord> Index<G, K> {
    /// Moves a key from the group that it was in to the one that it is in now.
    pub(crate) fn shift(&mut self, key: &Arc<K>, old: Option<G>, new: Option<G>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            let now_empty = self.0.get_mut(&old).is_some_and(|keys| {
                keys.remove(&**key);
                keys.is_empty()
            });
            if now_empty {
                self.0.remove(&old);
            }
        }
        if let Some(new) = new {
            self.0.entry(Arc::new(new)).or_default().insert(key.clone());
        }
    }

    pub(crate) fn len(&self, group: &G) -> usize {
        self.0.get(group).map_or(0, OrdSet::len)
    }

    /// The group's keys in order, those greater than `after` only.
    pub(crate) fn keys<'a>(
        &'a self,
        group: &G,
        after: Option<&K>,
    ) -> impl Iterator<Item = &'a K> + use<'a, G, K> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let keys = self.0.get(group).map(|keys| keys.range::<_, K>((start, Bound::Unbounded)));
        keys.into_iter().flatten().map(|key| &**key)
    }
}
