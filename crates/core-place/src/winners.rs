//! A tree of matches: who is the best of a row of contestants, kept while single contestants change.

/// No contestant.
pub(crate) const NOBODY: u32 = u32::MAX;

/// The best of some contestants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Best {
    /// The leaf with the smallest number of those that nothing is better than; [`NOBODY`] when none takes part.
    pub(crate) leaf: u32,
    /// The weights of all that are as good, together.
    pub(crate) ties: u32,
}

impl Best {
    pub(crate) const NONE: Self = Self { leaf: NOBODY, ties: 0 };

    pub(crate) fn is_none(self) -> bool {
        self.leaf == NOBODY
    }
}

/// A complete binary tree over seats 0 to n-1, each inner node the better of its two: a change costs O(log n) matches and
/// often only a few, reading the best costs nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Winners {
    /// The root is at 1, the seats begin at the middle.
    nodes: Vec<Best>,
}

impl Winners {
    /// These contestants, instead of those before: all matches are made anew.
    pub(crate) fn seat(&mut self, seats: &[Best], better: impl Fn(Best, Best) -> Best) {
        let size = seats.len().next_power_of_two();
        self.nodes.resize(size * 2, Best::NONE);
        self.nodes[size..size + seats.len()].copy_from_slice(seats);
        for i in (1..size).rev() {
            self.nodes[i] = better(self.nodes[2 * i], self.nodes[2 * i + 1]);
        }
    }

    /// The best of all.
    pub(crate) fn best(&self) -> Best {
        self.nodes[1]
    }

    /// A seat has changed, or what its contestant is judged by has. Says whether that may matter to whoever looks at
    /// [`Winners::best`].
    pub(crate) fn set(&mut self, seat: u32, best: Best, better: impl Fn(Best, Best) -> Best) -> bool {
        let mut i = self.nodes.len() / 2 + seat as usize;
        self.nodes[i] = best;
        while i > 1 {
            i /= 2;
            let new = better(self.nodes[2 * i], self.nodes[2 * i + 1]);
            // Somebody else was and is the best here: whatever is above has been decided without the changed seat.
            if new == self.nodes[i] && new.leaf != best.leaf {
                return false;
            }
            self.nodes[i] = new;
        }
        true
    }

    /// The seat of the one that is `nth` by weight, from 0, among those as good as the best, in order of seats; with what
    /// is left of `nth` there.
    pub(crate) fn nth(&self, mut nth: u32, ties: impl Fn(u32, u32) -> bool) -> (u32, u32) {
        let size = self.nodes.len() / 2;
        let top = self.best().leaf;
        let mut i = 1;
        while i < size {
            let left = self.nodes[2 * i];
            let share = if !left.is_none() && ties(left.leaf, top) { left.ties } else { 0 };
            i *= 2;
            if nth >= share {
                nth -= share;
                i += 1;
            }
        }
        ((i - size) as u32, nth)
    }
}
