//! Which faults there are, and how often each comes.

use crate::dice::Dice;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An agent is killed, at whichever step it is.
    AgentCrash,
    /// A host loses its power.
    HostCrash,
    /// The control plane is killed, at whichever step it is.
    ControlCrash,
    /// A path is cut, one way or both.
    Partition,
    /// A path is slow.
    SlowPath,
    /// A path loses calls.
    LossyPath,
    /// The links over a path break.
    BrokenLink,
    /// An image is pulled slowly, or not at all, on one host.
    SlowPull,
    /// A container ends by itself.
    Exit,
    /// A wall clock jumps.
    ClockJump,
    /// A disk is slow, has no room, or fails to sync.
    Disk,
    /// The control plane is killed while its disk syncs.
    SyncCrash,
    /// An agent is killed over a call to a driver: before the call has its effect, or after.
    DriverCrash,
    /// The drivers of a host are slow, and fail, with their effect or without.
    BadHost,
    /// Single frames of a path's links take long, and those behind them wait.
    StalledFrames,
    /// The control plane's messages come again, later, on the same link.
    RepeatedMessages,
    /// An agent's calls are delivered again, later than others.
    DoubledCalls,
    /// A link breaks at the agent's end; the other end goes on for a while, and gets late what was on its way.
    LingeringLink,
    /// A link breaks right after it has delivered a frame, so that the answer is lost.
    LostAnswer,
}

/// In the order of their declaration, each with its name and its weight.
const KINDS: [(Fault, &str, u64); 19] = [
    (Fault::AgentCrash, "agent crash", 10),
    (Fault::HostCrash, "host crash", 3),
    (Fault::ControlCrash, "control plane crash", 6),
    (Fault::Partition, "partition", 8),
    (Fault::SlowPath, "slow path", 6),
    (Fault::LossyPath, "lossy path", 6),
    (Fault::BrokenLink, "broken link", 5),
    (Fault::SlowPull, "bad pull", 6),
    (Fault::Exit, "container exit", 8),
    (Fault::ClockJump, "clock jump", 3),
    (Fault::Disk, "bad disk", 6),
    (Fault::SyncCrash, "crash over a sync", 4),
    (Fault::DriverCrash, "crash over a driver's call", 8),
    (Fault::BadHost, "bad host", 5),
    (Fault::StalledFrames, "stalled frames", 5),
    (Fault::RepeatedMessages, "repeated messages", 5),
    (Fault::DoubledCalls, "doubled calls", 6),
    (Fault::LingeringLink, "lingering link", 5),
    (Fault::LostAnswer, "lost answer", 6),
];

impl Fault {
    /// As a report has it.
    pub fn as_str(self) -> &'static str {
        KINDS[self as usize].1
    }
}

/// How often each fault comes, compared with the others.
#[derive(Clone, Debug)]
pub struct FaultWeights([u64; KINDS.len()]);

impl FaultWeights {
    /// All of them.
    pub fn all() -> Self {
        Self(KINDS.map(|(_, _, weight)| weight))
    }

    /// Without one of them.
    pub fn without(mut self, fault: Fault) -> Self {
        self.0[fault as usize] = 0;
        self
    }

    /// Some of them, as the dice have it.
    pub fn some(dice: &Dice) -> Self {
        Self(Self::all().0.map(|weight| if dice.one_in(3) { 0 } else { weight }))
    }

    /// Whether there is one.
    pub fn has_any(&self) -> bool {
        self.0.iter().any(|weight| *weight > 0)
    }

    /// One of them, by weight.
    pub fn draw(&self, dice: &Dice) -> Fault {
        KINDS[dice.weighted(&self.0)].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_at_its_place() {
        assert!(KINDS.iter().enumerate().all(|(at, (fault, ..))| *fault as usize == at));
    }
}
