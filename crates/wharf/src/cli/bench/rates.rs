//! DescribeTasks and RunTask a second with 100 and with many tasks stored: the APIs over HTTP on a durable store, one
//! client with several connections in the same process, a container instance that is only registered, no controllers.

use super::Figure;
use crate::data_dir::DataDir;
use crate::server::{Server, ServerConfig};
use anyhow::{Context, Result};
use model::task::{Container, ContainerStatus, DesiredStatus, Overrides, StopCode, Task, TaskStatus, Times};
use model::task_definition::{LaunchType, TaskDefinition};
use model::{ClusterName, Scope, TaskId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use store::{Store, StoreError};
use tokio::sync::watch;
use wire::client::Client;
use wire::ecs;

const FEW: usize = 100;
/// Requests under way at once.
const CONNECTIONS: usize = 16;
/// How long each rate is measured.
const MEASURE: Duration = Duration::from_secs(3);
/// Rows of one transaction while filling.
const BATCH: usize = 1000;

pub async fn measure(many: usize) -> Result<Vec<Figure>> {
    let dir = tempfile::tempdir()?;
    let config = ServerConfig::loopback();
    let server = Server::open(&DataDir::open(Some(dir.path()))?, config).await?;
    server.ensure_default_cluster().await?;
    let endpoint = server.endpoint.clone();
    let store = server.store.clone();
    let (stop, stopping) = watch::channel(false);
    let serving = tokio::spawn(server.run_apis(stopping));
    let client = endpoint.client()?;
    let bench = Bench { client, store, definition: Arc::default() };
    let figures = bench.prepare().await?.figures(many).await;
    stop.send_replace(true);
    serving.await?;
    figures
}

struct Bench {
    client: Client,
    store: Store,
    definition: Arc<Option<Arc<TaskDefinition>>>,
}

impl Bench {
    /// A definition, and an instance with room for everything.
    async fn prepare(mut self) -> Result<Self> {
        let container = ecs::ContainerDefinition {
            name: Some("main".into()),
            image: Some("wharf/hello".into()),
            memory: Some(6),
            ..Default::default()
        };
        let definition = ecs::RegisterTaskDefinitionRequest {
            family: "bench".into(),
            network_mode: Some(ecs::NetworkMode::Host),
            container_definitions: vec![container],
            ..Default::default()
        };
        self.client.ecs().register_task_definition(&definition).await?;
        let resource = |name: &str, amount: i32| ecs::Resource {
            name: Some(name.into()),
            r#type: Some("INTEGER".into()),
            integer_value: Some(amount),
            ..Default::default()
        };
        let request = ecs::RegisterContainerInstanceRequest {
            total_resources: Some(vec![resource("CPU", i32::MAX), resource("MEMORY", i32::MAX)]),
            ..Default::default()
        };
        self.client.ecs().register_container_instance(&request).await?;
        let scope = Scope::new(crate::server::ACCOUNT, "us-east-1");
        let snapshot = self.store.snapshot();
        let definition =
            snapshot.task_definition(&scope, &"bench".into(), 1).context("the definition was registered")?;
        self.definition = Arc::new(Some(definition.clone()));
        // An agent's session would say so; there is none here.
        let instance = snapshot.all_instances().next().context("the instance was registered")?.clone();
        self.store
            .commit(move |tx| {
                tx.put(model::instance::ContainerInstance { agent_connected: true, ..(*instance).clone() });
                Ok::<_, StoreError>(())
            })
            .await?;
        Ok(self)
    }

    async fn figures(&self, many: usize) -> Result<Vec<Figure>> {
        let mut figures: Vec<Figure> = Vec::new();
        let mut before: Option<(f64, f64)> = None;
        let mut stored = 0;
        for target in [FEW, many] {
            let ids = self.fill(stored, target).await?;
            stored = target;
            let describe = self.rate(|n| self.describe(&ids[n % ids.len()])).await?;
            let run = self.rate(|_| self.run_task()).await?;
            for (name, rate, few) in
                [("DescribeTasks", describe, before.map(|b| b.0)), ("RunTask", run, before.map(|b| b.1))]
            {
                figures.push(Figure {
                    measured: format!("{name} a second"),
                    of: format!("wharf, {target} tasks stored"),
                    figure: format!("{rate:.0}/s"),
                    note: few
                        .map(|few| format!("{:.2} of the rate with {FEW}", rate / few))
                        .unwrap_or_default(),
                });
            }
            before = Some((describe, run));
            self.forget_active().await?;
        }
        Ok(figures)
    }

    /// Stores stopped tasks until there are `target`; answers ids among them.
    async fn fill(&self, stored: usize, target: usize) -> Result<Vec<String>> {
        let definition = self.definition.as_ref().clone().context("prepared")?;
        for from in (stored..target).step_by(BATCH) {
            let definition = definition.clone();
            let to = target.min(from + BATCH);
            self.store
                .commit(move |tx| {
                    (from..to).for_each(|n| tx.put(stopped_task(n, &definition)));
                    Ok::<_, StoreError>(())
                })
                .await?;
        }
        Ok((0..target).step_by((target / FEW).max(1)).map(|n| task_id(n).to_string()).collect())
    }

    /// Takes away what RunTask made, so that the next measurement begins with an empty instance again.
    async fn forget_active(&self) -> Result<()> {
        let active = |task: &Arc<Task>| task.last_status != TaskStatus::Stopped;
        let snapshot = self.store.snapshot();
        let keys: Vec<_> =
            snapshot.all_tasks().filter(|t| active(t)).map(|t| (t.scope.clone(), t.id.clone())).collect();
        for keys in keys.chunks(BATCH).map(<[_]>::to_vec) {
            self.store
                .commit(move |tx| {
                    keys.iter().for_each(|key| tx.remove::<Task>(key));
                    Ok::<_, StoreError>(())
                })
                .await?;
        }
        Ok(())
    }

    async fn describe(&self, id: &str) -> Result<()> {
        let request = ecs::DescribeTasksRequest { tasks: vec![id.to_owned()], ..Default::default() };
        let found = self.client.ecs().describe_tasks(&request).await?.tasks.unwrap_or_default();
        anyhow::ensure!(found.len() == 1, "a stored task was not found");
        Ok(())
    }

    async fn run_task(&self) -> Result<()> {
        let request = ecs::RunTaskRequest { task_definition: "bench".into(), ..Default::default() };
        let answer = self.client.ecs().run_task(&request).await?;
        anyhow::ensure!(answer.tasks.unwrap_or_default().len() == 1, "a task was not placed");
        Ok(())
    }

    /// Calls a second, from [`CONNECTIONS`] connections at once.
    async fn rate<F: Future<Output = Result<()>>>(&self, call: impl Fn(usize) -> F) -> Result<f64> {
        let done = AtomicU64::new(0);
        let began = Instant::now();
        let worker = async |first: usize| {
            let mut n = first;
            while began.elapsed() < MEASURE {
                call(n).await?;
                done.fetch_add(1, Ordering::Relaxed);
                n += CONNECTIONS;
            }
            anyhow::Ok(())
        };
        let workers = (0..CONNECTIONS).map(worker);
        futures_util::future::try_join_all(workers).await?;
        Ok(done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
    }
}

fn task_id(n: usize) -> TaskId {
    TaskId::from(format!("{n:032x}"))
}

fn stopped_task(n: usize, definition: &Arc<TaskDefinition>) -> Task {
    let now = definition.registered_at;
    Task {
        scope: definition.scope.clone(),
        id: task_id(n),
        cluster: ClusterName::from("default"),
        definition: definition.clone(),
        overrides: Overrides::default(),
        launch_type: LaunchType::Ec2,
        capacity_provider: None,
        instance: None,
        desired_status: DesiredStatus::Stopped,
        last_status: TaskStatus::Stopped,
        containers: vec![Container {
            id: format!("00000000-0000-4000-8000-{n:012x}").into(),
            name: "main".into(),
            last_status: ContainerStatus::Stopped,
            exit_code: Some(0),
            reason: None,
            runtime_id: None,
            image_digest: None,
            network_bindings: Vec::new(),
            health: None,
            gpu_ids: Vec::new(),
        }],
        eni: None,
        group: "family:bench".into(),
        started_by: None,
        tags: Default::default(),
        client_request: None,
        protected_until: None,
        logs_block_by_default: false,
        version: 5,
        stop_code: Some(StopCode::EssentialContainerExited),
        stopped_reason: Some("Essential container in task exited".into()),
        times: Times { created_at: now, stopped_at: Some(now), ..Times::default() },
    }
}
