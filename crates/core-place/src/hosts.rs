//! The view: what each container instance has left.

use crate::fit::{Question, Required};
use crate::host::{Claim, Facts, GroupId, GroupKey, Groups, Host, Seat, Texts, Used};
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
    by_id: BTreeMap<InstanceId, Slot>,
    /// What tasks take from instances that are not known (any more).
    orphans: BTreeMap<InstanceId, Used>,
    pub(crate) texts: Texts,
    pub(crate) groups: Groups,
    pool_ids: Interner<PoolKey>,
    pub(crate) pools: Vec<Pool>,
    generation: u64,
    pub(crate) kept: Kept,
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
            self.give_back(&instance, &claim, group);
        }
        if let Some((instance, claim, key)) = new {
            let group = self.groups.acquire(key);
            self.used_on(&instance).take(&claim, group);
            self.touch(&instance);
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
        let facts = Facts::new(instance, &mut self.texts);
        let Some(&slot) = self.by_id.get(&instance.id) else {
            let (id, slot) = (instance.id.clone(), self.hosts.len() as Slot);
            let used = self.orphans.remove(&id).unwrap_or_default();
            self.hosts.push(Host { id: id.clone(), facts, used, revision: 0, seats: Vec::new() });
            self.by_id.insert(id, slot);
            return self.join(slot);
        };
        let host = &mut self.hosts[slot as usize];
        if host.facts == facts {
            return facts.release(&mut self.texts);
        }
        let stays = host.facts.is_placed_as(&facts);
        std::mem::replace(&mut host.facts, facts).release(&mut self.texts);
        host.revision = host.revision.wrapping_add(1);
        if stays {
            self.touch(&instance.id);
        } else {
            self.leave(slot);
            self.join(slot);
        }
    }

    /// The last host takes the place of the removed one, so that the table has no gaps.
    fn remove_instance(&mut self, id: &InstanceId) {
        let Some(slot) = self.by_id.remove(id) else { return };
        let last = self.hosts.len() as Slot - 1;
        self.leave(slot);
        if slot != last {
            self.leave(last);
        }
        let Host { facts, used, .. } = self.hosts.swap_remove(slot as usize);
        facts.release(&mut self.texts);
        if used.tasks > 0 {
            self.orphans.insert(id.clone(), used);
        }
        if let Some(moved) = self.hosts.get(slot as usize) {
            self.by_id.insert(moved.id.clone(), slot);
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

    fn used_on(&mut self, id: &InstanceId) -> &mut Used {
        match self.by_id.get(id) {
            Some(&slot) => &mut self.hosts[slot as usize].used,
            None => self.orphans.entry(id.clone()).or_default(),
        }
    }

    fn give_back(&mut self, instance: &InstanceId, claim: &Claim, group: GroupId) {
        self.used_on(instance).give_back(claim, group);
        self.groups.release(group);
        if self.orphans.get(instance).is_some_and(|used| used.tasks == 0) {
            self.orphans.remove(instance);
        }
        self.touch(instance);
    }

    fn touch(&mut self, instance: &InstanceId) {
        if let Some(&slot) = self.by_id.get(instance) {
            self.touch_slot(slot);
        }
    }

    fn touch_slot(&mut self, slot: Slot) {
        for seat in &self.hosts[slot as usize].seats {
            self.pools[seat.pool as usize].note(seat.rank);
        }
    }

    /// Takes what a task takes from a host, until [`Hosts::unclaim`].
    pub(crate) fn claim(&mut self, slot: Slot, claim: &Claim, group: GroupId) {
        self.groups.retain(group);
        self.hosts[slot as usize].used.take(claim, group);
        self.touch_slot(slot);
    }

    pub(crate) fn unclaim(&mut self, slot: Slot, claim: &Claim, group: GroupId) {
        self.hosts[slot as usize].used.give_back(claim, group);
        self.groups.release(group);
        self.touch_slot(slot);
    }

    /// The hosts that may be asked at all, ranked; `None` when there is none.
    pub(crate) fn pool(&mut self, needs: &Needs) -> Option<u32> {
        let id = self.pool_ids.get(&PoolKey::of(needs))?;
        let pool = &mut self.pools[id as usize];
        if pool.generation == 0 {
            self.generation += 1;
            pool.rank(self.generation);
            for (rank, &slot) in pool.ranked.iter().enumerate() {
                let seats = &mut self.hosts[slot as usize].seats;
                seats.iter_mut().filter(|seat| seat.pool == id).for_each(|seat| seat.rank = rank as u32);
            }
        }
        Some(id)
    }

    /// The host with this id, of whatever cluster.
    pub(crate) fn host(&self, id: &InstanceId) -> Option<&Host> {
        self.by_id.get(id).map(|&slot| &self.hosts[slot as usize])
    }

    pub(crate) fn question<'a>(
        &'a self,
        needs: &'a Needs,
        required: &'a Required,
        group: GroupId,
    ) -> Question<'a> {
        Question { needs, required, texts: &self.texts, groups: &self.groups, group }
    }
}
