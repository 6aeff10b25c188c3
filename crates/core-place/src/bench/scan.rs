//! The same without any index: for each task, every host is asked and judged.

use crate::fit::Required;
use crate::host::{Claim, GroupKey};
use crate::order::{Order, State, Term};
use crate::plan::Chance;
use crate::pool::Slot;
use crate::{Hosts, Needs};
use std::collections::BTreeMap;

/// Places as many tasks as there is room for, up to `count`.
pub(super) fn place(hosts: &mut Hosts, needs: &Needs, count: u32) {
    let Some(pool) = hosts.pool(needs) else { return };
    let group = hosts.groups.acquire(GroupKey::joined(needs));
    let required = Required::new(needs, &hosts.kinds.texts);
    let order = Order::new(&needs.strategy);
    let (demand, interfaces) = (needs.demand.clone(), needs.network_interfaces);
    let claim = Claim { demand, interfaces, running: false, leaves: false };
    let mut chance = Chance(needs.seed);
    for _ in 0..count {
        let question = hosts.question(needs, &required, group);
        let members =
            hosts.pools[pool as usize].ranked.iter().map(|&slot| (slot, &hosts.hosts[slot as usize]));
        let names: Vec<_> =
            order.attributes.iter().filter_map(|name| hosts.kinds.texts.get(name.as_str())).collect();
        let values = |slot: Slot| {
            let facts = &hosts.hosts[slot as usize].facts;
            names.iter().map(|&name| facts.attribute(name)).collect::<Vec<_>>()
        };
        let mut tasks: BTreeMap<_, u32> = BTreeMap::new();
        if !names.is_empty() {
            for (slot, host) in members.clone() {
                *tasks.entry(values(slot)).or_default() += host.used.of_group(group);
            }
        }
        let score = |slot: Slot| {
            let mut own = State::of(&hosts.hosts[slot as usize], group).judged(&order).into_iter();
            let number = |term: &Term| match term {
                Term::Own(_) => own.next().unwrap_or(0),
                Term::TasksOfValues(_) => tasks.get(&values(slot)).copied().unwrap_or(0),
            };
            order.terms.iter().map(number).collect::<Vec<_>>()
        };
        let fitting = members.filter(|(_, host)| question.may_ever(host) && question.does_now(host));
        let fitting: Vec<Slot> = fitting.map(|(slot, _)| slot).collect();
        let nth = (u128::from(chance.next()) * fitting.len() as u128) >> 64;
        let chosen = if order.random {
            fitting.get(nth as usize)
        } else {
            fitting.iter().min_by_key(|&&slot| score(slot))
        };
        let Some(&slot) = chosen else { return };
        hosts.claim(slot, &claim, group);
    }
}
