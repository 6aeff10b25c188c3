//! The hosts of a pool in the order of a strategy, for tasks with the same needs.

use crate::fit::{Question, Required};
use crate::host::{GroupId, Host};
use crate::hosts::Hosts;
use crate::needs::{Constraint, Needs};
use crate::order::{Order, State};
use crate::pool::Rank;
use crate::standings::{Entry, Standings};

/// Which host is the best now. Kept between plans, it catches up with the hosts that have changed since.
#[derive(Clone, Debug)]
pub(crate) struct Ranking {
    pool: u32,
    needs: Needs,
    pub(crate) group: GroupId,
    order: Order,
    /// Whether it matters which group it is: when it does not, tasks of all groups share this.
    counts_group: bool,
    /// The pool's, when this was made.
    generation: u64,
    /// The first of the pool's changes that is not seen yet.
    unseen: u64,
    /// Hosts to look at again.
    doubted: Vec<Rank>,
    /// By rank: the revision at which the host was asked whether it might ever take a task, and the answer.
    hosts: Vec<Option<(u32, bool)>>,
    standings: Standings,
    /// When, by the clock of whoever keeps it.
    pub(crate) used_at: u64,
}

impl Ranking {
    /// Without any host: [`Ranking::catch_up`] comes first.
    pub(crate) fn new(pool: u32, needs: &Needs, group: GroupId) -> Self {
        let order = Order::new(&needs.strategy);
        let counts_group = order.counts_group() || needs.constraints.contains(&Constraint::DistinctInstance);
        let standings = Standings::new(&order, 0, &[], false);
        let (generation, unseen, used_at) = (0, 0, 0);
        let (needs, doubted, hosts) = (needs.clone(), Vec::new(), Vec::new());
        Self {
            pool,
            needs,
            group,
            order,
            counts_group,
            generation,
            unseen,
            doubted,
            hosts,
            standings,
            used_at,
        }
    }

    pub(crate) fn is_for(&self, pool: u32, needs: &Needs) -> bool {
        let group = self.counts_group.then_some((&self.needs.group, &needs.group));
        self.pool == pool && self.needs.asks_the_same(needs) && group.is_none_or(|(own, other)| own == other)
    }

    pub(crate) fn needs(&self) -> &Needs {
        &self.needs
    }

    pub(crate) fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// Looks at every host that has changed since the last time, or at all of them when that is less work. Many are entered
    /// first, and then all matches are made anew, which is less work than the matches of each.
    pub(crate) fn catch_up(&mut self, hosts: &Hosts, required: &Required) {
        let pool = &hosts.pools[self.pool as usize];
        let changes = pool.changes_since(self.unseen).filter(|_| self.generation == pool.generation);
        let doubted = std::mem::take(&mut self.doubted);
        match changes {
            Some(ranks) if ranks.len() + doubted.len() <= pool.ranked.len() / 8 => {
                doubted.iter().chain(ranks).for_each(|&rank| self.update(rank, hosts, required));
            }
            Some(ranks) if ranks.len() <= pool.ranked.len() => {
                for &rank in doubted.iter().chain(ranks) {
                    let entry = self.look(rank, hosts, required);
                    self.standings.enter(rank, &entry);
                }
                self.standings.settle();
            }
            _ => self.rank_all(hosts, required),
        }
        (self.generation, self.unseen) = (pool.generation, pool.log_end());
    }

    /// The best host; with chance deciding between equals, the one that `ticket` of 2^64 draws. `None` when none fits.
    pub(crate) fn best(&self, ticket: u64) -> Option<Rank> {
        let best = self.standings.best();
        if best.is_none() {
            return None;
        }
        if !self.order.random {
            return Some(best.leaf);
        }
        let nth = (u128::from(ticket) * u128::from(best.ties)) >> 64;
        Some(self.standings.nth(nth as u32).0)
    }

    fn rank_all(&mut self, hosts: &Hosts, required: &Required) {
        let pool = &hosts.pools[self.pool as usize];
        let (n, members) = (pool.ranked.len(), &pool.in_table);
        let question = hosts.question(&self.needs, required, self.group);
        let values = hosts.values(&self.order.attributes, members);
        let mut standings = Standings::new(&self.order, n, &values, false);
        if self.generation != pool.generation {
            self.hosts = vec![None; n];
        }
        let mut kinds = Vec::new();
        for &(slot, rank) in members {
            let host = &hosts.hosts[slot as usize];
            let may_ever = match self.hosts[rank as usize] {
                Some((revision, may_ever)) if revision == host.revision => may_ever,
                _ => question.may_ever_known(host, &mut kinds),
            };
            self.hosts[rank as usize] = Some((host.revision, may_ever));
            standings.enter(rank, &entry(&self.order, &question, host, may_ever));
        }
        standings.settle();
        self.standings = standings;
    }

    /// One host may have changed.
    pub(crate) fn update(&mut self, rank: Rank, hosts: &Hosts, required: &Required) {
        let entry = self.look(rank, hosts, required);
        self.standings.set(rank, &entry);
    }

    /// What a host is judged by now.
    fn look(&mut self, rank: Rank, hosts: &Hosts, required: &Required) -> Entry {
        let host = &hosts.hosts[hosts.pools[self.pool as usize].ranked[rank as usize] as usize];
        let question = hosts.question(&self.needs, required, self.group);
        let may_ever = match self.hosts[rank as usize] {
            Some((revision, may_ever)) if revision == host.revision => may_ever,
            _ => question.may_ever(host),
        };
        self.hosts[rank as usize] = Some((host.revision, may_ever));
        entry(&self.order, &question, host, may_ever)
    }

    /// All changes so far have been seen.
    pub(crate) fn is_up_to_date(&mut self, hosts: &Hosts) {
        self.unseen = hosts.pools[self.pool as usize].log_end();
    }

    /// The host is to be looked at again, though the pool has not noted any change.
    pub(crate) fn doubt(&mut self, rank: Rank) {
        self.doubted.push(rank);
    }
}

fn entry(order: &Order, question: &Question<'_>, host: &Host, may_ever: bool) -> Entry {
    let state = State::of(host, question.group);
    let weight = u32::from(may_ever && question.does_now(host));
    Entry { tasks: state.tasks_of_group, own: state.judged(order), weight }
}
