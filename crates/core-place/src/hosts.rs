//! The view: what each container instance has left.

use crate::fit::{Question, Required};
use crate::host::{Claim, Facts, GroupId, GroupKey, Groups, Host, Kinds, Seat, Used, attribute_of};
use crate::intern::Interner;
use crate::kept::Kept;
use crate::needs::Needs;
use crate::pool::{Pool, PoolKey, Slot};
use model::InstanceId;
use model::instance::ContainerInstance;
use model::task::Task;
use model::view::View;
use std::collections::BTreeMap;

/// Every container instance with what its tasks have left of it, and the rankings that plans were made by lately. Told of
/// each change, it never looks at all instances again, but to rank them for a kind of task that is new to it.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    pub(crate) hosts: Vec<Host>,
    by_id: BTreeMap<IdKey, Slot>,
    /// What tasks take from instances that are not known (any more).
    pub(crate) orphans: BTreeMap<InstanceId, Used>,
    pub(crate) kinds: Kinds,
    pub(crate) groups: Groups,
    pub(crate) pool_ids: Interner<PoolKey>,
    pub(crate) pools: Vec<Pool>,
    generation: u64,
    pub(crate) kept: Kept,
}

/// An id, ordered as its text is, with the text's beginning at hand: most comparisons need no more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct IdKey(u64, InstanceId);

impl IdKey {
    fn new(id: &InstanceId) -> Self {
        let mut beginning = [0; 8];
        beginning.iter_mut().zip(id.as_str().bytes()).for_each(|(to, from)| *to = from);
        Self(u64::from_be_bytes(beginning), id.clone())
    }
}

impl View for Hosts {
    fn observe_task(&mut self, old: Option<&Task>, new: Option<&Task>) {
        let of = |task: Option<&Task>| {
            let task = task?;
            let (instance, claim) = Claim::of(task)?;
            Some((instance.clone(), claim, GroupKey::of(task)))
        };
        let (old, new) = (of(old), of(new));
        if old == new {
            return;
        }
        if let Some((instance, claim, key)) = old
            && let Some(group) = self.groups.get(&key)
        {
            self.use_on(&instance, |used| used.give_back(&claim, group));
            self.groups.release(group);
        }
        if let Some((instance, claim, key)) = new {
            let group = self.groups.acquire(key);
            self.use_on(&instance, |used| used.take(&claim, group));
        }
    }

    fn observe_instance(&mut self, old: Option<&ContainerInstance>, new: Option<&ContainerInstance>) {
        match (old, new) {
            (_, Some(new)) => self.put_instance(new),
            (Some(old), None) => self.remove_instance(&old.id),
            (None, None) => {}
        }
    }
}

impl Hosts {
    /// From a snapshot's instances and tasks, in any order. Tasks that hold nothing are skipped.
    pub fn from_records<'a>(
        instances: impl IntoIterator<Item = &'a ContainerInstance>,
        tasks: impl IntoIterator<Item = &'a Task>,
    ) -> Self {
        let mut hosts = Self::default();
        instances.into_iter().for_each(|i| hosts.observe_instance(None, Some(i)));
        tasks.into_iter().for_each(|t| hosts.observe_task(None, Some(t)));
        hosts
    }

    fn put_instance(&mut self, instance: &ContainerInstance) {
        let facts = Facts::new(instance, &mut self.kinds);
        let Some(slot) = self.slot(&instance.id) else {
            let (id, slot) = (instance.id.clone(), self.hosts.len() as Slot);
            let used = self.orphans.remove(&id).unwrap_or_default();
            self.by_id.insert(IdKey::new(&id), slot);
            self.hosts.push(Host { id, facts, used, revision: 0, seats: Vec::new() });
            return self.join(slot);
        };
        let host = &mut self.hosts[slot as usize];
        if host.facts == facts {
            return self.kinds.release(&facts);
        }
        let stays = host.facts.is_placed_as(&facts);
        let old = std::mem::replace(&mut host.facts, facts);
        host.revision = host.revision.wrapping_add(1);
        self.kinds.release(&old);
        if stays {
            self.touch(slot);
        } else {
            self.leave(slot);
            self.join(slot);
        }
    }

    /// The last host takes the place of the removed one, so that the table has no gaps.
    fn remove_instance(&mut self, id: &InstanceId) {
        let Some(slot) = self.by_id.remove(&IdKey::new(id)) else { return };
        let last = self.hosts.len() as Slot - 1;
        self.leave(slot);
        if slot != last {
            self.leave(last);
        }
        let Host { facts, used, .. } = self.hosts.swap_remove(slot as usize);
        self.kinds.release(&facts);
        if used.tasks > 0 {
            self.orphans.insert(id.clone(), used);
        }
        if let Some(moved) = self.hosts.get(slot as usize) {
            self.by_id.insert(IdKey::new(&moved.id), slot);
            self.join(slot);
        }
    }

    fn join(&mut self, slot: Slot) {
        let host = &mut self.hosts[slot as usize];
        for key in host.facts.pools() {
            let pool = self.pool_ids.acquire(key);
            if pool as usize == self.pools.len() {
                self.pools.push(Pool::default());
            }
            self.pools[pool as usize].join(&host.id, slot);
            host.seats.push(Seat { pool, rank: 0 });
        }
    }

    fn leave(&mut self, slot: Slot) {
        let host = &mut self.hosts[slot as usize];
        for Seat { pool, .. } in host.seats.drain(..) {
            self.pools[pool as usize].leave(&host.id);
            self.pool_ids.release(pool);
        }
    }

    fn use_on(&mut self, id: &InstanceId, change: impl FnOnce(&mut Used)) {
        if let Some(slot) = self.slot(id) {
            change(&mut self.hosts[slot as usize].used);
            return self.touch(slot);
        }
        let used = self.orphans.entry(id.clone()).or_default();
        change(used);
        if used.tasks == 0 {
            self.orphans.remove(id);
        }
    }

    /// Tells the rankings of the host that it has changed.
    pub(crate) fn touch(&mut self, slot: Slot) {
        for seat in &self.hosts[slot as usize].seats {
            self.pools[seat.pool as usize].note(seat.rank);
        }
    }

    /// Takes what a task takes from a host, until [`Hosts::unclaim`]. Nobody is told.
    pub(crate) fn claim(&mut self, slot: Slot, claim: &Claim, group: GroupId) {
        self.groups.retain(group);
        self.hosts[slot as usize].used.take(claim, group);
    }

    pub(crate) fn unclaim(&mut self, slot: Slot, claim: &Claim, group: GroupId) {
        self.hosts[slot as usize].used.give_back(claim, group);
        self.groups.release(group);
    }

    /// The hosts that may be asked at all, ranked; `None` when there is none.
    pub(crate) fn pool(&mut self, needs: &Needs) -> Option<u32> {
        let id = self.pool_ids.get(&PoolKey::of(needs))?;
        let pool = &mut self.pools[id as usize];
        if pool.generation == 0 {
            self.generation += 1;
            pool.rank(self.generation);
            for &(slot, rank) in &pool.in_table {
                let seats = &mut self.hosts[slot as usize].seats;
                seats.iter_mut().filter(|seat| seat.pool == id).for_each(|seat| seat.rank = rank);
            }
        }
        Some(id)
    }

    /// The host with this id, of whatever cluster.
    pub(crate) fn host(&self, id: &InstanceId) -> Option<&Host> {
        self.slot(id).map(|slot| &self.hosts[slot as usize])
    }

    pub(crate) fn slot(&self, id: &InstanceId) -> Option<Slot> {
        self.by_id.get(&IdKey::new(id)).copied()
    }

    pub(crate) fn question<'a>(
        &'a self,
        needs: &'a Needs,
        required: &'a Required,
        group: GroupId,
    ) -> Question<'a> {
        Question { needs, required, texts: &self.kinds.texts, groups: &self.groups, group }
    }

    /// The values of the attributes of `n` hosts, given by slot and place among them, in the order of their places. Values
    /// are numbered in the order of their texts; hosts without an attribute are together, before all others, and so are
    /// those that have it without a value.
    pub(crate) fn values(&self, attributes: &[String], members: &[(Slot, u32)]) -> Vec<u32> {
        let depth = attributes.len();
        let mut values = vec![0; members.len() * depth];
        for (i, attribute) in attributes.iter().enumerate() {
            let Some(name) = self.kinds.texts.get(attribute.as_str()) else { continue };
            let text = |value: u32| self.kinds.texts.name(value).map(|text| &**text);
            let mut sorted: Vec<_> = self.kinds.all().map(|kind| attribute_of(kind, name)).collect();
            sorted.sort_by_key(|value| value.map(|value| value.map(text)));
            sorted.dedup();
            let numbers: BTreeMap<_, u32> = sorted.into_iter().zip(0..).collect();
            let number = |kind| numbers.get(&attribute_of(kind, name)).copied().unwrap_or(0);
            let of_kinds: Vec<u32> = self.kinds.all().map(number).collect();
            for &(slot, place) in members {
                let kind = self.hosts[slot as usize].facts.kind as usize;
                values[place as usize * depth + i] = of_kinds[kind];
            }
        }
        values
    }
}
