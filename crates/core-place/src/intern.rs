//! Small numbers for names, so that hot loops compare numbers.

use std::borrow::Borrow;
use std::collections::BTreeMap;

/// A number for each name in use. Numbers of names that nobody uses any more are given out again; nothing may depend on
/// which number a name has.
#[derive(Clone, Debug)]
pub(crate) struct Interner<K> {
    ids: BTreeMap<K, u32>,
    entries: Vec<Option<(K, u32)>>,
    free: Vec<u32>,
}

impl<K> Default for Interner<K> {
    fn default() -> Self {
        Self { ids: BTreeMap::new(), entries: Vec::new(), free: Vec::new() }
    }
}

impl<K: Ord + Clone> Interner<K> {
    /// One more user of the name.
    pub(crate) fn acquire(&mut self, name: K) -> u32 {
        if let Some(&id) = self.ids.get(&name) {
            self.retain(id);
            return id;
        }
        let entry = Some((name.clone(), 1));
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = entry;
                id
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
        };
        self.ids.insert(name, id);
        id
    }

    /// One more user of a name that has one.
    pub(crate) fn retain(&mut self, id: u32) {
        if let Some((_, users)) = &mut self.entries[id as usize] {
            *users += 1;
        }
    }

    /// One user less.
    pub(crate) fn release(&mut self, id: u32) {
        let entry = &mut self.entries[id as usize];
        let Some((_, users)) = entry else { return };
        *users -= 1;
        if *users == 0 {
            if let Some((name, _)) = entry.take() {
                self.ids.remove(&name);
            }
            self.free.push(id);
        }
    }

    /// The number of a name that somebody uses.
    pub(crate) fn get<Q: Ord + ?Sized>(&self, name: &Q) -> Option<u32>
    where
        K: Borrow<Q>,
    {
        self.ids.get(name).copied()
    }

    /// The name with this number.
    pub(crate) fn name(&self, id: u32) -> Option<&K> {
        self.entries[id as usize].as_ref().map(|(name, _)| name)
    }

    /// All names by number, and nothing where a number is not in use.
    pub(crate) fn all(&self) -> impl Iterator<Item = Option<&K>> {
        self.entries.iter().map(|entry| entry.as_ref().map(|(name, _)| name))
    }
}
