//! Rankings that were made for earlier plans, kept for the next of the same kind.

use crate::host::GroupId;
use crate::needs::Needs;
use crate::ranking::Ranking;

/// The most hosts in all kept rankings together: some 50 bytes each.
const HOSTS_MAX: usize = 1 << 20;
/// The most rankings: looking for one goes through them.
const RANKINGS_MAX: usize = 256;

/// The rankings, in no order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    rankings: Vec<Ranking>,
    /// Counts uses.
    clock: u64,
}

impl Kept {
    /// Takes out the ranking for these needs.
    pub(crate) fn take(&mut self, pool: u32, needs: &Needs) -> Option<Ranking> {
        let at = self.rankings.iter().position(|ranking| ranking.is_for(pool, needs))?;
        Some(self.rankings.swap_remove(at))
    }

    /// Puts a ranking in that was just used. Gives the groups of those that had to make room.
    pub(crate) fn put(&mut self, mut ranking: Ranking) -> Vec<GroupId> {
        self.clock += 1;
        ranking.used_at = self.clock;
        self.rankings.push(ranking);
        let mut evicted = Vec::new();
        while self.rankings.len() > 1 && self.is_full() {
            let oldest = self.rankings.iter().enumerate().min_by_key(|(_, ranking)| ranking.used_at);
            let Some((at, _)) = oldest else { break };
            evicted.push(self.rankings.swap_remove(at).group);
        }
        evicted
    }

    /// The group of each ranking.
    pub(crate) fn groups(&self) -> impl Iterator<Item = GroupId> {
        self.rankings.iter().map(|ranking| ranking.group)
    }

    /// What each ranking is for.
    pub(crate) fn needs(&self) -> impl Iterator<Item = &Needs> {
        self.rankings.iter().map(Ranking::needs)
    }

    fn is_full(&self) -> bool {
        let hosts: usize = self.rankings.iter().map(Ranking::hosts).sum();
        self.rankings.len() > RANKINGS_MAX || hosts > HOSTS_MAX
    }
}
