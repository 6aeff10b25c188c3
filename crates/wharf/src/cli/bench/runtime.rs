//! The runtime alone: create, start, exit and delete of a static program, beside `crun run` and `runc run`.

use super::Figure;
use super::peers::{OciPeer, write_program};
use super::stats::Series;
use agent_driver::{ContainerSpec, Networking, Runtime, RuntimeId, TaskSpec};
use agent_runtime::{OciRuntime, OciRuntimeConfig, SILENCE_MS};
use anyhow::{Result, ensure};
use std::path::Path;
use std::time::{Duration, Instant};

const MEASURED: &str = "create, start, exit, delete";

pub async fn measure(rounds: usize) -> Result<Vec<Figure>> {
    let dir = tempfile::tempdir()?;
    let layer = dir.path().join("layer");
    std::fs::create_dir(&layer)?;
    write_program(&layer)?;
    let runtime = OciRuntime::new(OciRuntimeConfig {
        state_dir: dir.path().join("state"),
        data_dir: dir.path().join("data"),
        shim: crate::host::embedded::shim_command(),
        cgroup_parent: format!("wharf-bench-{}", std::process::id()).into(),
        silence_ms: SILENCE_MS,
    })?;
    let mut peers = ["crun", "runc"]
        .into_iter()
        .filter_map(|n| OciPeer::find(n).transpose())
        .collect::<Result<Vec<_>>>()?;
    let (mut wharf, mut others) = (Series::default(), vec![Series::default(); peers.len()]);
    for round in 0..rounds {
        wharf.push(one_round(&runtime, &layer, round).await?);
        for (peer, series) in peers.iter_mut().zip(&mut others) {
            series.push(peer.run()?);
        }
    }
    runtime.teardown().await?;
    let Some(ours) = wharf.summary() else { return Ok(Vec::new()) };
    let mut figures = vec![Figure::latency(MEASURED, "wharf", ours, None)];
    for (peer, series) in peers.iter().zip(&others) {
        figures.extend(
            series
                .summary()
                .map(|s| Figure::latency(MEASURED, &format!("{} run", peer.name), s, Some(ours.p50_ms))),
        );
    }
    Ok(figures)
}

async fn one_round(runtime: &OciRuntime, layer: &Path, round: usize) -> Result<Duration> {
    let task = format!("{round:032x}");
    let id = RuntimeId(format!("{task}-0"));
    let spec = ContainerSpec {
        id: id.clone(),
        task: task.clone(),
        layers: vec![layer.to_owned()],
        args: vec!["/hello".into(), "true".into()],
        network: Networking { hostname: "bench".into(), ..Networking::default() },
        ..ContainerSpec::default()
    };
    let began = Instant::now();
    runtime.ensure_task(&TaskSpec { id: task.clone(), ..TaskSpec::default() }).await?;
    runtime.start(spec).await?;
    let exit = runtime.wait(&id).await?;
    runtime.remove(&id).await?;
    runtime.remove_task(&task).await?;
    let took = began.elapsed();
    ensure!(exit.code == 0, "the program exited with {}", exit.code);
    Ok(took)
}
