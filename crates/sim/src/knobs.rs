//! What a simulation is like: given, or drawn from the seed.

use crate::dice::Dice;
use crate::faults::FaultWeights;
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
    /// The control plane's committer shows and answers what is not synced yet.
    EarlyAnswer,
    /// A driver's call outlives the agent that made it, and has its effect late.
    LateEffect,
    /// Somebody on the way acknowledges a payload that the breaking link has lost.
    GhostAck,
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
    /// How often the client makes its rarer calls.
    pub calls: CallWeights,
    /// Whether the client has placement constraints and strategies.
    pub placement: bool,
    /// Whether it runs tasks on Fargate.
    pub fargate: bool,
    /// Whether it has capacity providers.
    pub capacity_providers: bool,
    /// Whether agents send telemetry.
    pub telemetry: bool,
    /// The planted bug.
    pub plant: Option<Plant>,
    /// What a person chose.
    pub size: Option<Size>,
}

/// How often the client makes its rarer calls: it runs and stops tasks 70 times, starts 5 and registers definitions 6 times
/// for so many of each.
#[derive(Clone, Debug)]
pub struct CallWeights {
    /// INACTIVE task definitions are deleted.
    pub delete_definitions: u64,
    /// A container instance is deregistered.
    pub deregister_instance: u64,
    /// Container instances are drained, or made ACTIVE again.
    pub drain: u64,
    /// A container instance gets an attribute, or loses it.
    pub describe_instance: u64,
    /// A cluster's capacity providers change.
    pub put_capacity_providers: u64,
}

impl CallWeights {
    /// All of them.
    pub fn all() -> Self {
        Self {
            delete_definitions: 2,
            deregister_instance: 1,
            drain: 4,
            describe_instance: 2,
            put_capacity_providers: 1,
        }
    }

    /// In the order of the fields.
    pub fn list(&self) -> [u64; 5] {
        [
            self.delete_definitions,
            self.deregister_instance,
            self.drain,
            self.describe_instance,
            self.put_capacity_providers,
        ]
    }
}

impl Plant {
    /// All of them.
    pub const ALL: [Plant; 7] = [
        Self::SkippedSync,
        Self::SkippedLedgerSync,
        Self::DroppedAck,
        Self::DoubledDelivery,
        Self::EarlyAnswer,
        Self::LateEffect,
        Self::GhostAck,
    ];

    /// As the command line has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SkippedSync => "skipped-sync",
            Self::SkippedLedgerSync => "skipped-ledger-sync",
            Self::DroppedAck => "dropped-ack",
            Self::DoubledDelivery => "doubled-delivery",
            Self::EarlyAnswer => "early-answer",
            Self::LateEffect => "late-effect",
            Self::GhostAck => "ghost-ack",
        }
    }

    /// The plant of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|plant| plant.as_str() == text)
    }
}

/// What a person chooses of a world; the rest follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Hosts.
    pub nodes: usize,
    /// About so many tasks are kept running.
    pub tasks: usize,
    /// How long there is load.
    pub duration: Duration,
    /// Whether there are faults.
    pub has_faults: bool,
}

impl Knobs {
    /// The arguments of `wharf sim` that make this world.
    pub fn arguments(&self, seed: u64) -> String {
        let mut text = format!("--seed {seed}");
        if let Some(size) = self.size {
            let calm = if size.has_faults { "" } else { " --calm" };
            let minutes = size.duration.as_secs().div_ceil(60);
            text += &format!(" --nodes {} --tasks {} --minutes {minutes}{calm}", size.nodes, size.tasks);
        }
        if let Some(plant) = self.plant {
            text += &format!(" --plant {}", plant.as_str());
        }
        text
    }

    /// A world of a chosen size, with every kind of fault or none, and calls as often as its tasks need.
    pub fn sized(size: Size) -> Self {
        // Each task is replaced once in an hour.
        let call_interval = Duration::from_secs(3600) / u32::try_from(size.tasks.max(1)).unwrap_or(u32::MAX);
        Self {
            nodes: size.nodes.max(1),
            clusters: 1,
            duration: size.duration,
            call_interval: call_interval.clamp(Duration::from_millis(20), Duration::from_secs(2)),
            tasks: size.tasks,
            fault_interval: size.has_faults.then_some(Duration::from_secs(20)),
            faults: FaultWeights::all(),
            calls: CallWeights::all(),
            placement: true,
            fargate: true,
            capacity_providers: true,
            // Signatures of telemetry cost as much as all else together; the small worlds have it.
            telemetry: false,
            plant: None,
            size: Some(size),
        }
    }

    /// A small world, another one for each seed: some have no telemetry, some lack kinds of faults.
    pub fn swarm(seed: u64) -> Self {
        let dice = Dice::new(seed, "knobs");
        let nodes = 1 + dice.pick(0..9) as usize;
        let faults = FaultWeights::some(&dice);
        let (mut calls, capacity_providers) = (CallWeights::all(), !dice.one_in(3));
        for weight in [&mut calls.delete_definitions, &mut calls.drain, &mut calls.describe_instance] {
            if dice.one_in(3) {
                *weight = 0;
            }
        }
        calls.put_capacity_providers *= u64::from(capacity_providers);
        Self {
            nodes,
            clusters: 1 + dice.pick(0..2).min(nodes as u64 - 1) as usize,
            duration: Duration::from_secs(dice.pick(60..600)),
            call_interval: dice.millis(100..3_000),
            tasks: nodes * dice.pick(2..12) as usize,
            fault_interval: faults.has_any().then(|| dice.millis(500..20_000)),
            faults,
            calls,
            placement: !dice.one_in(4),
            fargate: !dice.one_in(3),
            capacity_providers,
            telemetry: dice.one_in(3),
            plant: None,
            size: None,
        }
    }
}
