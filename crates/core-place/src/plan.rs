//! The plan: an instance for each task, or why there is none.

use crate::filter::fits;
use crate::hosts::{Host, Hosts};
use crate::needs::Needs;
use crate::refusal::{Reason, Refusal};
use model::InstanceId;
use model::instance::Resources;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

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

/// Places `count` tasks with the same needs: among the instances that can take one, the one with the fewest tasks of
/// its group, then the fewest tasks, then the most free memory, then the smallest id.
pub fn plan(hosts: &Hosts, needs: &Needs, count: u32) -> Placement {
    let mut pool: BTreeMap<&InstanceId, Cow<'_, Host>> =
        hosts.pool(needs).map(|(id, host)| (id, Cow::Borrowed(host))).collect();
    let mut tasks: Vec<Result<Place, Refusal>> = Vec::new();
    for _ in 0..count {
        // Hosts only fill up while a plan is made: what was refused once stays refused.
        let placed = match tasks.last() {
            Some(Err(refusal)) => Err(refusal.clone()),
            _ => place_one(&mut pool, needs),
        };
        tasks.push(placed);
    }
    Placement { tasks }
}

/// Places one task on the instance that the caller has chosen (StartTask), if it fits there; `None` when there is no such
/// instance.
pub fn plan_on(hosts: &Hosts, needs: &Needs, instance: &InstanceId) -> Option<Result<Place, Reason>> {
    let host = hosts.host(instance)?;
    Some(fits(host, needs).map(|()| host.place(instance, needs)))
}

fn place_one(pool: &mut BTreeMap<&InstanceId, Cow<'_, Host>>, needs: &Needs) -> Result<Place, Refusal> {
    let mut refusal = Refusal::default();
    let fitting = pool.iter_mut().filter_map(|(id, host)| match fits(host, needs) {
        Ok(()) => Some((*id, host)),
        Err(reason) => {
            refusal.count(reason, id);
            None
        }
    });
    match fitting.min_by_key(|(_, host)| score(host, needs)) {
        Some((id, host)) => {
            let place = host.place(id, needs);
            let demand = Resources { gpus: place.gpus.iter().cloned().collect(), ..needs.demand.clone() };
            host.to_mut().used.take(&demand, &needs.group);
            Ok(place)
        }
        None => Err(refusal),
    }
}

/// Smaller is better; the pool's order breaks ties.
fn score(host: &Host, needs: &Needs) -> (u32, u32, Reverse<u64>) {
    let of_group = host.used.tasks_by_group.get(&needs.group).copied().unwrap_or(0);
    (of_group, host.used.tasks, Reverse(host.free_memory_mib()))
}

impl Host {
    /// Its place for a task that fits.
    fn place(&self, id: &InstanceId, needs: &Needs) -> Place {
        Place { instance: id.clone(), gpus: self.free_gpus().take(needs.gpus as usize).cloned().collect() }
    }
}
