//! What must hold, and what it is checked against: the states that were visible, what is on the hosts, and what the client
//! was told.

use crate::node::{CPU_UNITS, MEMORY_MIB};
use agent::fake::HostEvent;
use invariants::{
    Check as Verdict, View, Violation, check_all, check_task_change, container_was_asked_for, executed_once,
    host_is_not_overcommitted, instances_are_not_overcommitted, intent_is_kept, interfaces_follow_tasks,
    is_written_off, nothing_is_left, nothing_is_shared, request_counts_once, revision_was_deleted,
    revisions_are_immutable, running_was_seen, stopped_tasks_are_explained, tasks_have_hosts,
    times_are_ordered,
};
use model::instance::{ContainerInstance, Resources};
use model::network::Eni;
use model::task::{Task, TaskStatus};
use model::task_definition::TaskDefinition;
use model::{InstanceId, Scope, TaskId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::{Record, Snapshot, TaskKey, Write};

/// A look at everything costs as much as there is: it is for every so many commits.
const COMMITS_PER_FULL_CHECK: u32 = 1024;

/// The checker.
pub struct Check(Mutex<State>);

#[derive(Default)]
struct State {
    /// The newest state that was visible, and checked.
    last: Option<Snapshot>,
    /// The state after the commit whose rows are in `writes`.
    next: Option<Snapshot>,
    writes: Vec<(&'static str, Vec<u8>)>,
    commits: u32,
    /// The host of each instance.
    instances: BTreeMap<InstanceId, usize>,
    /// Of each host: the containers that run, with their tasks.
    running: Vec<BTreeMap<String, TaskId>>,
    /// The same by task, of all hosts.
    running_of: BTreeMap<TaskId, BTreeSet<String>>,
    /// On which host, and after how many restarts, each container was last started.
    started: BTreeMap<String, (usize, u32)>,
    /// By `startedBy`: how many tasks a request asked for, and how many it made.
    requests: BTreeMap<String, (usize, usize)>,
    /// Revisions that are gone.
    deleted: BTreeMap<DefinitionKey, Arc<TaskDefinition>>,
    /// Tasks of which the client was told; whether their stop was acknowledged.
    acknowledged: BTreeMap<TaskId, bool>,
}

type DefinitionKey = <TaskDefinition as Record>::Key;

impl Check {
    /// Nothing has happened yet on so many hosts.
    pub fn new(hosts: usize) -> Self {
        Self(Mutex::new(State { running: vec![BTreeMap::new(); hosts], ..State::default() }))
    }

    /// An agent was told which instance its host is.
    pub fn registered(&self, arn: &str, host: usize) {
        let id = arn.rsplit('/').next().unwrap_or_default();
        self.state().instances.insert(InstanceId::from(id.to_owned()), host);
    }

    /// The host of an instance, as far as its agent was told of it.
    pub fn host_of(&self, instance: &str) -> Option<usize> {
        self.state().instances.get(&InstanceId::from(instance.to_owned())).copied()
    }

    /// A request for tasks is about to be sent.
    pub fn asks(&self, request: &str, count: usize) {
        self.state().requests.insert(request.to_owned(), (count, 0));
    }

    /// The client was told of a task.
    pub fn was_told(&self, task: &TaskId) -> Verdict {
        let mut state = self.state();
        state.acknowledged.entry(task.clone()).or_default();
        state.intent(task)
    }

    /// The client was told that a task will stop.
    pub fn was_told_of_stop(&self, task: &TaskId) -> Verdict {
        let mut state = self.state();
        state.acknowledged.insert(task.clone(), true);
        state.intent(task)
    }

    /// Rows were appended to the journal; the state that they make is not visible yet.
    pub fn committed(&self, writes: &[Write]) {
        let mut state = self.state();
        state.commits += 1;
        state.writes.extend(writes.iter().map(|write| (write.table, write.key.clone())));
    }

    /// This is visible now.
    pub fn published(&self, snapshot: Snapshot) {
        let mut state = self.state();
        if !state.writes.is_empty() {
            state.next = Some(snapshot);
        }
    }

    /// Checks the newest visible state against the one before.
    pub fn settle(&self) -> Verdict {
        let mut state = self.state();
        let Some(next) = state.next.take() else { return Ok(()) };
        let writes = std::mem::take(&mut state.writes);
        let verdict = state.changed(&next, &writes);
        state.last = Some(next);
        if state.commits.is_multiple_of(COMMITS_PER_FULL_CHECK) {
            state.everything()?;
        }
        verdict
    }

    /// A control plane has read its disk: everything that was visible is there, and nothing else but what was on its way.
    pub fn reopened(&self, snapshot: &Snapshot) -> Verdict {
        let mut state = self.state();
        (state.next, state.writes) = (None, Vec::new());
        let Some(last) = state.last.replace(snapshot.clone()) else { return Ok(()) };
        let lost = |text: String| Err(Violation { id: "INV-STORE-1", text });
        if snapshot.revision() < last.revision() {
            let (was, is) = (last.revision(), snapshot.revision());
            return lost(format!("revision {was} was visible, and {is} is on disk"));
        }
        let is_same = snapshot.revision() == last.revision();
        for task in last.all_tasks() {
            let Some(found) = snapshot.task(&task.scope, &task.id) else {
                if !is_same && task.last_status == TaskStatus::Stopped {
                    state.acknowledged.remove(&task.id);
                    continue;
                }
                return lost(format!("task {} is gone", task.id));
            };
            // What a definition's status is, a task's copy of it does not say.
            let found = Task { definition: task.definition.clone(), ..Task::clone(found) };
            if is_same && found != **task {
                return lost(format!("{task:?} has become {found:?}"));
            }
            check_task_change(task, &found)?;
        }
        if is_same && !snapshot.all_instances().eq(last.all_instances()) {
            return lost("the container instances have changed".to_owned());
        }
        let fresh: Vec<TaskKey> = snapshot
            .all_tasks()
            .filter(|task| last.task(&task.scope, &task.id).is_none())
            .map(|task| (task.scope.clone(), task.id.clone()))
            .collect();
        state.count(&fresh)?;
        for was in last.all_task_definitions() {
            let key = was.key();
            if snapshot.get::<TaskDefinition>(&key).is_none() {
                revision_was_deleted(was)?;
                state.deleted.insert(key, was.clone());
            }
        }
        let told: Vec<TaskId> = state.acknowledged.keys().cloned().collect();
        told.iter().try_for_each(|task| state.intent(task))?;
        state.everything()
    }

    /// Something happened on a host.
    pub fn host_event(&self, host: usize, event: &HostEvent) -> Verdict {
        let mut state = self.state();
        match event {
            HostEvent::Started { id, task, restarts } => {
                let (id, task) = (id.0.clone(), TaskId::from(task.clone()));
                let now = (host, *restarts);
                executed_once(&id, state.started.get(&id), &now)?;
                state.started.insert(id.clone(), now);
                state.running[host].insert(id.clone(), task.clone());
                state.running_of.entry(task.clone()).or_default().insert(id.clone());
                let is_here = |task: &Task| {
                    let instance = task.instance.as_ref().and_then(|id| state.instances.get(id));
                    instance.is_none_or(|of| *of == host)
                };
                let record = state.task(&task);
                container_was_asked_for(
                    &id,
                    record,
                    record.and_then(|task| state.instance_of(task)),
                    is_here,
                )?;
                state.host(host)
            }
            HostEvent::Ended { id } | HostEvent::Removed { id } => {
                state.runs_no_more(host, &id.0);
                Ok(())
            }
            HostEvent::Rebooted => {
                let ids: Vec<String> = state.running[host].keys().cloned().collect();
                ids.iter().for_each(|id| state.runs_no_more(host, id));
                Ok(())
            }
            HostEvent::Conflict { task, with, of } => {
                let id = |text: &str| TaskId::from(text.to_owned());
                let written_off = [task, with].iter().any(|text| {
                    let task = state.task(&id(text));
                    is_written_off(task.and_then(|task| state.instance_of(task)))
                });
                if written_off { Ok(()) } else { Err(nothing_is_shared(task, with, of)) }
            }
            HostEvent::Attached(_) => Ok(()),
        }
    }

    /// The newest state that was visible.
    pub fn last(&self) -> Option<Snapshot> {
        self.state().last.clone()
    }

    /// Looks at everything.
    pub fn everything(&self) -> Verdict {
        self.state().everything()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys of the rows of this kind.
fn keys_of<R: Record>(writes: &[(&'static str, Vec<u8>)]) -> Result<BTreeSet<R::Key>, Violation> {
    let of_table = writes.iter().filter(|(table, _)| *table == R::TABLE);
    let key =
        |(_, key): &(&str, Vec<u8>)| R::key_of(key).map_err(|text| Violation { id: "INV-STORE-2", text });
    of_table.map(key).collect()
}

impl State {
    /// What a commit changed, against the state before.
    fn changed(&mut self, next: &Snapshot, writes: &[(&'static str, Vec<u8>)]) -> Verdict {
        let before = self.last.clone();
        let before = before.as_ref();
        let mut touched = BTreeSet::new();
        for key in keys_of::<Task>(writes)? {
            match (before.and_then(|b| b.get::<Task>(&key)), next.get::<Task>(&key)) {
                (was, Some(task)) => {
                    if let Some(was) = was {
                        check_task_change(was, task)?;
                    }
                    self.task_is_sound(task)?;
                    touched.extend(task.instance.clone());
                    let enis = task.eni.as_ref().and_then(|eni| eni.interface.as_ref());
                    let enis = enis
                        .and_then(|interface| next.eni(interface.address))
                        .filter(|eni| eni.task == task.id);
                    interfaces_follow_tasks([&**task], enis.map(|eni| &**eni))?;
                }
                (Some(was), None) => self.forgotten(was)?,
                (None, None) => {}
            }
        }
        for (_, id) in keys_of::<ContainerInstance>(writes)? {
            touched.insert(id);
        }
        for id in touched {
            let instance = next.instance_by_id(&id).map(|instance| &**instance);
            instances_are_not_overcommitted(instance, next.active_tasks_on(&id).map(|task| &**task))?;
        }
        for key in keys_of::<TaskDefinition>(writes)? {
            let was = before.and_then(|before| before.get::<TaskDefinition>(&key));
            match (was, next.get::<TaskDefinition>(&key)) {
                (Some(was), Some(is)) => revisions_are_immutable(was, is)?,
                (Some(was), None) => {
                    revision_was_deleted(was)?;
                    self.deleted.insert(key, was.clone());
                }
                (None, _) => {}
            }
        }
        self.last = Some(next.clone());
        let mut fresh = Vec::from_iter(keys_of::<Task>(writes)?);
        fresh.retain(|key| before.and_then(|before| before.get::<Task>(key)).is_none());
        self.count(&fresh)
    }

    fn task_is_sound(&self, task: &Task) -> Verdict {
        times_are_ordered(task)?;
        stopped_tasks_are_explained(task)?;
        tasks_have_hosts([task])?;
        running_was_seen(task, |n| self.started.contains_key(&format!("{}-{n}", task.id)))?;
        if task.last_status < TaskStatus::Deprovisioning {
            return Ok(());
        }
        let running = self.running_of.get(&task.id).into_iter().flatten();
        nothing_is_left(task, self.instance_of(task), running.map(String::as_str))
    }

    fn runs_no_more(&mut self, host: usize, container: &str) {
        let Some(task) = self.running[host].remove(container) else { return };
        if let Some(containers) = self.running_of.get_mut(&task) {
            containers.remove(container);
            if containers.is_empty() {
                self.running_of.remove(&task);
            }
        }
    }

    /// A task was removed: nobody can ask about it any more.
    fn forgotten(&mut self, was: &Task) -> Verdict {
        if was.last_status == TaskStatus::Stopped {
            self.acknowledged.remove(&was.id);
        }
        self.intent(&was.id)
    }

    /// Tasks are new: each counts for the request that made it.
    fn count(&mut self, fresh: &[TaskKey]) -> Verdict {
        for key in fresh {
            let task = self.last.as_ref().and_then(|state| state.get::<Task>(key));
            let Some(request) = task.and_then(|task| task.started_by.as_ref()) else { continue };
            let Some((asked, made)) = self.requests.get_mut(request) else { continue };
            *made += 1;
            request_counts_once(request, *asked, *made)?;
        }
        Ok(())
    }

    fn intent(&self, task: &TaskId) -> Verdict {
        match self.acknowledged.get(task) {
            Some(is_stopped) => intent_is_kept(task, self.task(task), *is_stopped),
            None => Ok(()),
        }
    }

    /// What runs on a host fits.
    fn host(&self, host: usize) -> Verdict {
        let tasks: BTreeSet<&TaskId> = self.running[host].values().collect();
        let has = Resources { cpu_units: CPU_UNITS, memory_mib: MEMORY_MIB, ..Resources::default() };
        let tasks = tasks.into_iter().filter_map(|id| self.task(id));
        let running = tasks.filter(|task| !is_written_off(self.instance_of(task)));
        host_is_not_overcommitted(&format!("host {host}"), &has, running)
    }

    fn everything(&self) -> Verdict {
        let Some(state) = &self.last else { return Ok(()) };
        check_all(&View {
            tasks: state.all_tasks().map(|task| &**task).collect(),
            instances: state.all_instances().map(|instance| &**instance).collect(),
            enis: state.enis().map(|eni: &std::sync::Arc<Eni>| &**eni).collect(),
            definitions: state.all_task_definitions().chain(self.deleted.values()).map(|d| &**d).collect(),
        })?;
        state.check_indexes().map_err(|text| Violation { id: "INV-STORE-3", text })?;
        state.all_tasks().try_for_each(|task| self.task_is_sound(task))?;
        (0..self.running.len()).try_for_each(|host| self.host(host))
    }

    fn instance_of(&self, task: &Task) -> Option<&ContainerInstance> {
        let state = self.last.as_ref()?;
        state.instance_by_id(task.instance.as_ref()?).map(|instance| &**instance)
    }

    fn task(&self, id: &TaskId) -> Option<&Task> {
        let scope = Scope::new(crate::world::World::ACCOUNT, crate::world::World::REGION);
        self.last.as_ref()?.task(&scope, id).map(|task| &**task)
    }
}
