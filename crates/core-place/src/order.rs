//! What a strategy looks at, in order.

use crate::host::{GroupId, Host};
use model::instance::ATTRIBUTE_AVAILABILITY_ZONE;
use model::placement::{BinpackField, PlacementStrategy};

/// One thing that decides between two hosts; the smaller is the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    /// Tasks of the group on all hosts that have the same values of the first so many attributes.
    TasksOfValues(usize),
    /// Something of the host's own.
    Own(Own),
}

/// How many kinds of [`Own`] there are; an order has each once at most.
pub(crate) const OWNS_MAX: usize = 5;

/// What a host is judged by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// Tasks of the group.
    TasksOfGroup,
    /// CPU units left.
    FreeCpu,
    /// Memory left.
    FreeMemory,
    /// Tasks of whatever group.
    Tasks,
    /// Memory taken, so to say: the more is left, the better.
    NoFreeMemory,
}

/// A strategy, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// The attributes that tasks are spread over, from the widest to the narrowest.
    pub(crate) attributes: Vec<String>,
    /// In order of weight.
    pub(crate) terms: Vec<Term>,
    /// Whether chance decides between those that are equal so far.
    pub(crate) random: bool,
}

impl Order {
    /// A strategy that is empty is the default one. One that ends in `spread` goes on as ECS documents it for the
    /// default: the host with the fewest tasks of the group, then (undocumented) the fewest tasks, then the most memory
    /// left.
    pub(crate) fn new(strategy: &[PlacementStrategy]) -> Self {
        let default = [PlacementStrategy::Spread(ATTRIBUTE_AVAILABILITY_ZONE.to_owned())];
        let strategy = if strategy.is_empty() { &default } else { strategy };
        let mut order = Self::default();
        for rule in strategy {
            match rule {
                PlacementStrategy::Random => {
                    order.random = true;
                    return order;
                }
                PlacementStrategy::Binpack(BinpackField::Cpu) => order.push(Own::FreeCpu),
                PlacementStrategy::Binpack(BinpackField::Memory) => order.push(Own::FreeMemory),
                PlacementStrategy::Spread(field) => order.spread(field),
            }
        }
        if let Some(PlacementStrategy::Spread(_)) = strategy.last() {
            [Own::TasksOfGroup, Own::Tasks, Own::NoFreeMemory].into_iter().for_each(|own| order.push(own));
        }
        order
    }

    fn spread(&mut self, field: &str) {
        let name = field.strip_prefix("attribute:").unwrap_or(field);
        if name == "instanceId" || name == "host" {
            self.push(Own::TasksOfGroup);
        } else if !self.attributes.iter().any(|known| known == name) {
            self.attributes.push(name.to_owned());
            self.terms.push(Term::TasksOfValues(self.attributes.len()));
        }
    }

    /// What has been asked before cannot decide any more.
    fn push(&mut self, own: Own) {
        if !self.terms.contains(&Term::Own(own)) {
            self.terms.push(Term::Own(own));
        }
    }

    /// Whether any term counts the tasks of the group.
    pub(crate) fn counts_group(&self) -> bool {
        let counts = |term: &Term| matches!(term, Term::TasksOfValues(_) | Term::Own(Own::TasksOfGroup));
        self.terms.iter().any(counts)
    }

    /// How many terms are a host's own.
    pub(crate) fn owns(&self) -> usize {
        self.own().count()
    }

    /// Those terms.
    pub(crate) fn own(&self) -> impl Iterator<Item = Own> {
        self.terms.iter().filter_map(|term| match term {
            Term::Own(own) => Some(*own),
            Term::TasksOfValues(_) => None,
        })
    }
}

/// What a host has that its own terms look at.
#[derive(Clone, Copy)]
pub(crate) struct State {
    pub(crate) tasks_of_group: u32,
    pub(crate) tasks: u32,
    pub(crate) free_cpu: u64,
    pub(crate) free_memory: u64,
}

impl State {
    pub(crate) fn of(host: &Host, group: GroupId) -> Self {
        let (free_cpu, free_memory) = (host.free_cpu_units(), host.free_memory_mib());
        Self { tasks_of_group: host.used.of_group(group), tasks: host.used.tasks, free_cpu, free_memory }
    }

    /// By the order's own terms, in its order, then zeros. The smaller, the better.
    pub(crate) fn judged(&self, order: &Order) -> [u32; OWNS_MAX] {
        let mut own = [0; OWNS_MAX];
        own.iter_mut().zip(order.own()).for_each(|(number, term)| *number = self.judged_by(term));
        own
    }

    fn judged_by(&self, own: Own) -> u32 {
        let fits = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        match own {
            Own::TasksOfGroup => self.tasks_of_group,
            Own::FreeCpu => fits(self.free_cpu),
            Own::FreeMemory => fits(self.free_memory),
            Own::Tasks => self.tasks,
            Own::NoFreeMemory => u32::MAX - fits(self.free_memory),
        }
    }
}
