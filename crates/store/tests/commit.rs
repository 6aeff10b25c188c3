//! What a commit promises: INV-STORE-1, INV-STORE-2, INV-STORE-4 and INV-STORE-5.

mod common;

use common::{cluster, cluster_key, definition, family, scope, task, task_key};
use model::cluster::Cluster;
use model::fixture;
use model::identity::AccessKey;
use model::instance::ContainerInstance;
use model::task::{DesiredStatus, Task, TaskStatus};
use model::task_definition::{TaskDefinition, TaskDefinitionStatus};
use model::view::View;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use store::{AppendFault, Committer, Instances, MemoryJournal, Queue, Snapshot, Store, StoreError, Tx};

fn open(journal: &MemoryJournal, committer: Committer) -> Store {
    Store::open(Box::new(journal.clone()), committer).expect("opens")
}

async fn create(store: &Store, name: &str) -> Result<(), StoreError> {
    store
        .commit(|tx| {
            tx.put(cluster(name));
            Ok(())
        })
        .await
}

fn has(snapshot: &Snapshot, name: &str) -> bool {
    snapshot.cluster(&scope(), &name.into()).is_some()
}

fn is_ready<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
    matches!(future.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(_))
}

#[tokio::test]
async fn a_commit_reads_its_own_writes_and_older_snapshots_never_change() {
    let store = open(&MemoryJournal::new(), Committer::Inline);
    let before = store.snapshot();
    let seen = store
        .commit(|tx: &mut Tx| {
            tx.put(cluster("a"));
            tx.update(&cluster_key("a"), |c: &mut Cluster| c.tags.insert("k".into(), "v".into()));
            Ok::<_, StoreError>(tx.cluster(&scope(), &"a".into()).cloned())
        })
        .await
        .expect("commits")
        .expect("its own write");
    assert_eq!(seen.tags["k"], "v");
    assert!(!has(&before, "a"));
    assert!(has(&store.snapshot(), "a"));
    assert_eq!(store.snapshot().revision(), before.revision() + 1);
}

#[tokio::test]
async fn an_error_changes_nothing_and_no_writes_append_nothing() {
    #[derive(Debug, PartialEq)]
    enum Refused {
        Because,
        Store(StoreError),
    }
    impl From<StoreError> for Refused {
        fn from(error: StoreError) -> Self {
            Self::Store(error)
        }
    }
    let journal = MemoryJournal::new();
    let store = open(&journal, Committer::Inline);
    let appends = journal.appends();
    let result = store.commit(|tx| {
        tx.put(cluster("a"));
        Err::<(), _>(Refused::Because)
    });
    assert_eq!(result.await, Err(Refused::Because));
    store.commit(|tx| Ok::<_, StoreError>(tx.revision())).await.expect("reads");
    assert!(!has(&store.snapshot(), "a"));
    assert_eq!(journal.appends(), appends);
}

#[tokio::test]
async fn a_change_that_panics_leaves_the_store_as_it_was() {
    let store = open(&MemoryJournal::new(), Committer::Inline);
    let other = store.clone();
    let panicking = tokio::spawn(async move {
        let change = |tx: &mut Tx| -> Result<(), StoreError> {
            tx.put(cluster("a"));
            panic!("a bug in a change")
        };
        other.commit(change).await
    });
    assert!(panicking.await.is_err());
    create(&store, "b").await.expect("commits");
    assert!(!has(&store.snapshot(), "a") && has(&store.snapshot(), "b"));
}

#[tokio::test]
async fn nothing_is_visible_or_acknowledged_before_it_is_on_disk() {
    let journal = MemoryJournal::new();
    let store = open(&journal, Committer::Thread);
    journal.hold();
    let mut first = pin!(create(&store, "a"));
    assert!(!is_ready(first.as_mut()));
    journal.wait_until_held();
    // These have seen "a" on the head of the store; their answers would tell of it.
    let mut refusal = pin!(store.commit(|tx| match tx.cluster(&scope(), &"a".into()) {
        Some(_) => Err(StoreError::Failed("already there".to_owned())),
        None => Ok(()),
    }));
    let mut reading = pin!(store.commit(|tx| Ok::<_, StoreError>(tx.all_clusters().count())));
    assert!(!is_ready(first.as_mut()) && !is_ready(refusal.as_mut()) && !is_ready(reading.as_mut()));
    assert!(!has(&store.snapshot(), "a"));
    journal.release();
    first.await.expect("commits");
    assert!(has(&store.snapshot(), "a"));
    assert_eq!(refusal.await, Err(StoreError::Failed("already there".to_owned())));
    assert_eq!(reading.await, Ok(1));
}

#[tokio::test]
async fn commits_that_wait_share_one_append() {
    let journal = MemoryJournal::new();
    let store = open(&journal, Committer::Thread);
    journal.hold();
    let mut first = Box::pin(create(&store, "first"));
    assert!(!is_ready(first.as_mut()));
    journal.wait_until_held();
    let names: Vec<_> = (0..50).map(|n| format!("c{n}")).collect();
    let mut others: Vec<_> = names.iter().map(|name| Box::pin(create(&store, name))).collect();
    assert!(others.iter_mut().all(|commit| !is_ready(commit.as_mut())));
    let appends = journal.appends();
    journal.release();
    first.await.expect("commits");
    for commit in others {
        commit.await.expect("commits");
    }
    assert_eq!(journal.appends(), appends + 2);
    assert_eq!(store.snapshot().all_clusters().count(), 51);
}

#[tokio::test]
async fn a_stepwise_committer_does_as_the_thread_does_one_step_at_a_time() {
    let journal = MemoryJournal::new();
    let (store, mut committer) = Store::open_stepwise(Box::new(journal.clone())).expect("opens");
    let appends = journal.appends();
    let (mut first, mut second) = (Box::pin(create(&store, "a")), Box::pin(create(&store, "b")));
    assert!(!is_ready(first.as_mut()) && !is_ready(second.as_mut()));
    committer.filled().await;
    let appended = committer.append();
    assert_eq!(journal.appends(), appends + 1);
    let mut later = Box::pin(create(&store, "c"));
    assert!(!is_ready(later.as_mut()) && !has(&store.snapshot(), "a"));
    let answers = appended.publish();
    let snapshot = store.snapshot();
    assert!(has(&snapshot, "a") && has(&snapshot, "b") && !has(&snapshot, "c"));
    assert!(!is_ready(first.as_mut()));
    answers.send();
    first.await.expect("commits");
    second.await.expect("commits");
    assert!(!is_ready(later.as_mut()));
    drop(committer);
    assert!(matches!(later.await, Err(StoreError::Failed(_))));
    assert!(!has(&Store::open(Box::new(journal), Committer::Inline).expect("opens").snapshot(), "c"));
}

#[tokio::test]
async fn a_dropped_commit_stands_once_its_change_has_run() {
    let journal = MemoryJournal::new();
    let store = open(&journal, Committer::Thread);
    journal.hold();
    {
        let mut dropped = Box::pin(create(&store, "a"));
        assert!(!is_ready(dropped.as_mut()));
    }
    journal.release();
    create(&store, "b").await.expect("commits");
    assert!(has(&store.snapshot(), "a"));
}

#[tokio::test]
async fn a_failed_append_poisons_the_store_and_readers_keep_the_last_durable_state() {
    for committer in [Committer::Inline, Committer::Thread] {
        for (fault, kept) in [(AppendFault::Lost, false), (AppendFault::Kept, true)] {
            let journal = MemoryJournal::new();
            let store = open(&journal, committer);
            create(&store, "durable").await.expect("commits");
            journal.fail_next_append(fault);
            for name in ["broken", "after"] {
                assert!(matches!(create(&store, name).await, Err(StoreError::Failed(_))));
                assert!(!has(&store.snapshot(), name));
            }
            let read = store.commit(|tx| Ok::<_, StoreError>(tx.all_clusters().count()));
            assert!(matches!(read.await, Err(StoreError::Failed(_))));
            assert!(has(&store.snapshot(), "durable"));
            assert!(matches!(store.failed().await, StoreError::Failed(_)));
            let reopened = open(&journal, committer).snapshot();
            assert!(has(&reopened, "durable") && !has(&reopened, "after"));
            assert_eq!(has(&reopened, "broken"), kept, "either is allowed; the journal decides");
        }
    }
}

#[tokio::test]
async fn a_watch_starts_with_now_skips_what_it_missed_and_then_waits() {
    let store = open(&MemoryJournal::new(), Committer::Inline);
    let mut watch = store.watch();
    let start = watch.changed().await.revision();
    for name in ["a", "b", "c"] {
        create(&store, name).await.expect("commits");
    }
    assert_eq!(watch.changed().await.revision(), start + 3);
    let mut waiting = Box::pin(watch.changed());
    assert!(!is_ready(waiting.as_mut()));
    create(&store, "d").await.expect("commits");
    assert_eq!(waiting.await.revision(), start + 4);
}

#[tokio::test]
async fn a_task_keeps_its_definition_through_deregistration_and_reopening() {
    let journal = MemoryJournal::new();
    let store = open(&journal, Committer::Inline);
    let change = |tx: &mut Tx| {
        let revision = tx.next_revision(&scope(), &family());
        tx.put(definition("web", revision));
        tx.put(task("t1", definition("web", revision)));
        tx.put(task("t2", definition("web", revision)));
        Ok::<_, StoreError>(())
    };
    store.commit(change).await.expect("commits");
    let key = (scope(), family(), 1);
    let deregister = |tx: &mut Tx| {
        tx.update(&key, |d: &mut TaskDefinition| d.status = TaskDefinitionStatus::Inactive);
        Ok::<_, StoreError>(())
    };
    store.commit(deregister).await.expect("commits");
    drop(store);
    let store = open(&journal, Committer::Inline);
    let snapshot = store.snapshot();
    let [one, two] = ["t1", "t2"].map(|id| snapshot.task(&scope(), &id.into()).expect("kept"));
    assert!(Arc::ptr_eq(&one.definition, &two.definition), "stored once, shared in memory");
    assert_eq!(one.definition.status, TaskDefinitionStatus::Inactive);

    let delete = |tx: &mut Tx| {
        tx.remove::<TaskDefinition>(&key);
        Ok::<_, StoreError>(())
    };
    assert!(matches!(store.commit(delete).await, Err(StoreError::DefinitionInUse(_))));
    let delete_all = |tx: &mut Tx| {
        tx.remove::<Task>(&task_key("t1"));
        tx.remove::<Task>(&task_key("t2"));
        delete(tx)
    };
    store.commit(delete_all).await.expect("nothing uses it any more");
    let next = store.commit(|tx| Ok::<_, StoreError>(tx.next_revision(&scope(), &family())));
    assert_eq!(next.await, Ok(2), "a revision number is never used again");
}

#[tokio::test]
async fn a_task_without_its_definition_is_refused_with_the_whole_commit() {
    let store = open(&MemoryJournal::new(), Committer::Inline);
    let change = |tx: &mut Tx| {
        tx.put(cluster("a"));
        tx.put(task("t1", definition("web", 1)));
        Ok::<_, StoreError>(())
    };
    assert!(matches!(store.commit(change).await, Err(StoreError::DefinitionInUse(_))));
    assert!(!has(&store.snapshot(), "a"));
}

#[tokio::test]
async fn queues_give_the_oldest_first() {
    let journal = MemoryJournal::new();
    let store = open(&journal, Committer::Inline);
    let change = |tx: &mut Tx| {
        tx.put(definition("web", 1));
        for (id, created) in [("a", 30), ("b", 10), ("c", 20)] {
            let mut task = task(id, definition("web", 1));
            task.times.created_at.0 = created;
            tx.put(task);
        }
        Ok::<_, StoreError>(())
    };
    store.commit(change).await.expect("commits");
    let ids = |snapshot: &Snapshot, queue| -> String {
        snapshot.queue(queue).map(|task| task.id.as_str()).collect()
    };
    assert_eq!(ids(&store.snapshot(), Queue::Provisioning), "bca");

    let host = "host".into();
    let place = |tx: &mut Tx| {
        tx.update(&task_key("b"), |task: &mut Task| {
            task.instance = Some("host".into());
            task.last_status = TaskStatus::Pending;
        });
        Ok::<_, StoreError>(())
    };
    store.commit(place).await.expect("commits");
    let placed = store.snapshot();
    assert_eq!(placed.active_tasks_on(&host).count(), 1);
    create(&store, "elsewhere").await.expect("commits");
    assert!(store.snapshot().same_tasks(&placed));

    let stop = |tx: &mut Tx| {
        tx.update(&task_key("b"), |task: &mut Task| task.desired_status = DesiredStatus::Stopped);
        Ok::<_, StoreError>(())
    };
    store.commit(stop).await.expect("commits");
    assert_eq!(ids(&store.snapshot(), Queue::Stopping), "b");
    let revision = store.snapshot().revision();
    drop(store);
    assert_eq!(open(&journal, Committer::Inline).snapshot().revision(), revision);
}

#[derive(Default)]
struct Names {
    builds: usize,
    tasks: Vec<String>,
}

impl View for Names {
    fn observe_task(&mut self, old: Option<&Task>, new: Option<&Task>) {
        self.tasks.retain(|name| old.is_none_or(|old| old.id.as_str() != name));
        self.tasks.extend(new.map(|new| new.id.to_string()));
    }

    fn observe_instance(&mut self, old: Option<&ContainerInstance>, _: Option<&ContainerInstance>) {
        self.builds += usize::from(old.is_none());
    }
}

async fn put_tasks<E: From<StoreError>>(store: &Store, ids: &[&str], result: Result<(), E>) -> Result<(), E> {
    let change = |tx: &mut Tx| {
        tx.put(definition("web", 1));
        ids.iter().for_each(|id| tx.put(task(id, definition("web", 1))));
        assert!(ids.iter().all(|id| tx.view::<Names>().tasks.iter().any(|name| name == id)), "told at once");
        result
    };
    store.commit(change).await
}

/// The names, and how often the view was told of the one instance: once each time it is built.
async fn names(store: &Store) -> (Vec<String>, usize) {
    let read = |tx: &mut Tx| {
        let names = tx.view::<Names>();
        Ok::<_, StoreError>((names.tasks.clone(), names.builds))
    };
    store.commit(read).await.expect("reads")
}

#[tokio::test]
async fn a_view_is_built_once_and_forgets_what_a_failed_change_told_it() {
    let store = open(&MemoryJournal::new(), Committer::Inline);
    let register = |tx: &mut Tx| {
        tx.put(fixture::instance("host", 1024, 1024));
        Ok::<_, StoreError>(())
    };
    store.commit(register).await.expect("commits");
    put_tasks::<StoreError>(&store, &["a"], Ok(())).await.expect("commits");
    assert_eq!(names(&store).await, (vec!["a".to_owned()], 1));
    let refused = StoreError::Failed("refused".to_owned());
    put_tasks(&store, &["b", "c"], Err(refused)).await.expect_err("refused");
    assert_eq!(names(&store).await, (vec!["a".to_owned()], 1));
    let orphan = |tx: &mut Tx| {
        tx.put(task("orphan", definition("unknown", 1)));
        tx.remove::<Task>(&task_key("a"));
        Ok::<_, StoreError>(())
    };
    store.commit(orphan).await.expect_err("no definition");
    assert_eq!(names(&store).await, (vec!["a".to_owned()], 1));
}

#[tokio::test]
async fn a_view_is_built_anew_after_a_panic() {
    let store = open(&MemoryJournal::new(), Committer::Inline);
    put_tasks::<StoreError>(&store, &["a"], Ok(())).await.expect("commits");
    let other = store.clone();
    let panicking = tokio::spawn(async move {
        let change = |tx: &mut Tx| -> Result<(), StoreError> {
            tx.put(task("b", definition("web", 1)));
            tx.view::<Names>().tasks.clear();
            panic!("a bug in a change")
        };
        other.commit(change).await
    });
    assert!(panicking.await.is_err());
    assert_eq!(names(&store).await.0, ["a"]);
}

/// Puts task `id` on a host, or takes it off.
async fn place(store: &Store, id: &str, host: Option<&str>) {
    let change = |tx: &mut Tx| {
        let row = Task { instance: host.map(Into::into), ..task(id, definition("web", 1)) };
        tx.put(definition("web", 1));
        tx.put(row);
        Ok::<_, StoreError>(())
    };
    store.commit(change).await.expect("commits");
}

#[tokio::test]
async fn instances_that_changed_are_told_from_those_that_did_not() {
    let store = open(&MemoryJournal::new(), Committer::Inline);
    let put = async |id: &str, cpu_units: u32| {
        let change = |tx: &mut Tx| {
            tx.put(fixture::instance(id, cpu_units, 1024));
            Ok::<_, StoreError>(())
        };
        store.commit(change).await.expect("commits");
    };
    let changed = |before: &Instances| {
        let snapshot = store.snapshot();
        snapshot.instances_changed_since(before).map(|i| i.id.to_string()).collect::<Vec<_>>()
    };
    for n in 0..100 {
        put(&format!("h{n}"), 1024).await;
    }
    assert_eq!(changed(&Instances::default()).len(), 100);
    let before = store.snapshot().instances_now();
    assert_eq!(changed(&before), [""; 0]);
    put("h7", 2048).await;
    put("h8", 1024).await;
    put("new", 1024).await;
    let remove = |tx: &mut Tx| {
        tx.remove::<ContainerInstance>(&(scope(), "h9".into()));
        Ok::<_, StoreError>(())
    };
    store.commit(remove).await.expect("commits");
    assert_eq!(changed(&before), ["h7", "new"], "h8 is the same as before, h9 is gone");
}

#[tokio::test]
async fn a_watch_of_an_instance_wakes_for_its_record_and_its_tasks_alone() {
    let store = open(&MemoryJournal::new(), Committer::Inline);
    let mut watch = store.watch_instance(&"h1".into());
    watch.changed().await;
    create(&store, "elsewhere").await.expect("commits");
    place(&store, "t1", Some("h2")).await;
    assert!(!is_ready(pin!(watch.changed())), "nothing of h1 has changed");

    let mut waiting = Box::pin(watch.changed());
    assert!(!is_ready(waiting.as_mut()));
    place(&store, "t1", Some("h1")).await;
    let seen = waiting.await;
    assert_eq!(
        (seen.active_tasks_on(&"h1".into()).count(), seen.revision()),
        (1, store.snapshot().revision())
    );
    assert!(!is_ready(pin!(watch.changed())), "seen");

    place(&store, "t1", Some("h2")).await;
    assert!(is_ready(pin!(watch.changed())), "it has lost a task");
    let register = |tx: &mut Tx| {
        tx.put(fixture::instance("h1", 1024, 1024));
        Ok::<_, StoreError>(())
    };
    store.commit(register).await.expect("commits");
    assert!(is_ready(pin!(watch.changed())), "its record was made");
    let refused = store.commit(|tx: &mut Tx| {
        tx.remove::<ContainerInstance>(&(scope(), "h1".into()));
        Err::<(), _>(StoreError::Failed("refused".to_owned()))
    });
    refused.await.expect_err("refused");
    assert!(!is_ready(pin!(watch.changed())), "nothing came of it");
}

#[tokio::test]
async fn watches_of_one_instance_go_on_when_another_is_dropped_and_waits_that_are_given_up_lose_nothing() {
    let store = open(&MemoryJournal::new(), Committer::Inline);
    let mut watch = store.watch_instance(&"h1".into());
    let other = store.watch_instance(&"h1".into());
    watch.changed().await;
    drop(other);
    assert!(!is_ready(pin!(watch.changed())), "and the future is dropped");
    place(&store, "t1", Some("h1")).await;
    assert!(is_ready(pin!(watch.changed())));
    drop(watch);
    place(&store, "t2", Some("h1")).await;
    let mut again = store.watch_instance(&"h1".into());
    assert_eq!(again.changed().await.active_tasks_on(&"h1".into()).count(), 2);
    place(&store, "t3", Some("h1")).await;
    assert!(is_ready(pin!(again.changed())));
}

#[tokio::test]
async fn a_watch_of_deleted_keys_wakes_for_those_alone() {
    let store = open(&MemoryJournal::new(), Committer::Inline);
    let mut watch = store.watch_deleted_keys();
    assert!(is_ready(pin!(watch.changed())), "the first time at once");
    create(&store, "elsewhere").await.expect("commits");
    assert!(!is_ready(pin!(watch.changed())), "no key was deleted");
    let key = || AccessKey {
        id: "AKIA".into(),
        secret: "secret".to_owned(),
        account: scope().account,
        created_at: model::Timestamp(0),
        agent: None,
    };
    let put = |tx: &mut Tx| {
        tx.put(key());
        Ok::<_, StoreError>(())
    };
    store.commit(put).await.expect("commits");
    let mut waiting = Box::pin(watch.changed());
    assert!(!is_ready(waiting.as_mut()), "one was made");
    let remove = |tx: &mut Tx| {
        tx.remove::<AccessKey>(&"AKIA".into());
        Ok::<_, StoreError>(())
    };
    store.commit(remove).await.expect("commits");
    waiting.await;
    assert!(store.snapshot().access_key(&"AKIA".into()).is_none(), "it is gone by then");
}

/// Eight writers at once, each on a host of its own; each watcher ends when it has seen all of its host.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_watch_of_an_instance_misses_a_change() {
    const EACH: usize = 100;
    let store = open(&MemoryJournal::new(), Committer::Thread);
    let watchers = (0..8).map(|host| {
        let host = format!("h{host}").as_str().into();
        let mut watch = store.watch_instance(&host);
        tokio::spawn(async move { while watch.changed().await.active_tasks_on(&host).count() < EACH {} })
    });
    let watchers: Vec<_> = watchers.collect();
    let writers = (0..8).map(|host| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..EACH {
                place(&store, &format!("t{host}-{n}"), Some(&format!("h{host}"))).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no panic");
    }
    for watcher in watchers {
        let seen = tokio::time::timeout(std::time::Duration::from_secs(30), watcher).await;
        seen.expect("a change was missed").expect("no panic");
    }
}

#[tokio::test]
async fn a_task_shares_its_text_with_the_rows_that_it_names_when_it_is_new_and_when_it_was_read() {
    let journal = MemoryJournal::new();
    let store = open(&journal, Committer::Inline);
    let change = |tx: &mut Tx| {
        let task = fixture::task(&["app!"]);
        tx.put(cluster(task.cluster.as_str()));
        tx.put(fixture::instance("host", 1024, 1024));
        tx.put(TaskDefinition::clone(&task.definition));
        tx.put(Task { instance: Some("host".into()), ..task });
        Ok::<_, StoreError>(())
    };
    store.commit(change).await.expect("commits");
    let check = |snapshot: &Snapshot, is_read: bool| {
        let task = snapshot.all_tasks().next().expect("the task");
        let definition = &task.definition;
        let cluster = snapshot.cluster(&task.scope, &task.cluster).expect("the cluster");
        let instance = snapshot.instance_by_id(&"host".into()).expect("the instance");
        assert!(std::ptr::eq(task.scope.account.as_str(), definition.scope.account.as_str()));
        assert!(std::ptr::eq(task.cluster.as_str(), cluster.name.as_str()));
        assert!(std::ptr::eq(task.containers[0].name.as_str(), definition.containers[0].name.as_str()));
        let host = task.instance.as_ref().expect("it is placed");
        // Whoever places a task has the id from the instance's row.
        assert_eq!(std::ptr::eq(host.as_str(), instance.id.as_str()), is_read);
    };
    check(&store.snapshot(), false);
    drop(store);
    check(&open(&journal, Committer::Inline).snapshot(), true);
}
