//! Which of two contestants is the better by an [`Order`].

use crate::order::{OWNS_MAX, Order, Term};
use crate::winners::Best;
use std::cmp::Ordering;

/// What contestants are judged by: numbers of their own, and what the regions count that they are in.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    terms: Vec<Term>,
    /// Whether more is better.
    reverse: bool,
    /// How many numbers a leaf has.
    width: usize,
    /// `width` numbers for each leaf.
    own: Vec<u32>,
    /// How many attributes there are.
    pub(crate) depth: usize,
    /// By leaf: its cell.
    pub(crate) cells: Vec<u32>,
    /// `depth` regions for each cell, from the widest to the cell itself.
    pub(crate) regions: Vec<u32>,
    /// By region: the tasks of all its leaves.
    pub(crate) tasks: Vec<u32>,
}

impl Judge {
    pub(crate) fn new(order: &Order, leaves: usize, reverse: bool) -> Self {
        let (terms, width, depth) = (order.terms.clone(), order.owns(), order.attributes.len());
        let (regions, tasks) = (Vec::new(), Vec::new());
        Self {
            terms,
            reverse,
            width,
            own: vec![0; leaves * width],
            depth,
            cells: vec![0; leaves],
            regions,
            tasks,
        }
    }

    fn own(&self, leaf: u32) -> &[u32] {
        let at = leaf as usize * self.width;
        &self.own[at..at + self.width]
    }

    pub(crate) fn set_own(&mut self, leaf: u32, own: &[u32; OWNS_MAX]) {
        let at = leaf as usize * self.width;
        self.own[at..at + self.width].copy_from_slice(&own[..self.width]);
    }

    pub(crate) fn has_own(&self, leaf: u32, own: &[u32; OWNS_MAX]) -> bool {
        *self.own(leaf) == own[..self.width]
    }

    /// The regions that a leaf is in, from the widest.
    pub(crate) fn path(&self, leaf: u32) -> &[u32] {
        let at = self.cells[leaf as usize] as usize * self.depth;
        &self.regions[at..at + self.depth]
    }

    pub(crate) fn better(&self, a: Best, b: Best) -> Best {
        if a.is_none() || b.is_none() {
            return if a.is_none() { b } else { a };
        }
        match self.compare(a.leaf, b.leaf) {
            Ordering::Less => a,
            Ordering::Greater => b,
            Ordering::Equal => Best { leaf: a.leaf.min(b.leaf), ties: a.ties + b.ties },
        }
    }

    /// `Less` is better.
    pub(crate) fn compare(&self, a: u32, b: u32) -> Ordering {
        let (own_a, own_b) = (self.own(a), self.own(b));
        let mut next = 0;
        for term in &self.terms {
            let (x, y) = match *term {
                Term::Own(_) => {
                    next += 1;
                    (own_a[next - 1], own_b[next - 1])
                }
                Term::TasksOfValues(depth) => {
                    let tasks = |leaf| self.tasks[self.path(leaf)[depth - 1] as usize];
                    (tasks(a), tasks(b))
                }
            };
            match x.cmp(&y) {
                Ordering::Equal => {}
                decided if self.reverse => return decided.reverse(),
                decided => return decided,
            }
        }
        Ordering::Equal
    }
}
