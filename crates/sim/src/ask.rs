//! What a RunTask or StartTask asks for, and whether what was made of it is right: told from the records by looking at
//! everything, as the documentation says it, without any of the product's placement.

use crate::expression::Expression;
use crate::site::{INSTANCE_TYPE, LIMITED};
use crate::witness::Seen;
use invariants::{
    Check as Verdict, Violation, instance_is_of_the_group, instance_took_tasks, intent_is_kept,
    is_alone_of_group, providers_have_their_shares,
};
use model::capacity_provider::is_built_in;
use model::demand;
use model::instance::{ContainerInstance, InstanceStatus};
use model::network::DefaultVpc;
use model::placement::CapacityProviderStrategyItem;
use model::task::{DesiredStatus, Overrides, Task};
use model::task_definition::{LaunchType, NetworkMode, TaskDefinition};
use model::{ClusterName, Family, InstanceId, Scope, SubnetId, TaskId};
use std::collections::BTreeMap;
use store::State;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where.
    pub scope: Scope,
    /// Where.
    pub cluster: ClusterName,
    /// How many tasks.
    pub count: u32,
    /// Of what.
    pub definition: (Family, u32),
    /// The group that they join.
    pub group: String,
    /// Where they may have their interfaces.
    pub subnets: Vec<SubnetId>,
    /// On what they are to run.
    pub on: On,
    /// All of them have to hold.
    pub constraints: Vec<Constraint>,
}

/// On what tasks are to run.
#[derive(Clone, Debug)]
pub enum On {
    /// By launch type.
    LaunchType(LaunchType),
    /// By a capacity provider strategy.
    Providers(Vec<CapacityProviderStrategyItem>),
    /// As the cluster has it.
    Default,
    /// On this instance (StartTask).
    Instance(InstanceId),
}

/// A placement constraint.
#[derive(Clone, Debug)]
pub enum Constraint {
    /// No other task of the group there.
    DistinctInstance,
    /// The instance matches.
    MemberOf(Expression),
}

/// One part of the tasks, as far as it says where they go.
struct Part {
    launch_type: LaunchType,
    auto_scaling_group: Option<String>,
    instance: Option<InstanceId>,
}

impl Ask {
    /// A transaction made these tasks of it, in this order, and refused the others if there are any.
    pub fn answered(&self, tasks: &[TaskId], is_refused: bool, seen: &Seen) -> Verdict {
        let fresh = tasks.iter().filter(|id| seen.before.task(&self.scope, id).is_none());
        let found = fresh.map(|id| {
            let task = seen.after.task(&self.scope, id).map(|task| &**task);
            intent_is_kept(id, task, false).map(|()| task)
        });
        let made: Vec<&Task> = found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        self.made(&made, &seen.before)?;
        if is_refused { self.refused(&seen.after) } else { Ok(()) }
    }

    /// The tasks that one transaction made of it, in their order; `before` is the state before it.
    fn made(&self, made: &[&Task], before: &State) -> Verdict {
        if let Some(strategy) = self.strategy(before) {
            let mut counts = BTreeMap::new();
            let named = made.iter().map(|task| task.capacity_provider.as_deref().unwrap_or_default());
            named.for_each(|name| *counts.entry(name).or_default() += 1);
            providers_have_their_shares(&strategy, self.count, &counts)?;
        }
        for (n, task) in made.iter().enumerate() {
            let instance = task.instance.as_ref().and_then(|id| before.instance_by_id(id));
            instance_took_tasks(task, instance.map(|instance| &**instance))?;
            let Some(instance) = instance else { continue };
            let provider =
                task.capacity_provider.as_deref().and_then(|name| provider_group(before, name, self));
            instance_is_of_the_group(task, provider.as_deref(), instance)?;
            let earlier = made[..n].iter().copied().filter(|earlier| earlier.instance == task.instance);
            let there: Vec<&Task> =
                before.active_tasks_on(&instance.id).map(|task| &**task).chain(earlier).collect();
            self.placed(task, instance, &there)?;
        }
        Ok(())
    }

    fn placed(&self, task: &Task, instance: &ContainerInstance, there: &[&Task]) -> Verdict {
        for constraint in &self.constraints {
            match constraint {
                Constraint::DistinctInstance => is_alone_of_group(task, there.iter().copied())?,
                Constraint::MemberOf(expression) if expression.holds(instance, there) => {}
                Constraint::MemberOf(expression) => {
                    let text = format!("task {} is on {}, which is not: {expression}", task.id, instance.id);
                    return Err(Violation { id: "INV-PLACE-6", text });
                }
            }
        }
        Ok(())
    }

    /// Not all tasks found a place, and `state` is what it was when that was decided: there is none (INV-PLACE-7).
    fn refused(&self, state: &State) -> Verdict {
        let Some(definition) = self.definition(state) else { return Ok(()) };
        let parts = self.parts(state);
        // Which part was refused nobody says, so one that still is none is enough.
        let takers = parts.iter().map(|part| {
            let mut instances = state.all_instances();
            instances.find(|instance| self.takes(definition, part, instance, state)).map(|taker| &taker.id)
        });
        let takers: Option<Vec<_>> = takers.collect();
        match takers {
            Some(takers) if !takers.is_empty() => {
                let text = format!("a task was refused that {takers:?} would take: {self:?}");
                Err(Violation { id: "INV-PLACE-7", text })
            }
            _ => Ok(()),
        }
    }

    /// Whether there is an instance for each part of the tasks.
    pub fn has_room(&self, state: &State) -> bool {
        let Some(definition) = self.definition(state) else { return false };
        let parts = self.parts(state);
        !parts.is_empty()
            && parts.iter().all(|part| state.all_instances().any(|i| self.takes(definition, part, i, state)))
    }

    fn takes(
        &self,
        definition: &TaskDefinition,
        part: &Part,
        instance: &ContainerInstance,
        state: &State,
    ) -> bool {
        let is_reached = match part.launch_type {
            LaunchType::Fargate => instance.serves_fargate(),
            LaunchType::Ec2 | LaunchType::External => instance.cluster == self.cluster,
        };
        let is_named = part.instance.as_ref().is_none_or(|id| *id == instance.id)
            && part.auto_scaling_group.as_deref().is_none_or(|of| instance.auto_scaling_group() == Some(of));
        let is_up = instance.status == InstanceStatus::Active && instance.agent_connected;
        let there: Vec<&Task> = state.active_tasks_on(&instance.id).map(|task| &**task).collect();
        (is_reached && is_named && is_up)
            && self.is_near(definition, instance)
            && has_room(definition, instance, &there)
            && self.constraints.iter().all(|constraint| match constraint {
                Constraint::MemberOf(expression) => expression.holds(instance, &there),
                Constraint::DistinctInstance => !there.iter().any(|task| self.is_of_group(task, part)),
            })
    }

    fn is_near(&self, definition: &TaskDefinition, instance: &ContainerInstance) -> bool {
        let closed = DefaultVpc::of(&self.scope).zones_without(&self.subnets);
        let is_closed = |zone: &str| closed.iter().any(|closed| closed == zone);
        definition.network_mode != NetworkMode::Awsvpc || !instance.zone().is_some_and(is_closed)
    }

    fn is_of_group(&self, task: &Task, part: &Part) -> bool {
        let is_fargate = |launch_type| launch_type == LaunchType::Fargate;
        (&task.cluster, &task.group) == (&self.cluster, &self.group)
            && is_fargate(task.launch_type) == is_fargate(part.launch_type)
            && task.desired_status == DesiredStatus::Running
    }

    /// The parts that get any task.
    fn parts(&self, state: &State) -> Vec<Part> {
        let of = |launch_type| Part { launch_type, auto_scaling_group: None, instance: None };
        match (&self.on, self.strategy(state)) {
            (On::LaunchType(launch_type), _) => vec![of(*launch_type)],
            (On::Instance(id), _) => vec![Part { instance: Some(id.clone()), ..of(LaunchType::Ec2) }],
            (On::Providers(_) | On::Default, Some(strategy)) => {
                let named = strategy.iter().filter(|item| item.weight > 0 || item.base > 0);
                let part = |item: &CapacityProviderStrategyItem| match is_built_in(&item.capacity_provider) {
                    true => of(LaunchType::Fargate),
                    false => Part {
                        auto_scaling_group: provider_group(state, &item.capacity_provider, self),
                        ..of(LaunchType::Ec2)
                    },
                };
                named.map(part).collect()
            }
            (On::Providers(_) | On::Default, None) => vec![of(LaunchType::Ec2)],
        }
    }

    /// The strategy that divides the tasks, if one does.
    fn strategy(&self, state: &State) -> Option<Vec<CapacityProviderStrategyItem>> {
        let strategy = match &self.on {
            On::LaunchType(_) | On::Instance(_) => return None,
            On::Providers(strategy) => strategy,
            On::Default => &state.cluster(&self.scope, &self.cluster)?.default_capacity_provider_strategy,
        };
        Some(strategy.clone()).filter(|strategy| !strategy.is_empty())
    }

    fn definition<'a>(&self, state: &'a State) -> Option<&'a TaskDefinition> {
        let (family, revision) = &self.definition;
        state.task_definition(&self.scope, family, *revision).map(|definition| &**definition)
    }
}

/// The Auto Scaling group of a capacity provider; a built-in one has none.
fn provider_group(state: &State, name: &str, ask: &Ask) -> Option<String> {
    state.capacity_provider(&ask.scope, name).map(|provider| provider.auto_scaling_group().to_owned())
}

/// Whether there is enough of everything beside these tasks.
fn has_room(definition: &TaskDefinition, instance: &ContainerInstance, there: &[&Task]) -> bool {
    let wanted = demand::demand(definition, &Overrides::default());
    let (held, has) = (demand::held(there.iter().copied()), &instance.registered);
    let is_awsvpc = |definition: &TaskDefinition| definition.network_mode == NetworkMode::Awsvpc;
    let interfaces = there.iter().filter(|task| is_awsvpc(&task.definition)).count();
    let is_limited =
        instance.attributes.get(INSTANCE_TYPE).is_some_and(|is| is.as_deref() == Some(LIMITED.0));
    held.cpu_units + wanted.cpu_units <= has.cpu_units
        && held.memory_mib + wanted.memory_mib <= has.memory_mib
        && wanted.ports_tcp.is_disjoint(&held.ports_tcp)
        && wanted.ports_tcp.is_disjoint(&has.ports_tcp)
        && wanted.ports_udp.is_disjoint(&held.ports_udp)
        && wanted.ports_udp.is_disjoint(&has.ports_udp)
        && !(is_limited && is_awsvpc(definition) && interfaces >= LIMITED.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::RACK;
    use model::fixture::{definition, instance, scope, task};
    use store::{Committer, MemoryJournal, Snapshot, Store, StoreError};

    /// A task of FARGATE that takes 256 units, or one on instances of the cluster.
    fn placed(id: &str, on: &str, launch_type: LaunchType) -> Task {
        Task { id: id.into(), instance: Some(on.into()), launch_type, ..task(&["app!"]) }
    }

    fn ask(on: On, constraints: Vec<Constraint>) -> Ask {
        let of = definition(&["app!"]);
        Ask {
            scope: scope(),
            cluster: "default".into(),
            count: 1,
            definition: (of.family, of.revision),
            group: "family:web".to_owned(),
            subnets: Vec::new(),
            on,
            constraints,
        }
    }

    /// i1 has room for two tasks, one of which is there; i2 has a rack and is draining.
    async fn state(change: impl FnOnce(&mut ContainerInstance, &mut ContainerInstance)) -> Snapshot {
        let store = Store::open(Box::new(MemoryJournal::new()), Committer::Inline).unwrap();
        let (mut first, mut second) = (instance("i1", 512, 8192), instance("i2", 4096, 8192));
        second.status = InstanceStatus::Draining;
        second.attributes.insert(RACK.to_owned(), Some("r1".to_owned()));
        change(&mut first, &mut second);
        let written = store.commit(|tx| {
            tx.put(definition(&["app!"]));
            tx.put(first);
            tx.put(second);
            tx.put(placed("t1", "i1", LaunchType::Ec2));
            Ok::<_, StoreError>(())
        });
        written.await.unwrap();
        store.snapshot()
    }

    fn broken(check: Verdict) -> &'static str {
        check.map_or_else(|violation| violation.id, |()| "none")
    }

    #[tokio::test]
    async fn a_refusal_is_wrong_when_an_instance_takes_the_task() {
        let ec2 = || On::LaunchType(LaunchType::Ec2);
        let rack = || Constraint::MemberOf(Expression::Has(RACK, "r1".to_owned()));
        let usual = state(|_, _| {}).await;
        let refused = |on, constraints| broken(ask(on, constraints).refused(&usual));
        assert_eq!(refused(ec2(), vec![]), "INV-PLACE-7", "i1 has room for one more");
        assert_eq!(refused(On::LaunchType(LaunchType::Fargate), vec![]), "INV-PLACE-7");
        assert_eq!(refused(On::Default, vec![]), "INV-PLACE-7");
        assert_eq!(refused(On::Instance("i1".into()), vec![]), "INV-PLACE-7");
        assert_eq!(refused(On::Instance("i2".into()), vec![]), "none", "it is draining");
        assert_eq!(refused(ec2(), vec![Constraint::DistinctInstance]), "none", "the group is on i1");
        assert_eq!(refused(ec2(), vec![rack()]), "none", "only i2 is in the rack");
        let refused = async |change: fn(&mut ContainerInstance)| {
            let state = state(|first, _| change(first)).await;
            assert_eq!(ask(ec2(), vec![]).has_room(&state), ask(ec2(), vec![]).refused(&state).is_err());
            broken(ask(ec2(), vec![]).refused(&state))
        };
        assert_eq!(refused(|i| i.registered.cpu_units = 511).await, "none");
        assert_eq!(refused(|i| i.registered.memory_mib = 600).await, "none");
        assert_eq!(refused(|i| i.agent_connected = false).await, "none");
        assert_eq!(refused(|i| i.cluster = "other".into()).await, "none");
    }

    #[tokio::test]
    async fn a_place_is_wrong_that_a_constraint_forbids() {
        let before = state(|_, second| second.status = InstanceStatus::Active).await;
        let made = |constraint, on| {
            let ask = ask(On::LaunchType(LaunchType::Ec2), vec![constraint]);
            broken(ask.made(&[&placed("t2", on, LaunchType::Ec2)], &before))
        };
        let rack = || Constraint::MemberOf(Expression::Has(RACK, "r1".to_owned()));
        assert_eq!(made(rack(), "i2"), "none");
        assert_eq!(made(rack(), "i1"), "INV-PLACE-6");
        assert_eq!(made(Constraint::DistinctInstance, "i2"), "none");
        assert_eq!(made(Constraint::DistinctInstance, "i1"), "INV-PLACE-6");
        let both = [placed("t2", "i2", LaunchType::Ec2), placed("t3", "i2", LaunchType::Ec2)];
        let ask = ask(On::LaunchType(LaunchType::Ec2), vec![Constraint::DistinctInstance]);
        assert_eq!(broken(ask.made(&[&both[0], &both[1]], &before)), "INV-PLACE-6", "of one request");
    }
}
