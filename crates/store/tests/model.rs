//! Random changes, against a plain map of tasks that a reader of twenty lines can trust, over restarts and crashes.

mod common;

use common::{definition, scope, task, task_key};
use model::instance::{ContainerInstance, InstanceStatus, Resources};
use model::task::{ClientRequest, DesiredStatus, Task, TaskStatus};
use model::view::View;
use model::{InstanceId, TaskId};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;
use store::redb::RedbJournal;
use store::{Committer, Journal, MemoryJournal, Queue, State, Store, StoreError, Tx};

/// A view that keeps enough to notice any change that is missed, doubled or told in the wrong order.
#[derive(Clone, Debug, Default, PartialEq)]
struct Census {
    tasks: BTreeMap<TaskId, Task>,
    instances: BTreeMap<InstanceId, ContainerInstance>,
}

impl View for Census {
    fn observe_task(&mut self, old: Option<&Task>, new: Option<&Task>) {
        let removed = old.and_then(|old| self.tasks.remove(&old.id));
        assert_eq!(removed.as_ref(), old);
        assert!(new.and_then(|new| self.tasks.insert(new.id.clone(), new.clone())).is_none());
    }

    fn observe_instance(&mut self, old: Option<&ContainerInstance>, new: Option<&ContainerInstance>) {
        let removed = old.and_then(|old| self.instances.remove(&old.id));
        assert_eq!(removed.as_ref(), old);
        assert!(new.and_then(|new| self.instances.insert(new.id.clone(), new.clone())).is_none());
    }
}

/// INV-STORE-6, by building it anew.
fn check_view(tx: &mut Tx) {
    let mut fresh = Census::default();
    tx.all_tasks().for_each(|task| fresh.observe_task(None, Some(task)));
    tx.all_instances().for_each(|instance| fresh.observe_instance(None, Some(instance)));
    assert_eq!(*tx.view::<Census>(), fresh);
}

#[derive(Clone, Debug)]
enum Op {
    Put {
        task: u8,
        status: u8,
        stop: bool,
        known: bool,
        host: Option<u8>,
        cluster: u8,
        token: Option<u8>,
    },
    Remove {
        task: u8,
    },
    Register {
        host: u8,
        /// INACTIVE since then.
        inactive_at: Option<u8>,
    },
    Deregister {
        host: u8,
    },
    /// Asks for a view.
    View,
    /// Everything since the last commit is thrown away.
    Refuse,
    /// So it is here: the change puts a task without a definition.
    Fault,
    /// And here.
    Panic,
    Commit,
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    let small = prop::option::of(0..3u8);
    prop_oneof![
        8 => (0..12u8, 0..8u8, any::<(bool, bool)>(), small.clone(), 0..2u8, small)
            .prop_map(|(task, status, (stop, known), host, cluster, token)| {
                Op::Put { task, status, stop, known, host, cluster, token }
            }),
        2 => (0..12u8).prop_map(|task| Op::Remove { task }),
        1 => (0..3u8, prop::option::of(0..3u8))
            .prop_map(|(host, inactive_at)| Op::Register { host, inactive_at }),
        1 => (0..3u8).prop_map(|host| Op::Deregister { host }),
        1 => Just(Op::View),
        1 => Just(Op::Refuse),
        1 => Just(Op::Fault),
        1 => Just(Op::Panic),
        4 => Just(Op::Commit),
        1 => Just(Op::Reopen),
    ]
}

fn instance(host: u8) -> ContainerInstance {
    ContainerInstance {
        scope: scope(),
        cluster: "c0".into(),
        id: format!("h{host}").into(),
        status: InstanceStatus::Active,
        agent_connected: false,
        connection_changed_at: None,
        agent_version: String::new(),
        agent_hash: String::new(),
        docker_version: String::new(),
        ec2_instance_id: None,
        registered: Resources::default(),
        attributes: BTreeMap::new(),
        tags: BTreeMap::new(),
        client_token: None,
        registered_at: model::Timestamp(1),
        deregistered_at: None,
        runtime_health: None,
        timeline: 0,
        version: 1,
    }
}

type Expected = (BTreeMap<TaskId, Task>, BTreeMap<InstanceId, ContainerInstance>);

fn apply(tx: &mut Tx, op: &Op, (tasks, hosts): &mut Expected) {
    match op {
        Op::Put { task: id, status, stop, known, host, cluster, token } => {
            let mut row = task(&format!("t{id:02}"), definition("web", 1 + u32::from(*cluster)));
            row.last_status = TaskStatus::ALL[usize::from(*status)];
            row.desired_status = if *stop { DesiredStatus::Stopped } else { DesiredStatus::Running };
            row.instance = host.map(|host| format!("h{host}").into());
            row.cluster = format!("c{cluster}").into();
            row.started_by = token.map(|token| token.to_string());
            row.client_request = row.started_by.clone().map(|token| {
                let fingerprint = format!("of {id}");
                ClientRequest { token, fingerprint }
            });
            row.times.created_at.0 = i64::from(*id % 5);
            row.times.connectivity_at = known.then_some(model::Timestamp(9));
            tasks.insert(row.id.clone(), row.clone());
            tx.put(row);
        }
        Op::Remove { task } => {
            let id = format!("t{task:02}");
            tasks.remove(&TaskId::from(id.clone()));
            tx.remove::<Task>(&task_key(&id));
        }
        Op::Register { host, inactive_at } => {
            let mut row = instance(*host);
            if let Some(at) = inactive_at {
                row.status = InstanceStatus::Inactive;
                row.deregistered_at = Some(model::Timestamp((*at).into()));
            }
            hosts.insert(row.id.clone(), row.clone());
            tx.put(row);
        }
        Op::Deregister { host } => {
            let id = InstanceId::from(format!("h{host}"));
            hosts.remove(&id);
            tx.remove::<ContainerInstance>(&(scope(), id));
        }
        Op::View => check_view(tx),
        Op::Fault => tx.put(task("t99", definition("unknown", 1))),
        Op::Panic => std::panic::panic_any(Planned),
        Op::Refuse | Op::Commit | Op::Reopen => {}
    }
}

fn ids<'a>(tasks: impl IntoIterator<Item = &'a std::sync::Arc<Task>>) -> Vec<String> {
    tasks.into_iter().map(|task| task.id.to_string()).collect()
}

fn check(state: &State, (tasks, hosts): &Expected) {
    state.check_indexes().expect("consistent");
    let all: Vec<&Task> = state.all_tasks().map(|task| &**task).collect();
    assert_eq!(all, tasks.values().collect::<Vec<_>>());
    assert!(state.all_instances().map(|row| &**row).eq(hosts.values()));
    let mut inactive: Vec<_> = hosts.values().filter_map(|row| Some((row.deregistered_at?, row))).collect();
    inactive.sort_by_key(|(at, _)| *at);
    assert!(state.inactive_instances().map(|row| &**row).eq(inactive.into_iter().map(|(_, row)| row)));

    let expect = |holds: &dyn Fn(&Task) -> bool| -> Vec<String> {
        tasks.values().filter(|task| holds(task)).map(|task| task.id.to_string()).collect()
    };
    for cluster in ["c0", "c1"].map(model::ClusterName::from) {
        for desired in [DesiredStatus::Running, DesiredStatus::Stopped] {
            let expected = expect(&|t| t.cluster == cluster && t.desired_status == desired);
            assert_eq!(ids(state.tasks_by_desired_status(&scope(), &cluster, desired, None)), expected);
            let after = TaskId::from("t05");
            let later: Vec<_> = expected.into_iter().filter(|id| id.as_str() > "t05").collect();
            assert_eq!(ids(state.tasks_by_desired_status(&scope(), &cluster, desired, Some(&after))), later);
        }
        for status in TaskStatus::ALL {
            let expected = expect(&|t| t.cluster == cluster && t.last_status == status);
            assert_eq!(state.count_tasks(&scope(), &cluster, status), expected.len());
            assert_eq!(ids(state.tasks_by_status(&scope(), &cluster, status)), expected);
        }
        let mut active = ids(state.active_tasks(&scope(), &cluster));
        active.sort();
        assert_eq!(active, expect(&|t| t.cluster == cluster && t.last_status != TaskStatus::Stopped));
        let token = expect(&|t| t.cluster == cluster && t.started_by.as_deref() == Some("1"));
        assert_eq!(ids(state.tasks_by_client_token(&scope(), &cluster, "1")), token);
        assert_eq!(ids(state.tasks_by_started_by(&scope(), &cluster, "1")), token);
        let family = expect(&|t| t.cluster == cluster);
        assert_eq!(ids(state.tasks_by_family(&scope(), &cluster, &"web".into())), family);
    }
    for host in ["h0", "h1", "h2"].map(InstanceId::from) {
        let on = expect(&|t| t.instance.as_ref() == Some(&host) && t.last_status != TaskStatus::Stopped);
        assert_eq!(ids(state.active_tasks_on(&host)), on);
        let to_tell = expect(&|t| {
            let is_new = t.last_status == TaskStatus::Pending && t.times.connectivity_at.is_none();
            let is_wanted_stopped = t.desired_status == DesiredStatus::Stopped
                && t.last_status >= TaskStatus::Pending
                && t.last_status < TaskStatus::Deprovisioning;
            t.instance.as_ref() == Some(&host) && (is_new || is_wanted_stopped)
        });
        assert_eq!(ids(state.tasks_to_tell(&host)), to_tell);
        assert_eq!(state.instance_by_id(&host).map(|row| &**row), hosts.get(&host));
    }
    let mut stopping = ids(state.queue(Queue::Stopping));
    stopping.sort();
    let early =
        |t: &Task| t.desired_status == DesiredStatus::Stopped && t.last_status < TaskStatus::Deprovisioning;
    assert_eq!(stopping, expect(&early));
    let created: Vec<_> = state.queue(Queue::Provisioning).map(|task| task.times.created_at).collect();
    assert!(created.is_sorted());
    assert_eq!(created.len(), expect(&|t| t.last_status == TaskStatus::Provisioning).len());
}

/// What a change that panics throws.
struct Planned;

/// The outcome of a commit; of one that panicked as planned, an error.
async fn caught(commit: impl Future<Output = Result<(), StoreError>>) -> Result<(), StoreError> {
    let mut commit = pin!(commit);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| commit.as_mut().poll(context)));
        polled.unwrap_or_else(|thrown| {
            if !thrown.is::<Planned>() {
                resume_unwind(thrown);
            }
            Poll::Ready(Err(StoreError::Failed("panicked".to_owned())))
        })
    })
    .await
}

/// Runs the operations in transactions that end at each one that fails, `Commit` and `Reopen`.
async fn run(ops: Vec<Op>, mut open: impl FnMut() -> Box<dyn Journal>, committer: Committer) {
    let mut store = Store::open(open(), committer).expect("opens");
    let definitions = |tx: &mut Tx| {
        tx.put(definition("web", 1));
        tx.put(definition("web", 2));
        Ok::<_, StoreError>(())
    };
    store.commit(definitions).await.expect("commits");
    let mut expected = Expected::default();
    let mut batch = Vec::new();
    for op in ops.into_iter().chain([Op::Commit]) {
        let ends = matches!(op, Op::Refuse | Op::Fault | Op::Panic | Op::Commit | Op::Reopen);
        let (refuse, reopen) = (matches!(op, Op::Refuse), matches!(op, Op::Reopen));
        batch.push(op);
        if !ends {
            continue;
        }
        let mut then = expected.clone();
        let change = |tx: &mut Tx| {
            batch.drain(..).for_each(|op| apply(tx, &op, &mut then));
            tx.check_indexes().expect("consistent within the transaction");
            if refuse { Err(StoreError::Failed("refused".to_owned())) } else { Ok(()) }
        };
        if caught(store.commit(change)).await.is_ok() {
            expected = then;
        }
        if reopen {
            drop(store);
            store = Store::open(open(), committer).expect("opens again");
        }
        check(&store.snapshot(), &expected);
        let viewed = |tx: &mut Tx| {
            check_view(tx);
            Ok::<_, StoreError>(())
        };
        store.commit(viewed).await.expect("commits");
    }
    drop(store);
    check(&Store::open(open(), committer).expect("opens again").snapshot(), &expected);
}

fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_changes_is_what_a_plain_map_says(ops in prop::collection::vec(op(), 1..80)) {
        let journal = MemoryJournal::new();
        block_on(run(ops, || Box::new(journal.clone()), Committer::Inline));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn and_so_it_is_on_disk(ops in prop::collection::vec(op(), 1..60)) {
        let dir = tempfile::tempdir().expect("a directory");
        let open = || -> Box<dyn Journal> {
            Box::new(RedbJournal::open(dir.path().join("store.redb")).expect("opens"))
        };
        block_on(run(ops, open, Committer::Thread));
    }
}
