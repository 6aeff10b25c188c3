//! How many tasks a second get from RunTask to RUNNING, and from StopTask to STOPPED, when many are asked for at once: each with
//! an address of its own and a log stream, on EC2 capacity without a CPU reservation.

use super::Figure;
use super::start;
use super::subject::{Subject, default_network};
use anyhow::Result;
use std::time::{Duration, Instant};
use wire::ecs::{LaunchType, RegisterTaskDefinitionRequest, RunTaskRequest};

const FAMILY: &str = "bench-throughput";
/// RunTask takes this many.
const BATCH: usize = 10;
/// All of them are to have come this far by then.
const PATIENCE: Duration = Duration::from_secs(120);

pub async fn measure(tasks: usize) -> Result<Vec<Figure>> {
    let subject = Subject::start().await?;
    subject.register(&definition()).await?;
    // One batch first: it unpacks the image and fills the pools.
    let first = run(&subject, BATCH).await?;
    subject.wait_for(&first, "RUNNING", PATIENCE).await?;
    subject.stop(&first).await?;
    let began = Instant::now();
    let arns = run(&subject, tasks).await?;
    subject.wait_for(&arns, "RUNNING", PATIENCE).await?;
    let running = began.elapsed();
    let began = Instant::now();
    subject.stop(&arns).await?;
    let stopped = began.elapsed();
    subject.end().await?;
    let figure = |measured: &str, took: Duration| Figure {
        measured: measured.into(),
        of: "wharf".into(),
        figure: format!("{:.0}/s", tasks as f64 / took.as_secs_f64()),
        note: format!("{tasks} tasks in {:.1} s", took.as_secs_f64()),
    };
    Ok(vec![figure("tasks started, awsvpc and awslogs", running), figure("tasks stopped", stopped)])
}

/// Asks for as many, batch after batch, without waiting for any to start.
async fn run(subject: &Subject, count: usize) -> Result<Vec<String>> {
    let mut arns = Vec::new();
    while arns.len() < count {
        let request = RunTaskRequest {
            task_definition: FAMILY.into(),
            launch_type: Some(LaunchType::Ec2),
            network_configuration: Some(default_network()),
            count: Some(i32::try_from(BATCH.min(count - arns.len()))?),
            ..Default::default()
        };
        arns.extend(subject.run_task(&request).await?.into_iter().filter_map(|task| task.task_arn));
    }
    Ok(arns)
}

fn definition() -> RegisterTaskDefinitionRequest {
    let mut definition = start::definition(FAMILY, &["sleep", "3600"]);
    (definition.requires_compatibilities, definition.cpu, definition.memory) = (None, None, None);
    for container in &mut definition.container_definitions {
        (container.memory, container.stop_timeout) = (Some(6), Some(2));
    }
    definition
}
