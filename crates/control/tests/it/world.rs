//! A control plane over a store in memory, and the records that a test starts from.

use control::{Control, ControlConfig, Peer};
use core_task::report::{ContainerReport, Report, ReportedStatus, apply_placed, apply_report, apply_stop};
use model::container::ContainerDefinition;
use model::instance::{ContainerInstance, InstanceStatus, Resources};
use model::network::DefaultVpc;
use model::task::{
    AttachmentStatus, Container, ContainerStatus, DesiredStatus, EniAttachment, Overrides, StopCode, Task,
    TaskStatus, Times,
};
use model::task_definition::{LaunchType, NetworkMode, TaskDefinition, TaskDefinitionStatus};
use model::time::{Clock, IdSource};
use model::{Scope, Timestamp};
use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::{Committer, MemoryJournal, Store, StoreError, Tx};
use tokio::time::Instant;

/// Follows tokio's time, which tests stop.
pub struct VirtualClock(Instant);

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let elapsed = self.0.elapsed().as_millis();
        Timestamp(1_000_000 + i64::try_from(elapsed).expect("a short test"))
    }
}

/// 1, 2, 3 …
#[derive(Default)]
pub struct Counter(AtomicU64);

impl IdSource for Counter {
    fn next_u128(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1
    }
}

/// The access key id of the instances' account.
pub const KEY_ID: &str = "AKIDEXAMPLE";
/// Its secret.
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// Another account's.
pub const OTHER_KEY_ID: &str = "AKIDOTHER";

/// The keys of two accounts, which have one secret, and those of the store.
pub struct TestKeys(Store);

impl wire::Keys for TestKeys {
    fn find(&self, id: &str) -> Option<wire::Key> {
        let account = match id {
            KEY_ID => scope().account,
            OTHER_KEY_ID => model::AccountId::from("111111111111"),
            _ => self.0.snapshot().access_key(&id.into())?.account.clone(),
        };
        Some(wire::Key { secret: SECRET.into(), account })
    }
}

/// A control plane; clones share it.
#[derive(Clone)]
pub struct World {
    pub journal: MemoryJournal,
    pub store: Store,
    pub control: Control,
    pub clock: Arc<VirtualClock>,
}

impl World {
    pub fn new() -> Self {
        Self::open(MemoryJournal::new(), Arc::new(VirtualClock(Instant::now())), Committer::Inline)
    }

    /// With the store's committer on a thread of its own, as in production.
    pub fn threaded() -> Self {
        Self::open(MemoryJournal::new(), Arc::new(VirtualClock(Instant::now())), Committer::Thread)
    }

    /// The same records under a control plane that has just started.
    pub fn restart(&self) -> Self {
        Self::open(self.journal.clone(), self.clock.clone(), Committer::Inline)
    }

    fn open(journal: MemoryJournal, clock: Arc<VirtualClock>, committer: Committer) -> Self {
        let store = Store::open(Box::new(journal.clone()), committer).expect("an intact journal");
        let ids = Arc::new(Counter::default());
        let (keys, config) = (Arc::new(TestKeys(store.clone())), ControlConfig::default());
        let control = Control::new(store.clone(), clock.clone(), ids, keys, config);
        Self { journal, store, control, clock }
    }

    /// Runs the controllers until the test ends.
    pub fn run(&self) {
        let control = self.control.clone();
        tokio::spawn(async move { control.run(pending()).await });
    }

    /// Activates every controller; a second time there is nothing left to do.
    pub async fn activate(&self) {
        self.control.activate_all_once().await.expect("a store in memory");
        let revision = self.store.snapshot().revision();
        self.control.activate_all_once().await.expect("a store in memory");
        assert_eq!(self.store.snapshot().revision(), revision, "plans leave nothing due");
    }

    pub async fn write(&self, change: impl FnOnce(&mut Tx)) {
        let done: Result<(), StoreError> = self
            .store
            .commit(|tx| {
                change(tx);
                Ok(())
            })
            .await;
        done.expect("a store in memory");
    }

    pub async fn put_instance(&self, id: &str) {
        self.write(|tx| tx.put(instance(id))).await;
    }

    pub async fn put_task(&self, task: Task) {
        self.write(|tx| {
            tx.put(TaskDefinition::clone(&task.definition));
            tx.put(task);
        })
        .await;
    }

    /// As RunTask leaves a task that needs no interface.
    pub async fn run_host_task(&self, id: &str, on: &str) {
        let mut task = task(id, NetworkMode::Host);
        apply_placed(&mut task, on.into(), None);
        self.put_task(task).await;
    }

    pub fn task(&self, id: &str) -> Arc<Task> {
        self.store.snapshot().task(&scope(), &id.into()).expect("a known task").clone()
    }

    pub fn status(&self, id: &str) -> &'static str {
        self.task(id).last_status.as_str()
    }

    pub fn is_connected(&self, instance: &str) -> bool {
        let snapshot = self.store.snapshot();
        snapshot.instance(&scope(), &instance.into()).expect("a known instance").agent_connected
    }

    pub async fn edit_task<T>(&self, id: &str, edit: impl FnOnce(&mut Task) -> T) {
        self.write(|tx| {
            tx.update(&(scope(), id.into()), edit).expect("a known task");
        })
        .await;
    }

    /// StopTask.
    pub async fn stop(&self, id: &str) {
        let now = self.clock.now();
        self.edit_task(id, |task| apply_stop(task, StopCode::UserInitiated, None, now)).await;
    }

    /// SubmitTaskStateChange, about the one container of a task.
    pub async fn report(&self, id: &str, status: ReportedStatus) {
        let container = ContainerReport {
            name: "app".into(),
            status,
            exit_code: (status == ReportedStatus::Stopped).then_some(0),
            reason: None,
            runtime_id: None,
            image_digest: None,
            network_bindings: Vec::new(),
        };
        let report = Report { status: Some(status), containers: vec![container], ..Report::default() };
        let now = self.clock.now();
        self.edit_task(id, |task| apply_report(task, &report, now)).await;
    }

    /// Waits for a state of the store, for at most a minute of the test's time.
    pub async fn eventually(&self, what: &str, holds: impl Fn(&World) -> bool) {
        let mut watch = self.store.watch();
        let wait = async {
            loop {
                watch.changed().await;
                if holds(self) {
                    return;
                }
            }
        };
        let waited = tokio::time::timeout(std::time::Duration::from_secs(60), wait).await;
        assert!(waited.is_ok(), "never: {what}");
    }
}

pub fn scope() -> Scope {
    Scope::new("000000000000", "us-east-1")
}

/// The agent of an instance.
pub fn peer(instance: &str) -> Peer {
    Peer { instance: (scope(), instance.into()), access_key: KEY_ID.to_owned() }
}

/// The ARN of an instance.
pub fn arn(instance: &str) -> String {
    format!("arn:aws:ecs:us-east-1:000000000000:container-instance/default/{instance}")
}

pub fn instance(id: &str) -> ContainerInstance {
    ContainerInstance {
        scope: scope(),
        cluster: "default".into(),
        id: id.into(),
        status: InstanceStatus::Active,
        agent_connected: false,
        connection_changed_at: None,
        agent_version: String::new(),
        agent_hash: String::new(),
        docker_version: String::new(),
        ec2_instance_id: None,
        registered: Resources { cpu_units: 1 << 20, memory_mib: 1 << 20, ..Resources::default() },
        attributes: BTreeMap::new(),
        tags: BTreeMap::new(),
        client_token: None,
        registered_at: Timestamp(0),
        deregistered_at: None,
        runtime_health: None,
        timeline: 0,
        version: 1,
    }
}

pub fn container_definition(name: &str) -> ContainerDefinition {
    ContainerDefinition {
        name: name.into(),
        image: "wharf/hello".into(),
        essential: true,
        ..ContainerDefinition::default()
    }
}

pub fn definition(mode: NetworkMode) -> TaskDefinition {
    TaskDefinition {
        scope: scope(),
        family: mode.as_str().into(),
        revision: 1,
        status: TaskDefinitionStatus::Active,
        network_mode: mode,
        requires_compatibilities: Vec::new(),
        compatibilities: vec![LaunchType::Ec2, LaunchType::Fargate],
        cpu_units: Some(256),
        memory_mib: Some(512),
        containers: vec![container_definition("app")],
        runtime_platform: None,
        volumes: Vec::new(),
        pid_mode: None,
        ipc_mode: None,
        ephemeral_storage_gib: None,
        placement_constraints: Vec::new(),
        tags: BTreeMap::new(),
        registered_at: Timestamp(0),
        registered_by: "arn:aws:iam::000000000000:root".into(),
        deregistered_at: None,
        delete_requested_at: None,
    }
}

/// As RunTask leaves it, with a host.
pub fn task(id: &str, mode: NetworkMode) -> Task {
    task_of(id, definition(mode))
}

pub fn task_of(id: &str, definition: TaskDefinition) -> Task {
    let vpc = DefaultVpc::of(&scope());
    let eni = (definition.network_mode == NetworkMode::Awsvpc).then(|| EniAttachment {
        id: format!("attachment-{id}").into(),
        subnets: vpc.subnets.iter().map(|s| s.id.clone()).collect(),
        security_groups: vec![vpc.security_group.clone()],
        interface: None,
        assign_public_ip: false,
        status: AttachmentStatus::Precreated,
    });
    let containers = definition.containers.iter().map(|c| Container {
        id: format!("{id}-{}", c.name).into(),
        name: c.name.clone(),
        last_status: ContainerStatus::Pending,
        exit_code: None,
        reason: None,
        runtime_id: None,
        image_digest: None,
        network_bindings: Vec::new(),
        health: None,
        gpu_ids: Vec::new(),
    });
    Task {
        scope: scope(),
        id: id.into(),
        cluster: "default".into(),
        containers: containers.collect(),
        overrides: Overrides::default(),
        launch_type: LaunchType::Ec2,
        capacity_provider: None,
        instance: Some("i1".into()),
        desired_status: DesiredStatus::Running,
        last_status: TaskStatus::Provisioning,
        eni: eni.map(Box::new),
        group: format!("family:{}", definition.family),
        started_by: None,
        tags: BTreeMap::new(),
        client_request: None,
        protected_until: None,
        logs_block_by_default: false,
        version: 1,
        stop_code: None,
        stopped_reason: None,
        times: Times { created_at: Timestamp(1000), ..Times::default() },
        definition: Arc::new(definition),
    }
}
