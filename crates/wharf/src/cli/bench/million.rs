//! `wharf bench million`: a million tasks, each asked for through the API, durable, assigned to an agent and acknowledged
//! by it, with a real control plane on a real disk and simulated agents on real websockets. All of it on this machine.

mod callers;
mod check;
mod fleet;
mod server;
mod tally;

use super::Figure;
use super::subject::default_network;
use crate::cli::Common;
use crate::cli::up::raise_open_files;
use anyhow::{Context, Result, bail, ensure};
use callers::Callers;
use fleet::Fleet;
use server::{Server, Usage};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tally::Tally;
use wire::ecs::{
    ContainerDefinition, CreateClusterRequest, NetworkConfiguration, PlacementStrategy,
    PlacementStrategyType, RegisterTaskDefinitionRequest,
};

const FAMILY: &str = "million";
/// Of each task.
const CPU_UNITS: usize = 10;
const MEMORY_MIB: usize = 8;
/// Without a task that moves on for so long, the run is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is to hold for a million tasks on two cores.
const RATE_MIN: f64 = 10_000.0;
const LAST_TENTH_MIN: f64 = 0.9;
const BYTES_PER_TASK_MAX: f64 = 2048.0;

/// Options of `wharf bench million`.
#[derive(clap::Args)]
pub struct Million {
    /// Tasks to run
    #[arg(long, default_value_t = 1_000_000)]
    tasks: usize,
    /// Simulated agents, each with room for its share of the tasks
    #[arg(long, default_value_t = 5000)]
    agents: usize,
    /// Clusters that the agents are dealt to
    #[arg(long, default_value_t = 1)]
    clusters: usize,
    /// RunTask calls under way at once, ten tasks each
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Network mode of the tasks; in bridge mode, ECS's default on instances, they need no address of the control plane
    #[arg(long, value_enum, default_value_t = Network::Bridge)]
    network: Network,
    /// Placement strategy of the calls
    #[arg(long, value_enum, default_value_t = Strategy::Default)]
    strategy: Strategy,
    /// Where the control plane's data directory is made, on a disk [default: the system's directory for temporary files]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Network {
    Bridge,
    None,
    Host,
    /// At most 8,182 tasks: the default VPC has so many addresses
    Awsvpc,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Strategy {
    /// None in the call: ECS spreads over zones
    Default,
    /// Over instances
    Spread,
    /// The fullest instance first, by memory
    Binpack,
    Random,
}

impl Network {
    fn mode(self) -> wire::ecs::NetworkMode {
        match self {
            Self::Bridge => wire::ecs::NetworkMode::Bridge,
            Self::None => wire::ecs::NetworkMode::None,
            Self::Host => wire::ecs::NetworkMode::Host,
            Self::Awsvpc => wire::ecs::NetworkMode::Awsvpc,
        }
    }

    fn configuration(self) -> Option<NetworkConfiguration> {
        (self == Self::Awsvpc).then(default_network)
    }
}

impl Strategy {
    fn to_request(self) -> Option<Vec<PlacementStrategy>> {
        let (kind, field) = match self {
            Self::Default => return None,
            Self::Spread => (PlacementStrategyType::Spread, Some("instanceId")),
            Self::Binpack => (PlacementStrategyType::Binpack, Some("memory")),
            Self::Random => (PlacementStrategyType::Random, None),
        };
        Some(vec![PlacementStrategy { r#type: Some(kind), field: field.map(str::to_owned) }])
    }
}

/// What a run came to.
struct Outcome {
    took: Duration,
    /// Of the control plane.
    before: Usage,
    after: Usage,
    /// Of this process: agents and callers.
    own_cpu: Duration,
    /// Tasks that the API showed as they should be.
    checked: usize,
    /// What was seen besides, before the end: at the end every link ends.
    oddities: BTreeMap<&'static str, usize>,
}

impl Million {
    pub async fn run(self, common: &Common) -> Result<ExitCode> {
        ensure!(self.tasks > 0 && self.agents > 0 && self.connections > 0, "nothing to measure");
        ensure!((1..=self.agents).contains(&self.clusters), "there is an agent or more for each cluster");
        raise_open_files();
        let scratch = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
        let server = Server::start(&scratch).await?;
        let tally = Arc::new(Tally::new(self.tasks));
        let outcome = self.measure(&server, &tally).await;
        let oddities = tally.seen().oddities.clone();
        server.end().await?;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => bail!("{error:#}; seen: {oddities:?}"),
        };
        common.output.rows(&self.figures(&outcome, &tally))?;
        ensure!(!tally.seen().is_wrong(), "tasks went astray: {oddities:?}");
        ensure!(outcome.checked == self.tasks, "the API lists {} of {} tasks", outcome.checked, self.tasks);
        Ok(ExitCode::SUCCESS)
    }

    async fn measure(&self, server: &Server, tally: &Arc<Tally>) -> Result<Outcome> {
        let client = &server.client;
        let clusters = self.prepare(server).await?;
        let share = i32::try_from(self.tasks.div_ceil(self.agents))?;
        let fleet = Fleet {
            size: self.agents,
            clusters: clusters.clone(),
            cpu_units: share * i32::try_from(CPU_UNITS)?,
            memory_mib: share * i32::try_from(MEMORY_MIB)?,
        };
        eprintln!("{} agents join", self.agents);
        let instances = fleet.join(client, tally).await.context("the agents' registration")?;
        let (before, own_before) = (server.usage()?, server::usage("self")?);
        tally.begin();
        let callers = Callers::new(self, client, &clusters, tally)?.run(self.connections);
        let complete = async {
            let complete = tally.all_complete(PATIENCE).await;
            complete.map_err(|n| anyhow::anyhow!("nothing moves any more; {n} tasks are complete"))
        };
        tokio::select! {
            ended = async { tokio::try_join!(callers, complete) } => drop(ended?),
            never = tally.tell_progress() => match never {},
        }
        check::wait_until_recorded(client, &clusters, tally.last_tasks()).await?;
        let took = tally.now();
        let (after, own_after) = (server.usage()?, server::usage("self")?);
        eprintln!("done; looking at every task through the API");
        let checked = check::every_task(client, &clusters, &instances, tally).await?;
        let oddities = tally.seen().oddities.clone();
        Ok(Outcome { took, before, after, own_cpu: own_after.cpu - own_before.cpu, checked, oddities })
    }

    /// Clusters and the definition.
    async fn prepare(&self, server: &Server) -> Result<Vec<String>> {
        let ecs = server.client.ecs();
        let clusters: Vec<String> = (0..self.clusters).map(|n| format!("million-{n}")).collect();
        for cluster in &clusters {
            let request = CreateClusterRequest { cluster_name: Some(cluster.clone()), ..Default::default() };
            ecs.create_cluster(&request).await?;
        }
        let container = ContainerDefinition {
            name: Some("main".to_owned()),
            image: Some("wharf/hello".to_owned()),
            cpu: Some(i32::try_from(CPU_UNITS)?),
            memory: Some(i32::try_from(MEMORY_MIB)?),
            ..ContainerDefinition::default()
        };
        let definition = RegisterTaskDefinitionRequest {
            family: FAMILY.to_owned(),
            network_mode: Some(self.network.mode()),
            container_definitions: vec![container],
            ..RegisterTaskDefinitionRequest::default()
        };
        ecs.register_task_definition(&definition).await?;
        Ok(clusters)
    }

    fn figures(&self, outcome: &Outcome, tally: &Tally) -> Vec<Figure> {
        let seen = tally.seen();
        let tasks = self.tasks as f64;
        let seconds = outcome.took.as_secs_f64();
        let figure = |measured: &str, figure: String, note: String| Figure {
            measured: measured.to_owned(),
            of: format!("wharf, {} agents", self.agents),
            figure,
            note,
        };
        let micros = |cpu: Duration| {
            format!("{:.1} s, {:.1} us a task", cpu.as_secs_f64(), cpu.as_secs_f64() * 1e6 / tasks)
        };
        let growth = outcome.after.rss.saturating_sub(outcome.before.rss) as f64 / tasks;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let mut figures = vec![
            figure(
                "tasks placed, durable, acknowledged",
                format!("{:.0}/s", tasks / seconds),
                format!(
                    "{} in {seconds:.1} s; {}. Nomad's C1M: 3,750/s on 5 servers",
                    self.tasks,
                    gate(tasks / seconds >= RATE_MIN, "a million in 100 s")
                ),
            ),
            figure(
                "memory of the control plane",
                format!("{growth:.0} bytes a task"),
                format!(
                    "{:.0} MiB after, {:.0} MiB before; {}",
                    mib(outcome.after.rss),
                    mib(outcome.before.rss),
                    gate(growth <= BYTES_PER_TASK_MAX, "2 KiB")
                ),
            ),
            figure("CPU of the control plane", micros(outcome.after.cpu - outcome.before.cpu), String::new()),
            figure("CPU of agents and callers", micros(outcome.own_cpu), "this process".to_owned()),
        ];
        if let Some((first, last)) = seen.tenths() {
            let note = format!(
                "{:.2} of the first tenth's {first:.0}/s; {}",
                last / first,
                gate(last >= LAST_TENTH_MIN * first, "0.9")
            );
            figures.push(figure("rate of the last tenth", format!("{last:.0}/s"), note));
        }
        let of = format!("wharf, {} calls at once", self.connections);
        for (measured, series) in [("RunTask", &seen.calls), ("RunTask to acknowledged", &seen.ways_taken)] {
            figures.extend(series.summary().map(|s| Figure::latency(measured, &of, s, None)));
        }
        let odd: Vec<String> = outcome.oddities.iter().map(|(what, n)| format!("{n} {what}")).collect();
        let odd = if odd.is_empty() { "nothing odd".to_owned() } else { odd.join(", ") };
        figures.push(figure("tasks that the API lists", outcome.checked.to_string(), odd));
        figures
    }
}

fn gate(is_met: bool, what: &str) -> String {
    format!("gate {what}: {}", if is_met { "met" } else { "missed" })
}

/// A task's id as the number that it is.
fn task_number(arn: &str) -> Result<u128> {
    let id = arn.rsplit('/').next().unwrap_or_default();
    u128::from_str_radix(id, 16).with_context(|| format!("no task's ARN: {arn}"))
}
