//! Who is the best of many contestants by an [`Order`], kept while they change one at a time.
//!
//! Contestants with the same values of all attributes that tasks are spread over form a cell; cells that differ in the
//! last attribute only form a region, and so on up to the root. What counts a region's tasks is equal for all within it,
//! so each region has a tree of [`Winners`] of its own over its parts, ordered by the rest; a change of a contestant
//! changes one path of each tree from its cell to the root.

use crate::judge::Judge;
use crate::order::{OWNS_MAX, Order};
use crate::winners::{Best, Winners};
use std::collections::BTreeMap;

/// The standings. Leaves are contestants, numbered from 0; of two that are equal the smaller number is the better.
#[derive(Clone, Debug)]
pub(crate) struct Standings {
    judge: Judge,
    regions: Vec<Region>,
    leaves: Vec<Leaf>,
}

/// The root is region 0; a region comes after the one that it is in.
#[derive(Clone, Debug)]
struct Region {
    /// The region that it is in, and its seat there. The root's is never asked for.
    parent: (u32, u32),
    parts: Parts,
    winners: Winners,
}

#[derive(Clone, Debug)]
enum Parts {
    Regions(Vec<u32>),
    Leaves(Vec<u32>),
}

#[derive(Clone, Copy, Debug, Default)]
struct Leaf {
    /// The region of its cell, and its seat there.
    seat: (u32, u32),
    weight: u32,
    tasks: u32,
}

/// What one contestant is judged by.
pub(crate) struct Entry {
    /// How many tasks of the group it has.
    pub(crate) tasks: u32,
    /// The order's own terms, in its order, then anything.
    pub(crate) own: [u32; OWNS_MAX],
    /// Its share when chance decides between equals; 0 when it takes no part.
    pub(crate) weight: u32,
}

impl Standings {
    /// For `n` contestants; `values` has for each of them the value of each of the order's attributes, as a number by
    /// which values are sorted. Nobody takes part yet. `reverse`: more is better.
    pub(crate) fn new(order: &Order, n: usize, values: &[u32], reverse: bool) -> Self {
        let judge = Judge::new(order, n, reverse);
        let mut new = Self { judge, regions: Vec::new(), leaves: vec![Leaf::default(); n] };
        let depth = new.judge.depth;
        let mut cells: BTreeMap<&[u32], Vec<u32>> = BTreeMap::new();
        for leaf in 0..n {
            cells.entry(&values[leaf * depth..(leaf + 1) * depth]).or_default().push(leaf as u32);
        }
        new.found((0, 0), depth);
        let mut path: Vec<(u32, u32)> = Vec::new();
        for (values, leaves) in cells {
            let same = path.iter().zip(values).take_while(|((value, _), wanted)| value == *wanted).count();
            path.truncate(same);
            for (level, &value) in values.iter().enumerate().skip(same) {
                let region = new.found_in(path.last().map_or(0, |&(_, region)| region), depth - level - 1);
                path.push((value, region));
            }
            new.fill(&path, leaves);
        }
        new.judge.tasks = vec![0; new.regions.len()];
        new
    }

    /// A region with `below` levels of regions in it.
    fn found(&mut self, parent: (u32, u32), below: usize) {
        let parts = if below == 0 { Parts::Leaves(Vec::new()) } else { Parts::Regions(Vec::new()) };
        self.regions.push(Region { parent, parts, winners: Winners::default() });
    }

    fn found_in(&mut self, parent: u32, below: usize) -> u32 {
        let new = self.regions.len() as u32;
        let mut seat = 0;
        if let Parts::Regions(parts) = &mut self.regions[parent as usize].parts {
            seat = parts.len() as u32;
            parts.push(new);
        }
        self.found((parent, seat), below);
        new
    }

    fn fill(&mut self, path: &[(u32, u32)], leaves: Vec<u32>) {
        let region = path.last().map_or(0, |&(_, region)| region);
        let cell = self.judge.regions.len().checked_div(self.judge.depth).unwrap_or(0) as u32;
        self.judge.regions.extend(path.iter().map(|&(_, region)| region));
        for (seat, &leaf) in leaves.iter().enumerate() {
            self.leaves[leaf as usize].seat = (region, seat as u32);
            self.judge.cells[leaf as usize] = cell;
        }
        self.regions[region as usize].parts = Parts::Leaves(leaves);
    }

    /// A contestant is now as `entry` says, and [`Standings::settle`] comes before anybody asks who is the best.
    pub(crate) fn enter(&mut self, leaf: u32, entry: &Entry) {
        self.judge.set_own(leaf, &entry.own);
        let own = &mut self.leaves[leaf as usize];
        let before = std::mem::replace(&mut own.tasks, entry.tasks);
        own.weight = entry.weight;
        for i in 0..self.judge.depth {
            let region = self.judge.path(leaf)[i] as usize;
            self.judge.tasks[region] = self.judge.tasks[region] - before + entry.tasks;
        }
    }

    /// Finds the best of every region, once all that have changed have entered.
    pub(crate) fn settle(&mut self) {
        for region in (0..self.regions.len()).rev() {
            let seats: Vec<Best> = match &self.regions[region].parts {
                Parts::Leaves(leaves) => leaves.iter().map(|&leaf| self.best_of_leaf(leaf)).collect(),
                Parts::Regions(parts) => {
                    parts.iter().map(|&part| self.regions[part as usize].winners.best()).collect()
                }
            };
            let (judge, region) = (&self.judge, &mut self.regions[region]);
            region.winners.seat(&seats, |a, b| judge.better(a, b));
        }
    }

    /// A contestant is now as `entry` says.
    pub(crate) fn set(&mut self, leaf: u32, entry: &Entry) {
        let Leaf { seat, weight, tasks } = self.leaves[leaf as usize];
        let same_tasks = tasks == entry.tasks;
        if same_tasks && weight == entry.weight && self.judge.has_own(leaf, &entry.own) {
            return;
        }
        self.enter(leaf, entry);
        let (mut region, mut seat) = seat;
        let mut best = self.best_of_leaf(leaf);
        loop {
            let judge = &self.judge;
            let own = &mut self.regions[region as usize];
            let matters = own.winners.set(seat, best, |a, b| judge.better(a, b));
            // How many tasks a region has matters to the one that it is in, whoever is the best of it.
            if region == 0 || (!matters && same_tasks) {
                return;
            }
            best = own.winners.best();
            (region, seat) = own.parent;
        }
    }

    /// The best; of equals the one with the smallest number.
    pub(crate) fn best(&self) -> Best {
        self.regions[0].winners.best()
    }

    /// The one that is `nth` by weight, from 0, of those that are as good as the best, in order of their values and
    /// numbers; with what is left of `nth` there.
    pub(crate) fn nth(&self, mut nth: u32) -> (u32, u32) {
        let ties = |a, b| self.judge.compare(a, b).is_eq();
        let mut region = 0;
        loop {
            let Region { winners, parts, .. } = &self.regions[region as usize];
            let (seat, left) = winners.nth(nth, ties);
            nth = left;
            match parts {
                Parts::Regions(parts) => region = parts[seat as usize],
                Parts::Leaves(leaves) => return (leaves[seat as usize], nth),
            }
        }
    }

    fn best_of_leaf(&self, leaf: u32) -> Best {
        match self.leaves[leaf as usize].weight {
            0 => Best::NONE,
            ties => Best { leaf, ties },
        }
    }
}
