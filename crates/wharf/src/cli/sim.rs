//! `wharf sim`: the simulator, for those who look for bugs and for those who want to see a cluster at work.

use anyhow::{Context, Result, bail};
use clap::Args;
use sim::{Knobs, Plant, Size};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Options of `wharf sim`.
#[derive(Args)]
pub struct Sim {
    /// From which everything follows; the same seed gives the same run
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// So many seeds, one after the other
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    seeds: u64,
    /// Container instances [default: a few, as the seed has it]
    #[arg(long)]
    nodes: Option<usize>,
    /// About so many tasks are kept running; needs --nodes [default: 8 for each instance]
    #[arg(long, requires = "nodes")]
    tasks: Option<usize>,
    /// Minutes of simulated load; needs --nodes
    #[arg(long, requires = "nodes", default_value_t = 60)]
    minutes: u64,
    /// No faults; needs --nodes
    #[arg(long, requires = "nodes")]
    calm: bool,
    /// Draw the run into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print everything that happens to standard error
    #[arg(long)]
    trace: bool,
    /// Plant a bug: skipped-sync, skipped-ledger-sync, dropped-ack, doubled-delivery, early-answer, late-effect or ghost-ack
    #[arg(long, value_name = "BUG")]
    plant: Option<String>,
}

impl Sim {
    /// Runs the seeds; the first that breaks an invariant ends it.
    pub fn run(&self) -> Result<ExitCode> {
        for seed in self.seed..self.seed.saturating_add(self.seeds) {
            let outcome = sim::run(seed, self.knobs(seed)?, self.trace)?;
            println!("{outcome}");
            if let Some(path) = &self.svg {
                std::fs::write(path, outcome.svg()).with_context(|| format!("writing {}", path.display()))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn knobs(&self, seed: u64) -> Result<Knobs> {
        let mut knobs = match self.nodes {
            None => Knobs::swarm(seed),
            Some(0) => bail!("--nodes is at least 1"),
            Some(nodes) => Knobs::sized(Size {
                nodes,
                tasks: self.tasks.unwrap_or(nodes * 8),
                duration: Duration::from_secs(self.minutes * 60),
                has_faults: !self.calm,
            }),
        };
        if let Some(name) = &self.plant {
            let plant = Plant::parse(name);
            knobs.plant = Some(plant.with_context(|| format!("there is no bug `{name}` to plant"))?);
        }
        Ok(knobs)
    }
}
