//! A host with its agent: the host goes on while the agent is killed and started again.

use crate::clock::WallClock;
use crate::dice::Dice;
use crate::drivers::{Hands, Strain};
use crate::ledger::{LedgerDisk, SimLedger};
use crate::life::Life;
use crate::site::Site;
use crate::upstream::Uplink;
use crate::world::World;
use agent::fake::{FakeHost, FakeIds};
use agent::{Agent, AgentConfig, Vault};
use model::instance::Resources;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What each host has.
pub const CPU_UNITS: u32 = 4096;
/// What each host has.
pub const MEMORY_MIB: u32 = 8192;

/// One host.
pub struct Node {
    /// Its number, and that of its path.
    pub index: usize,
    /// The cluster that its agent registers in.
    pub cluster: String,
    site: Site,
    /// What runs on it.
    pub host: Arc<FakeHost>,
    /// Its clock.
    pub clock: Arc<WallClock>,
    /// Its disk.
    pub disk: Arc<LedgerDisk>,
    /// What is wrong with its drivers.
    pub strain: Arc<Strain>,
    ids: Arc<FakeIds>,
    life: Mutex<Life>,
    boots: AtomicU64,
    /// Its agent is not started again.
    is_held_down: AtomicBool,
    /// Steps after which the next process of the agent dies; 0 is never.
    doom_of_next: AtomicU64,
}

impl Node {
    /// A host that was just switched on.
    pub fn new(seed: u64, index: usize, cluster: String, skips_one_sync_in: u64) -> Self {
        let clock = Arc::new(WallClock::new());
        let dice = Dice::new(seed, &format!("ledger {index}"));
        let host = FakeHost::new(clock.clone());
        // Reading the machine's CPU time is no part of a simulation.
        host.hide_stats();
        Self {
            index,
            cluster,
            site: Site::draw(seed, index),
            host,
            clock,
            disk: LedgerDisk::new(dice, skips_one_sync_in),
            strain: Strain::new(Dice::new(seed, &format!("drivers {index}"))),
            ids: Arc::new(FakeIds::new(Dice::new(seed, &format!("ids {index}")).pick(0..u64::MAX))),
            life: Mutex::default(),
            boots: AtomicU64::new(1),
            is_held_down: AtomicBool::new(false),
            doom_of_next: AtomicU64::new(0),
        }
    }

    /// The agent's process.
    pub fn life(&self) -> Life {
        self.life.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The host loses its power and is booted anew: its containers are gone.
    pub fn reboot(&self) {
        self.life().cut_power();
        self.disk.lose_power();
        self.host.reboot();
        self.boots.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps the agent down, or lets it come back.
    pub fn hold_down(&self, is_down: bool) {
        self.is_held_down.store(is_down, Ordering::Relaxed);
    }

    /// The agent's next process dies after so many steps, early in its life.
    pub fn doom_next(&self, steps: u64) {
        self.doom_of_next.store(steps, Ordering::Relaxed);
    }

    /// What the host, or its agent's ledger, has of tasks that do not live, or lacks of those that do. `live` are the tasks
    /// that run somewhere, and whether it is here.
    pub fn disagreement(&self, live: &BTreeMap<String, bool>) -> Option<String> {
        let index = self.index;
        let is_stray = |task: &&String| !live.contains_key(*task);
        if let Some(task) = self.host.tasks().iter().find(is_stray) {
            return Some(format!("host {index} has something of task {task}"));
        }
        if let Some(task) = self.disk.live_tasks().iter().find(is_stray) {
            return Some(format!("the ledger of host {index} has task {task}"));
        }
        let unknown = live.iter().find(|(task, is_here)| **is_here && !self.disk.holds(task));
        unknown.map(|(task, _)| format!("the ledger of host {index} lacks task {task}"))
    }

    /// Starts the agent again whenever it ends, for ever.
    pub async fn supervise(world: Arc<World>, index: usize) {
        let dice = Dice::new(world.seed, &format!("node {index}"));
        let node = &world.nodes()[index];
        loop {
            let life = Life::new();
            *node.life.lock().unwrap_or_else(PoisonError::into_inner) = life.clone();
            world.trace.note(format_args!("node {index}: agent starts"));
            match node.doom_of_next.swap(0, Ordering::Relaxed) {
                0 => {}
                steps => life.doom(steps),
            }
            let (agent, ended) = (node.agent(&world, &life), life.clone());
            let of = world.clone();
            life.spawn(async move {
                if let Err(error) = agent.run(std::future::pending()).await {
                    of.trace.note(format_args!("node {index}: agent ends: {error}"));
                }
                ended.kill();
            });
            life.died().await;
            world.trace.note(format_args!("node {index}: agent is dead"));
            tokio::time::sleep(dice.millis(10..3_000)).await;
            while node.is_held_down.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    fn agent(&self, world: &Arc<World>, life: &Life) -> Agent {
        let config = AgentConfig {
            cluster: self.cluster.clone(),
            data_dir: "/var/lib/wharf".into(),
            hostname: format!("host-{}", self.index),
            resources: Resources { cpu_units: CPU_UNITS, memory_mib: MEMORY_MIB, ..Resources::default() },
            availability_zone: None,
            any_zone: false,
            serves_fargate: false,
            attributes: BTreeMap::new(),
        };
        let config = self.site.describe(config);
        let boot_id = format!("boot-{}", self.boots.load(Ordering::Relaxed));
        let ledger = SimLedger { disk: self.disk.clone(), life: life.clone(), boot_id };
        let uplink = Uplink { world: world.clone(), node: self.index, life: life.clone() };
        let (host, strain) = (self.host.clone(), self.strain.clone());
        let hands = Hands { world: world.clone(), host, strain, life: life.clone() };
        Agent::new(
            config,
            hands.drivers(),
            Arc::new(uplink),
            Arc::new(ledger),
            Vault::default(),
            self.clock.clone(),
            self.ids.clone(),
        )
    }
}
