//! The API over a store in memory, with a clock that tests move and ids that count up.

use api_ecs::{Ecs, EndpointPaths, HostPlatform};
use core_task::report::{apply_placed, apply_released};
use model::instance::ContainerInstance;
use model::network::{DefaultVpc, Eni, mac_for};
use model::task::{Interface, Task, TaskStatus};
use model::time::{Clock, IdSource};
use model::{Scope, TaskId, Timestamp};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use store::{Committer, MemoryJournal, Store, StoreError};
use wire::ecs::{Api, SERVICE};
use wire::{ApiError, Cx};

pub struct World {
    pub store: Store,
    /// What of it is on disk.
    pub journal: MemoryJournal,
    pub scope: Scope,
    ecs: Ecs,
    clock: Arc<TestClock>,
    runtime: tokio::runtime::Runtime,
}

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Relaxed))
    }
}

struct CountingIds(AtomicU64);

impl IdSource for CountingIds {
    fn next_u128(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Relaxed))
    }
}

macro_rules! dispatch {
    ($world:ident, $cx:ident, $operation:ident, $input:ident; $($name:literal $method:ident)+) => {
        match $operation {
            $($name => {
                let input = wire::service::decode($input)?;
                let output = $world.runtime.block_on($world.ecs.$method($cx, input))?;
                Ok(serde_json::to_value(output).expect("answers serialise"))
            })+
            other => panic!("no operation {other}"),
        }
    };
}

impl World {
    pub fn new() -> World {
        let journal = MemoryJournal::new();
        let store =
            Store::open(Box::new(journal.clone()), Committer::Inline).expect("an empty journal opens");
        let clock = Arc::new(TestClock(AtomicI64::new(1_700_000_000_000)));
        let ids = Arc::new(CountingIds(AtomicU64::new(1)));
        let endpoints = EndpointPaths { acs: "/acs", tcs: "/tcs" };
        let host = HostPlatform { architecture: "X86_64".to_owned() };
        let ecs = Ecs::new(store.clone(), clock.clone(), ids, endpoints, host);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        World { store, journal, scope: Scope::new("000000000000", "us-east-1"), ecs, clock, runtime }
    }

    /// A cluster `default` with a connected agent that serves FARGATE as well: 2 vCPUs and 4 GiB.
    pub fn with_agent() -> World {
        let world = World::new();
        world.ok("CreateCluster", json!({}));
        world.register_agent("default", 2048, 4096);
        world
    }

    /// Registers an instance whose agent is connected, and returns its ARN.
    pub fn register_agent(&self, cluster: &str, cpu_units: u32, memory_mib: u32) -> String {
        self.register_agent_with(cluster, cpu_units, memory_mib, &[])
    }

    /// The same with these attributes too.
    pub fn register_agent_with(
        &self,
        cluster: &str,
        cpu_units: u32,
        memory_mib: u32,
        with: &[(&str, &str)],
    ) -> String {
        let mut attributes = model::fixture::CAPABILITIES.map(|name| json!({ "name": name })).to_vec();
        attributes.push(json!({ "name": "ecs.cpu-architecture", "value": "x86_64" }));
        attributes.extend(with.iter().map(|(name, value)| json!({ "name": name, "value": value })));
        let answer = self.ok(
            "RegisterContainerInstance",
            json!({
                "cluster": cluster,
                "totalResources": [
                    { "name": "CPU", "type": "INTEGER", "integerValue": cpu_units },
                    { "name": "MEMORY", "type": "INTEGER", "integerValue": memory_mib },
                    { "name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22"] },
                ],
                "attributes": attributes,
            }),
        );
        let arn = answer["containerInstance"]["containerInstanceArn"].as_str().expect("an ARN").to_owned();
        self.set_connected(&arn, true);
        arn
    }

    /// What the agent's session tells the store.
    pub fn set_connected(&self, instance_arn: &str, connected: bool) {
        let id = instance_arn.rsplit('/').next().expect("an ARN").into();
        let (key, now) = ((self.scope.clone(), id), self.clock.now());
        self.commit(|tx| {
            tx.update(&key, |i: &mut ContainerInstance| {
                i.agent_connected = connected;
                i.connection_changed_at = Some(now);
            })
        });
    }

    /// Registers a FARGATE definition of one container and returns its ARN.
    pub fn register(&self, family: &str) -> String {
        let answer = self.ok("RegisterTaskDefinition", fargate(family, json!({})));
        answer["taskDefinition"]["taskDefinitionArn"].as_str().expect("an ARN").to_owned()
    }

    /// The `networkConfiguration` with the first default subnet.
    pub fn network(&self) -> Value {
        json!({ "awsvpcConfiguration": { "subnets": [self.subnet()] } })
    }

    pub fn subnet(&self) -> String {
        DefaultVpc::of(&self.scope).subnets[0].id.to_string()
    }

    /// Runs one FARGATE task of the family and returns its id.
    pub fn run_fargate(&self, family: &str) -> TaskId {
        let request = json!({
            "taskDefinition": family, "launchType": "FARGATE", "networkConfiguration": self.network(),
        });
        let answer = self.ok("RunTask", request);
        task_id(&answer["tasks"][0])
    }

    /// The control plane's part: gives addresses to tasks that wait for one, and takes them from those that are over.
    pub fn reconcile(&self) {
        let state = self.store.snapshot();
        state.all_tasks().for_each(|task| self.reconcile_one(&task.id));
    }

    /// The same for one task.
    pub fn reconcile_one(&self, id: &TaskId) {
        let now = self.clock.now();
        {
            let task = &self.task(id);
            let mut changed = task.clone();
            let address = Ipv4Addr::from(
                0xac1f_0000 + (u128::from_str_radix(task.id.as_str(), 16).expect("hex") as u32),
            );
            match task.last_status {
                TaskStatus::Provisioning => self.commit(|tx| {
                    let eni = task.eni.as_ref().expect("an attachment");
                    let subnet = eni.subnets[0].clone();
                    let (id, mac) = (model::EniId::from(format!("eni-{address}")), mac_for(address));
                    let interface =
                        Interface { eni: id.clone(), subnet: subnet.clone(), address, mac: mac.clone() };
                    let instance = task.instance.clone().expect("placed by RunTask");
                    apply_placed(&mut changed, instance, Some(interface));
                    tx.put(changed);
                    let security_groups = eni.security_groups.clone();
                    let (scope, task) = (task.scope.clone(), task.id.clone());
                    tx.put(Eni { scope, id, subnet, address, mac, security_groups, task });
                }),
                TaskStatus::Deprovisioning => self.commit(|tx| {
                    apply_released(&mut changed, now);
                    tx.put(changed);
                    tx.remove::<Eni>(&address);
                }),
                _ => {}
            }
        }
    }

    /// What the agent reports of a task.
    pub fn report(&self, task: &TaskId, status: &str, exit_code: Option<i32>) {
        let record = self.task(task);
        let containers: Vec<_> = record
            .containers
            .iter()
            .map(|c| json!({ "containerName": c.name, "status": status, "exitCode": exit_code }))
            .collect();
        let arn = model::arn::task(&record.scope, &record.cluster, task);
        self.ok("SubmitTaskStateChange", json!({ "task": arn, "status": status, "containers": containers }));
    }

    pub fn task(&self, id: &TaskId) -> Task {
        Task::clone(self.store.snapshot().task(&self.scope, id).expect("the task"))
    }

    pub fn commit<T>(&self, change: impl FnOnce(&mut store::Tx) -> T) -> T {
        let commit = self.store.commit(|tx| Ok::<_, StoreError>(change(tx)));
        self.runtime.block_on(commit).expect("the journal in memory takes it")
    }

    pub fn advance(&self, millis: i64) {
        self.clock.0.fetch_add(millis, Relaxed);
    }

    pub fn ok(&self, operation: &str, input: Value) -> Value {
        self.call(operation, input).unwrap_or_else(|error| panic!("{operation}: {error}"))
    }

    pub fn err(&self, operation: &str, input: Value) -> String {
        match self.call(operation, input) {
            Ok(answer) => format!("OK {answer}"),
            Err(error) => error.to_string(),
        }
    }

    /// The answer holds everything that `expected` has.
    #[track_caller]
    pub fn check(&self, operation: &str, input: Value, expected: Value) {
        let answer = self.ok(operation, input.clone());
        assert!(
            contains(&answer, &expected),
            "{operation} {input}\nanswered {answer:#}\nwithout  {expected:#}"
        );
    }

    pub fn call(&self, operation: &str, input: Value) -> Result<Value, ApiError> {
        self.call_as(&self.scope, operation, input)
    }

    pub fn call_as(&self, scope: &Scope, operation: &str, mut input: Value) -> Result<Value, ApiError> {
        let known = SERVICE.operation(operation).expect("an implemented operation");
        wire::check::check(&SERVICE, known.input, &mut input)?;
        let cx = &Cx {
            scope: scope.clone(),
            caller_arn: format!("arn:aws:iam::{}:root", scope.account),
            access_key: "AKIA".to_owned(),
            request_id: "1".to_owned(),
            origin: "http://10.0.0.5:4566".to_owned(),
            user_agent: String::new(),
        };
        dispatch! { self, cx, operation, input;
            "CreateCluster" create_cluster
            "DeleteCluster" delete_cluster
            "DescribeClusters" describe_clusters
            "ListClusters" list_clusters
            "UpdateCluster" update_cluster
            "PutClusterCapacityProviders" put_cluster_capacity_providers
            "CreateCapacityProvider" create_capacity_provider
            "DeleteCapacityProvider" delete_capacity_provider
            "DescribeCapacityProviders" describe_capacity_providers
            "UpdateCapacityProvider" update_capacity_provider
            "RegisterTaskDefinition" register_task_definition
            "DescribeTaskDefinition" describe_task_definition
            "ListTaskDefinitions" list_task_definitions
            "ListTaskDefinitionFamilies" list_task_definition_families
            "DeregisterTaskDefinition" deregister_task_definition
            "DeleteTaskDefinitions" delete_task_definitions
            "RunTask" run_task
            "StartTask" start_task
            "StopTask" stop_task
            "GetTaskProtection" get_task_protection
            "UpdateTaskProtection" update_task_protection
            "DescribeTasks" describe_tasks
            "ListTasks" list_tasks
            "RegisterContainerInstance" register_container_instance
            "DeregisterContainerInstance" deregister_container_instance
            "DescribeContainerInstances" describe_container_instances
            "ListContainerInstances" list_container_instances
            "UpdateContainerInstancesState" update_container_instances_state
            "UpdateContainerAgent" update_container_agent
            "DeleteAttributes" delete_attributes
            "ListAttributes" list_attributes
            "PutAttributes" put_attributes
            "DeleteAccountSetting" delete_account_setting
            "ListAccountSettings" list_account_settings
            "PutAccountSetting" put_account_setting
            "PutAccountSettingDefault" put_account_setting_default
            "DiscoverPollEndpoint" discover_poll_endpoint
            "SubmitTaskStateChange" submit_task_state_change
            "SubmitContainerStateChange" submit_container_state_change
            "SubmitAttachmentStateChanges" submit_attachment_state_changes
            "TagResource" tag_resource
            "UntagResource" untag_resource
            "ListTagsForResource" list_tags_for_resource
        }
    }
}

/// A FARGATE definition with one container `app`; `changes` is laid over it.
pub fn fargate(family: &str, changes: Value) -> Value {
    let mut definition = json!({
        "family": family, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512",
        "containerDefinitions": [{ "name": "app", "image": "app:latest" }],
    });
    lay_over(&mut definition, changes);
    definition
}

/// A definition in host mode with one container `app`; `changes` is laid over it.
pub fn host(family: &str, changes: Value) -> Value {
    let mut definition = json!({
        "family": family, "networkMode": "host",
        "containerDefinitions": [{ "name": "app", "image": "app:latest", "cpu": 256, "memory": 512 }],
    });
    lay_over(&mut definition, changes);
    definition
}

/// Members of `changes` replace those of `value`; null removes.
pub fn lay_over(value: &mut Value, changes: Value) {
    let (Value::Object(members), Value::Object(changes)) = (value, changes) else { panic!("not objects") };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(&name);
        } else {
            members.insert(name, change);
        }
    }
}

pub fn task_id(task: &Value) -> TaskId {
    task["taskArn"].as_str().and_then(|arn| arn.rsplit('/').next()).expect("a task's ARN").into()
}

/// Objects may have more members; everything else is equal. `null` says that a member is absent.
fn contains(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            expected.iter().all(|(name, e)| contains(actual.get(name).unwrap_or(&Value::Null), e))
        }
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, e)| contains(a, e))
        }
        _ => actual == expected,
    }
}
