//! The hosts that tasks of one kind may go to.

use crate::needs::Needs;
use model::task_definition::LaunchType;
use model::{ClusterName, InstanceId, Scope};
use std::collections::BTreeMap;

/// A host's place in the table of hosts.
pub(crate) type Slot = u32;
/// A host's place among its pool, by id.
pub(crate) type Rank = u32;

/// Which hosts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PoolKey {
    /// Those that serve FARGATE, of every cluster and account.
    Fargate,
    /// Those of a cluster.
    Cluster(Scope, ClusterName),
}

impl PoolKey {
    pub(crate) fn of(needs: &Needs) -> Self {
        match needs.launch_type {
            LaunchType::Fargate => Self::Fargate,
            LaunchType::Ec2 | LaunchType::External => {
                Self::Cluster(needs.scope.clone(), needs.cluster.clone())
            }
        }
    }
}

/// The hosts, and what has changed on them lately.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    pub(crate) members: BTreeMap<InstanceId, Slot>,
    /// By id, once [`Pool::rank`] has been called.
    pub(crate) ranked: Vec<Slot>,
    /// The same by slot, in which the table of hosts is read fastest.
    pub(crate) in_table: Vec<(Slot, Rank)>,
    /// Which ranking that is, of all that were ever made; 0 while members have come or gone since.
    pub(crate) generation: u64,
    /// Who has changed, in order, since the change numbered `log_start`.
    log: Vec<Rank>,
    log_start: u64,
}

impl Pool {
    pub(crate) fn join(&mut self, id: &InstanceId, slot: Slot) {
        self.members.insert(id.clone(), slot);
        self.generation = 0;
    }

    pub(crate) fn leave(&mut self, id: &InstanceId) {
        self.members.remove(id);
        self.generation = 0;
    }

    /// Ranks the members anew, as `generation`.
    pub(crate) fn rank(&mut self, generation: u64) {
        self.ranked = self.members.values().copied().collect();
        self.in_table = self.ranked.iter().copied().zip(0..).collect();
        self.in_table.sort_unstable();
        self.generation = generation;
        self.log.clear();
        self.log_start = 0;
    }

    /// The member with this rank has changed. As many of the last changes are known as there are members, twice as many at
    /// most: to go through more would be more work than to look at every member.
    pub(crate) fn note(&mut self, rank: Rank) {
        if self.generation == 0 {
            return;
        }
        let members = self.ranked.len();
        if self.log.len() >= 2 * members {
            self.log.drain(..members);
            self.log_start += members as u64;
        }
        self.log.push(rank);
    }

    /// The number of the next change.
    pub(crate) fn log_end(&self) -> u64 {
        self.log_start + self.log.len() as u64
    }

    /// Who has changed since; `None` when that is not known any more.
    pub(crate) fn changes_since(&self, change: u64) -> Option<&[Rank]> {
        let from = change.checked_sub(self.log_start)?;
        self.log.get(from as usize..)
    }
}
