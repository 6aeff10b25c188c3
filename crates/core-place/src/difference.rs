//! How two views differ. Those that follow from the same records do not (INV-PLACE-4): what a view knows depends on the
//! records alone, whatever changes led there, and so do its plans.

use crate::host::{Facts, GroupKey, Host, Used};
use crate::hosts::Hosts;
use crate::pool::PoolKey;
use model::InstanceId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// How many tasks the plans are for that are compared.
const PLANNED: u32 = 3;

/// A host with texts where views have numbers of their own.
#[derive(Debug, PartialEq)]
struct Told<'a> {
    facts: Facts,
    attributes: BTreeMap<Option<&'a str>, Option<Option<&'a str>>>,
    zone: Option<Option<&'a str>>,
    used: Used,
    groups: BTreeMap<Option<&'a GroupKey>, u32>,
}

impl Hosts {
    /// The first thing in which this view is not as `fresh`, which has made no plan yet; `None` when there is nothing.
    /// Plans are compared for the needs that this view has a ranking for. It looks at everything, so it is for tests and
    /// checks.
    pub fn difference(&self, fresh: &Hosts) -> Option<String> {
        let (own, other) = (self.told(), fresh.told());
        differ("instances", &own.keys().collect::<Vec<_>>(), &other.keys().collect())
            .or_else(|| own.iter().find_map(|(id, told)| differ(id.as_str(), told, &other[id])))
            .or_else(|| {
                differ("what is taken of unknown instances", &self.told_orphans(), &fresh.told_orphans())
            })
            .or_else(|| differ("pools", &self.told_pools(), &fresh.told_pools()))
            .or_else(|| self.unused(fresh))
            .or_else(|| self.plans_differ(fresh))
    }

    fn told(&self) -> BTreeMap<&InstanceId, Told<'_>> {
        let found = |host: &'_ Host| self.host(&host.id).is_some_and(|found| std::ptr::eq(found, host));
        // One that its id does not lead to is not there.
        self.hosts.iter().filter(|host| found(host)).map(|host| (&host.id, self.told_of(host))).collect()
    }

    fn told_of<'a>(&'a self, host: &'a Host) -> Told<'a> {
        let text = |id: u32| self.kinds.texts.name(id).map(|text| &**text);
        let attributes = host.facts.attributes.iter();
        Told {
            facts: host.facts.without_numbers(),
            attributes: attributes.map(|&(name, value)| (text(name), value.map(text))).collect(),
            zone: host.facts.zone.map(text),
            used: host.used.without_numbers(),
            groups: self.told_groups(&host.used),
        }
    }

    fn told_groups(&self, used: &Used) -> BTreeMap<Option<&GroupKey>, u32> {
        used.groups.iter().map(|&(group, count)| (self.groups.name(group), count)).collect()
    }

    fn told_orphans(&self) -> BTreeMap<&InstanceId, (Used, BTreeMap<Option<&GroupKey>, u32>)> {
        let told = |used: &Used| (used.without_numbers(), self.told_groups(used));
        self.orphans.iter().map(|(id, used)| (id, told(used))).collect()
    }

    /// The members of each pool that has any, as their slots name them.
    fn told_pools(&self) -> BTreeMap<&PoolKey, Vec<&InstanceId>> {
        let named = self.pool_ids.all().zip(&self.pools).filter_map(|(key, pool)| Some((key?, pool)));
        let at = |slot: u32| self.hosts.get(slot as usize).map(|host| &host.id);
        named.map(|(key, pool)| (key, pool.members.values().filter_map(|&slot| at(slot)).collect())).collect()
    }

    /// Names that nobody uses are forgotten: those in use are the fresh view's, and the groups of the rankings.
    fn unused(&self, fresh: &Hosts) -> Option<String> {
        let groups = |hosts: &Hosts| hosts.groups.all().flatten().cloned().collect::<BTreeSet<_>>();
        let texts = |hosts: &Hosts| hosts.kinds.texts.all().flatten().cloned().collect::<BTreeSet<_>>();
        let of_rankings = self.kept.groups().filter_map(|group| self.groups.name(group).cloned());
        let expected = groups(fresh).into_iter().chain(of_rankings).collect();
        differ("names of groups", &groups(self), &expected)
            .or_else(|| differ("texts of attributes", &texts(self), &texts(fresh)))
    }

    fn plans_differ(&self, fresh: &Hosts) -> Option<String> {
        // A plan leaves a ranking behind, and looking should leave nothing.
        let (mut own, mut other) = (self.clone(), fresh.clone());
        let needs = self.kept.needs();
        needs.into_iter().find_map(|needs| {
            let what = || format!("plan for {needs:?}");
            let (planned, expected) = (own.plan(needs, PLANNED), other.plan(needs, PLANNED));
            (planned != expected).then(|| differ(&what(), &planned, &expected)).flatten()
        })
    }
}

fn differ<T: PartialEq + Debug>(what: &str, is: &T, expected: &T) -> Option<String> {
    (is != expected).then(|| format!("{what}: the view has {is:?}, the records give {expected:?}"))
}
