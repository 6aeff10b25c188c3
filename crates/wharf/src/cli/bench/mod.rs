//! `wharf bench`: Wharf's figures beside those of its peers, measured in one run on one machine, interleaved. Figures of
//! different runs do not compare; the ratios in one run do.

mod density;
mod ingest;
mod lines;
mod million;
mod peers;
mod place;
mod rates;
mod runtime;
mod start;
mod stats;
mod subject;
mod throughput;

use super::{Common, output::Row};
use anyhow::{Result, bail};
use serde::Serialize;
use stats::Summary;
use std::process::ExitCode;

/// Options of `wharf bench`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Bench {
    #[command(subcommand)]
    large: Option<Large>,
    /// What to measure [default: everything]
    #[arg(value_enum)]
    what: Vec<What>,
    /// Rounds of each latency measurement
    #[arg(long, default_value_t = 50)]
    rounds: usize,
    /// Idle containers of the memory measurement
    #[arg(long, default_value_t = 50)]
    containers: usize,
    /// Tasks asked for at once in the throughput measurement
    #[arg(long, default_value_t = 200)]
    burst: usize,
    /// Stored tasks of the rate measurement, beside 100
    #[arg(long, default_value_t = 100_000)]
    tasks: usize,
    /// Lines of the ingestion measurement
    #[arg(long, default_value_t = 1_000_000)]
    lines: usize,
}

/// Measurements with options of their own; they run no containers and need no root.
#[derive(clap::Subcommand)]
enum Large {
    /// A million tasks from RunTask to the acknowledgement of simulated agents
    Million(million::Million),
    /// Tasks placed a second on one core, at several sizes of the cluster, and how full instances get
    Place,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// RunTask called to RUNNING seen, beside `docker run`
    Start,
    /// create, start, exit, delete, beside `crun run` and `runc run`
    Runtime,
    /// A container writes a line to GetLogEvents shows it
    Lines,
    /// Memory of the idle control plane and agent, and of each idle container
    Memory,
    /// Tasks a second from RunTask to RUNNING, and from StopTask to STOPPED
    Throughput,
    /// DescribeTasks and RunTask a second with few and many tasks stored
    Rates,
    /// Lines a second through PutLogEvents, and the time that FilterLogEvents takes to look through them
    Ingest,
}

/// One figure.
#[derive(Serialize)]
pub struct Figure {
    /// What was measured.
    pub measured: String,
    /// Whose figure it is.
    pub of: String,
    /// The figure, with its unit.
    pub figure: String,
    /// Beside the first line of the same measurement.
    pub note: String,
}

impl Row for Figure {
    const HEAD: &'static [&'static str] = &["MEASURED", "OF", "FIGURE", "NOTE"];
    fn cells(&self) -> Vec<String> {
        vec![self.measured.clone(), self.of.clone(), self.figure.clone(), self.note.clone()]
    }
}

impl Figure {
    /// A latency; `beside` is the p50 that the ratio is against.
    fn latency(measured: &str, of: &str, summary: Summary, beside: Option<f64>) -> Self {
        let Summary { n, min_ms, p50_ms, p99_ms } = summary;
        Figure {
            measured: measured.into(),
            of: of.into(),
            figure: format!("p50 {p50_ms:.1} ms, min {min_ms:.1}, p99 {p99_ms:.1} (n={n})"),
            note: beside.map(|wharf| format!("wharf takes {:.2} of it", wharf / p50_ms)).unwrap_or_default(),
        }
    }
}

impl Bench {
    pub async fn run(self, common: &Common) -> Result<ExitCode> {
        match self.large {
            Some(Large::Million(million)) => return million.run(common).await,
            Some(Large::Place) => {
                common.output.rows(&place::measure())?;
                return Ok(ExitCode::SUCCESS);
            }
            None => {}
        }
        if !nix::unistd::geteuid().is_root() {
            bail!("the benchmarks run containers, which needs root; use sudo");
        }
        let wants = |what| self.what.is_empty() || self.what.contains(&what);
        let mut figures = Vec::new();
        if wants(What::Runtime) {
            figures.extend(runtime::measure(self.rounds).await?);
        }
        if wants(What::Start) {
            figures.extend(start::measure(self.rounds).await?);
        }
        if wants(What::Lines) {
            figures.extend(lines::measure(self.rounds).await?);
        }
        if wants(What::Throughput) {
            figures.extend(throughput::measure(self.burst).await?);
        }
        if wants(What::Memory) {
            figures.extend(density::measure(self.containers).await?);
        }
        if wants(What::Rates) {
            figures.extend(rates::measure(self.tasks).await?);
        }
        if wants(What::Ingest) {
            figures.extend(ingest::measure(self.lines).await?);
        }
        common.output.rows(&figures)?;
        Ok(ExitCode::SUCCESS)
    }
}
