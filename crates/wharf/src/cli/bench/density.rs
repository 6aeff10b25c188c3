//! Memory: of the idle control plane and agent, and of each idle container with everything counted.

use super::Figure;
use super::subject::{Subject, default_network};
use anyhow::{Context, Result};
use std::fs;
use std::time::Duration;
use wire::ecs::{
    ContainerDefinition, LaunchType, NetworkMode, RegisterTaskDefinitionRequest, RunTaskRequest,
};

/// RunTask takes this many at once.
const BATCH: usize = 10;
/// What the memory of the machine is read after: the containers are silent, so their shims rest by then.
const SETTLE: Duration = Duration::from_millis(agent_runtime::SILENCE_MS as u64 + 5_000);

pub async fn measure(containers: usize) -> Result<Vec<Figure>> {
    let subject = Subject::start().await?;
    subject.register(&definition()).await?;
    // One task first: pools, caches and the unpacked image are no cost of the next ones.
    let first = run(&subject, 1).await?;
    subject.stop(&first).await?;
    tokio::time::sleep(SETTLE).await;
    let idle_kib = status_kib(subject.pid()?, "VmRSS")?;
    let before = Memory::read(&subject)?;
    let mut arns = Vec::new();
    while arns.len() < containers {
        arns.extend(run(&subject, BATCH.min(containers - arns.len())).await?);
    }
    tokio::time::sleep(SETTLE).await;
    let after = Memory::read(&subject)?;
    subject.stop(&arns).await?;
    subject.end().await?;
    let each = |before_kib: f64, after_kib: f64| (after_kib - before_kib) / containers as f64;
    let figure = |measured: &str, kib: f64, note: &str| Figure {
        measured: measured.into(),
        of: "wharf".into(),
        figure: format!("{:.2} MB", kib * 1024.0 / 1e6),
        note: note.into(),
    };
    Ok(vec![
        figure("control plane and agent, idle", idle_kib, "RSS of `wharf up`"),
        figure(
            "each idle container",
            each(after.available_kib, before.available_kib),
            "MemAvailable of the machine, everything counted",
        ),
        figure(
            "each idle container, user space",
            each(before.shims_kib, after.shims_kib),
            "PSS of its shim and its program",
        ),
        figure("each idle container, in `wharf up`", each(before.up_kib, after.up_kib), "growth of its RSS"),
    ])
}

async fn run(subject: &Subject, count: usize) -> Result<Vec<String>> {
    let request = RunTaskRequest {
        task_definition: "bench-idle".into(),
        launch_type: Some(LaunchType::Ec2),
        network_configuration: Some(default_network()),
        count: Some(i32::try_from(count)?),
        ..Default::default()
    };
    let arns: Vec<String> =
        subject.run_task(&request).await?.into_iter().filter_map(|t| t.task_arn).collect();
    subject.wait_for(&arns, "RUNNING", Duration::from_secs(60)).await?;
    Ok(arns)
}

/// EC2 tasks without a CPU reservation: only memory limits how many fit.
fn definition() -> RegisterTaskDefinitionRequest {
    let container = ContainerDefinition {
        name: Some("main".into()),
        image: Some("wharf/hello".into()),
        command: Some(vec!["sleep".into(), "3600".into()]),
        memory: Some(6),
        ..Default::default()
    };
    RegisterTaskDefinitionRequest {
        family: "bench-idle".into(),
        network_mode: Some(NetworkMode::Awsvpc),
        container_definitions: vec![container],
        ..Default::default()
    }
}

/// Where the memory is, in KiB.
struct Memory {
    available_kib: f64,
    shims_kib: f64,
    up_kib: f64,
}

impl Memory {
    fn read(subject: &Subject) -> Result<Self> {
        let meminfo = fs::read_to_string("/proc/meminfo")?;
        let up = subject.pid()?;
        let shims: f64 = descendants_of_shims().iter().filter_map(|pid| pss_kib(*pid)).sum();
        Ok(Self {
            available_kib: field(&meminfo, "MemAvailable").context("MemAvailable")?,
            shims_kib: shims,
            up_kib: status_kib(up, "VmRSS")?,
        })
    }
}

/// Every shim of this binary, and its children.
fn descendants_of_shims() -> Vec<u32> {
    let mut found = Vec::new();
    for pid in pids() {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if command.split(|b| *b == 0).nth(1) == Some(b"shim") {
            found.push(pid);
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|c| c.parse::<u32>().ok()));
        }
    }
    found
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().to_str()?.parse().ok())
}

fn pss_kib(pid: u32) -> Option<f64> {
    field(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?, "Pss")
}

fn status_kib(pid: u32, name: &str) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    field(&text, name).with_context(|| format!("{name} of process {pid}"))
}

fn field(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find(|l| l.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
