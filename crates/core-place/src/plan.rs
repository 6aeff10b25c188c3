//! The plan: an instance for each task, or why there is none.

use crate::fit::Required;
use crate::host::{Claim, GroupId, GroupKey, Host};
use crate::hosts::Hosts;
use crate::needs::Needs;
use crate::pool::{Rank, Slot};
use crate::ranking::Ranking;
use crate::refusal::{Reason, Refusal};
use model::InstanceId;
use model::instance::Resources;

/// For each task wanted, in order, where it goes or why it goes nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// As many as were asked for.
    pub tasks: Vec<Result<Place, Refusal>>,
}

/// Where a task goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The host.
    pub instance: InstanceId,
    /// The GPUs that it gets there, as many as it needs, by id.
    pub gpus: Vec<String>,
}

impl Hosts {
    /// Places `count` tasks with the same needs, each as if the ones before it were there already. The hosts are as they
    /// were afterwards.
    pub fn plan(&mut self, needs: &Needs, count: u32) -> Placement {
        self.fill(needs, count, false)
    }

    /// As [`Hosts::plan`], and the hosts keep what the tasks take. There is no record of it: these hosts must not be told of
    /// the tasks again.
    pub fn place(&mut self, needs: &Needs, count: u32) -> Placement {
        self.fill(needs, count, true)
    }

    /// Places one task on the instance that the caller has chosen (StartTask), if it fits there; `None` when there is no
    /// such instance. Strategies have no say in this.
    pub fn plan_on(&mut self, needs: &Needs, instance: &InstanceId) -> Option<Result<Place, Reason>> {
        let group = self.group(needs);
        let required = Required::new(needs, &self.kinds.texts);
        let question = self.question(needs, &required, group);
        let answer = self.host(instance).map(|host| question.answer(host).map(|()| host.place(needs)));
        self.groups.release(group);
        answer
    }

    /// The number of the needs' group, for as long as a plan is made.
    fn group(&mut self, needs: &Needs) -> GroupId {
        self.groups.acquire(GroupKey::joined(needs))
    }

    fn fill(&mut self, needs: &Needs, count: u32, keep: bool) -> Placement {
        let Some(pool) = self.pool(needs) else {
            return Placement { tasks: vec![Err(Refusal::default()); count as usize] };
        };
        let group = self.group(needs);
        let required = Required::new(needs, &self.kinds.texts);
        let mut ranking = self.ranking(pool, needs, group);
        ranking.catch_up(self, &required);
        let mut chance = Chance(needs.seed);
        let (mut tasks, mut ranks) = (Vec::new(), Vec::new());
        while ranks.len() < count as usize {
            let Some(rank) = ranking.best(chance.next()) else { break };
            let slot = self.slot_of(pool, rank);
            let place = self.hosts[slot as usize].place(needs);
            self.claim(slot, &claim(needs, &place), group);
            ranking.update(rank, self, &required);
            tasks.push(Ok(place));
            ranks.push(rank);
        }
        // Hosts only fill up while a plan is made: what was refused once stays refused.
        if ranks.len() < count as usize {
            let refusal = self.refusal(pool, needs, &required, group);
            tasks.resize(count as usize, Err(refusal));
        }
        for (rank, place) in ranks.into_iter().zip(tasks.iter().flatten()) {
            let slot = self.slot_of(pool, rank);
            if keep {
                self.touch(slot);
            } else {
                self.unclaim(slot, &claim(needs, place), group);
                ranking.doubt(rank);
            }
        }
        if keep {
            ranking.is_up_to_date(self);
        }
        self.groups.release(group);
        for group in self.kept.put(ranking) {
            self.groups.release(group);
        }
        Placement { tasks }
    }

    fn slot_of(&self, pool: u32, rank: Rank) -> Slot {
        self.pools[pool as usize].ranked[rank as usize]
    }

    /// The one that was kept, or a new one, which uses the group for itself.
    fn ranking(&mut self, pool: u32, needs: &Needs, group: GroupId) -> Ranking {
        if let Some(kept) = self.kept.take(pool, needs) {
            return kept;
        }
        self.groups.retain(group);
        Ranking::new(pool, needs, group)
    }

    /// Asks every host of the pool why it refuses.
    fn refusal(&self, pool: u32, needs: &Needs, required: &Required, group: GroupId) -> Refusal {
        let question = self.question(needs, required, group);
        let mut refusal = Refusal::default();
        for &slot in &self.pools[pool as usize].ranked {
            let host = &self.hosts[slot as usize];
            if question.concerns(host)
                && let Err(reason) = question.answer(host)
            {
                refusal.count(reason, &host.id);
            }
        }
        refusal
    }
}

/// What a task takes that has its place.
fn claim(needs: &Needs, place: &Place) -> Claim {
    let gpus = place.gpus.iter().cloned().collect();
    let demand = Resources { gpus, ..needs.demand.clone() };
    Claim { demand, interfaces: needs.network_interfaces, running: false, leaves: false }
}

impl Host {
    /// Its place for a task that fits.
    fn place(&self, needs: &Needs) -> Place {
        let gpus = match needs.gpus {
            0 => Vec::new(),
            n => self.free_gpus().take(n as usize).cloned().collect(),
        };
        Place { instance: self.id.clone(), gpus }
    }
}

/// Numbers that look random and follow from a seed (SplitMix64).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
