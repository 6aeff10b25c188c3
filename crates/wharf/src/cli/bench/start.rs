//! RunTask called → RUNNING seen by DescribeTasks: cached image, awsvpc, awslogs. Beside `docker run --detach` of the same
//! program, where a Docker daemon answers.

use super::Figure;
use super::peers::Docker;
use super::stats::Series;
use super::subject::{Subject, default_network};
use anyhow::Result;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use wire::ecs::{
    Compatibility, ContainerDefinition, LaunchType, LogConfiguration, LogDriver, NetworkMode,
    RegisterTaskDefinitionRequest, RunTaskRequest,
};

const MEASURED: &str = "RunTask to RUNNING";
const FAMILY: &str = "bench-start";
/// Where the tasks of the benchmarks log to.
pub const LOG_GROUP: &str = "/bench";
/// Begins the names of their streams.
pub const LOG_PREFIX: &str = "bench";

pub async fn measure(rounds: usize) -> Result<Vec<Figure>> {
    let subject = Subject::start().await?;
    let docker = Docker::find()?;
    subject.register(&definition(FAMILY, &["sleep", "3600"])).await?;
    let (mut wharf, mut peer) = (Series::default(), Series::default());
    one_round(&subject, &mut Series::default()).await?; // the first one unpacks the image
    for _ in 0..rounds {
        one_round(&subject, &mut wharf).await?;
        if let Some(docker) = &docker {
            peer.push(docker.run_detached()?);
        }
    }
    subject.end().await?;
    let Some(ours) = wharf.summary() else { return Ok(Vec::new()) };
    let mut figures = vec![Figure::latency(MEASURED, "wharf", ours, None)];
    figures.extend(
        peer.summary().map(|s| Figure::latency(MEASURED, "docker run --detach", s, Some(ours.p50_ms))),
    );
    Ok(figures)
}

async fn one_round(subject: &Subject, series: &mut Series) -> Result<()> {
    let began = Instant::now();
    let tasks = subject.run_task(&request(FAMILY)).await?;
    let arns: Vec<String> = tasks.into_iter().filter_map(|t| t.task_arn).collect();
    subject.wait_for(&arns, "RUNNING", Duration::from_secs(30)).await?;
    series.push(began.elapsed());
    subject.stop(&arns).await
}

/// One task of a definition, on Fargate.
pub fn request(family: &str) -> RunTaskRequest {
    RunTaskRequest {
        task_definition: family.into(),
        launch_type: Some(LaunchType::Fargate),
        network_configuration: Some(default_network()),
        ..Default::default()
    }
}

/// A task of the built-in image that logs.
pub fn definition(family: &str, command: &[&str]) -> RegisterTaskDefinitionRequest {
    let options = [
        ("awslogs-group", LOG_GROUP),
        ("awslogs-region", "us-east-1"),
        ("awslogs-stream-prefix", LOG_PREFIX),
        ("awslogs-create-group", "true"),
    ];
    let container = ContainerDefinition {
        name: Some("main".into()),
        image: Some("wharf/hello".into()),
        command: Some(command.iter().map(|word| (*word).to_owned()).collect()),
        log_configuration: Some(LogConfiguration {
            log_driver: LogDriver::Awslogs,
            options: Some(
                options.map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter().collect::<BTreeMap<_, _>>(),
            ),
        }),
        ..Default::default()
    };
    RegisterTaskDefinitionRequest {
        family: family.into(),
        network_mode: Some(NetworkMode::Awsvpc),
        requires_compatibilities: Some(vec![Compatibility::Fargate]),
        cpu: Some("256".into()),
        memory: Some("512".into()),
        container_definitions: vec![container],
        ..Default::default()
    }
}
