//! What a simulation is like: given, or drawn from the seed.

use crate::dice::Dice;
use std::time::Duration;

/// A bug that is planted at the edge of the system, to show that the simulator finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The control plane's disk skips syncs.
    SkippedSync,
    /// The agents' disks skip syncs.
    SkippedLedgerSync,
    /// The network swallows an agent's acknowledgement, and the link lives on.
    DroppedAck,
    /// The network delivers a RunTask twice.
    DoubledDelivery,
}

/// What a simulation is like.
#[derive(Clone, Debug)]
pub struct Knobs {
    /// Hosts.
    pub nodes: usize,
    /// Clusters, over which the hosts are spread evenly.
    pub clusters: usize,
    /// How long there is load, and how long there are faults.
    pub duration: Duration,
    /// From one call of the client to the next, on average.
    pub call_interval: Duration,
    /// About so many tasks are kept running.
    pub tasks: usize,
    /// From one fault to the next, on average; `None` is a world without faults.
    pub fault_interval: Option<Duration>,
    /// Which faults there are, by weight.
    pub faults: FaultWeights,
    /// Whether agents send telemetry.
    pub telemetry: bool,
    /// The planted bug.
    pub plant: Option<Plant>,
}

/// How often each fault comes, compared with the others.
#[derive(Clone, Debug)]
pub struct FaultWeights {
    /// An agent is killed, at whichever step it is.
    pub agent_crash: u64,
    /// A host loses its power.
    pub host_crash: u64,
    /// The control plane is killed, at whichever step it is.
    pub control_crash: u64,
    /// A path is cut, one way or both.
    pub partition: u64,
    /// A path is slow.
    pub slow_path: u64,
    /// A path loses calls.
    pub lossy_path: u64,
    /// An image is pulled slowly, or not at all, on one host.
    pub slow_pull: u64,
    /// A container ends by itself.
    pub exit: u64,
    /// A wall clock jumps.
    pub clock_jump: u64,
    /// A disk is slow or has no room.
    pub disk: u64,
}

impl FaultWeights {
    /// All of them.
    pub fn all() -> Self {
        Self {
            agent_crash: 10,
            host_crash: 3,
            control_crash: 6,
            partition: 8,
            slow_path: 6,
            lossy_path: 6,
            slow_pull: 6,
            exit: 8,
            clock_jump: 3,
            disk: 4,
        }
    }

    /// In the order of the fields.
    pub fn list(&self) -> [u64; 10] {
        [
            self.agent_crash,
            self.host_crash,
            self.control_crash,
            self.partition,
            self.slow_path,
            self.lossy_path,
            self.slow_pull,
            self.exit,
            self.clock_jump,
            self.disk,
        ]
    }
}

impl Knobs {
    /// A small world, another one for each seed: some have no telemetry, some lack kinds of faults.
    pub fn swarm(seed: u64) -> Self {
        let dice = Dice::new(seed, "knobs");
        let nodes = 1 + dice.pick(0..9) as usize;
        let mut faults = FaultWeights::all();
        for weight in [
            &mut faults.agent_crash,
            &mut faults.host_crash,
            &mut faults.control_crash,
            &mut faults.partition,
            &mut faults.slow_path,
            &mut faults.lossy_path,
            &mut faults.slow_pull,
            &mut faults.exit,
            &mut faults.clock_jump,
            &mut faults.disk,
        ] {
            if dice.one_in(3) {
                *weight = 0;
            }
        }
        Self {
            nodes,
            clusters: 1 + dice.pick(0..2).min(nodes as u64 - 1) as usize,
            duration: Duration::from_secs(dice.pick(60..600)),
            call_interval: dice.millis(100..3_000),
            tasks: nodes * dice.pick(2..12) as usize,
            fault_interval: (faults.list().iter().sum::<u64>() > 0).then(|| dice.millis(500..20_000)),
            faults,
            telemetry: dice.one_in(3),
            plant: None,
        }
    }
}
