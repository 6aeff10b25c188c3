//! `agentConnected`: true exactly while a session is open. This file is its one writer.

use crate::context::Context;
use crate::controller::Controller;
use crate::plan::{Change, Plan, instance_key};
use crate::session::{Link, Links, SessionEnd};
use acs::link::{AcsQuery, DOCKER_VERSION_NONE};
use model::Timestamp;
use model::instance::{ContainerInstance, InstanceStatus};
use std::sync::Arc;
use store::{InstanceKey, State};

/// At most so many instances in one plan, because plans are made under the store's lock.
const INSTANCES_PER_PLAN_MAX: usize = 1024;

/// Clears the flag of instances without a session. After a start of the control plane that is all of them.
pub(crate) struct Presence {
    pub(crate) links: Arc<Links>,
}

impl Controller for Presence {
    fn name(&self) -> &'static str {
        "presence"
    }

    /// Links say so when they go: instances are looked through once, at the start.
    fn is_due(&self, _: &State, _: Timestamp) -> bool {
        self.links.has_suspects()
    }

    fn plan(&self, state: &State, now: Timestamp) -> Plan {
        let mut plan = Plan::default();
        let connected = state.all_instances().filter(|i| i.agent_connected).map(|i| &i.id);
        for id in self.links.suspects(connected) {
            if plan.steps.len() == INSTANCES_PER_PLAN_MAX {
                break;
            }
            match state.instance_by_id(&id).filter(|instance| instance.agent_connected) {
                Some(instance) => {
                    let mut after = ContainerInstance::clone(instance);
                    after.agent_connected = false;
                    after.connection_changed_at = Some(now);
                    after.version += 1;
                    plan.push(Change::PutInstance(Box::new(after)), "its agent has no session");
                }
                // A session that ended before this plan cannot set the flag any more.
                None => self.links.clear(&id),
            }
        }
        plan
    }
}

/// A session begins: sets the flag and answers the session's timeline, which is durable before anything is sent
/// (INV-ACS-3). It follows the clock: a store that was restored from an older copy has forgotten the last sessions, and
/// agents drop a manifest that is not above those that they have seen.
pub(crate) async fn connect(
    context: &Context,
    link: &Link,
    key: &InstanceKey,
    query: &AcsQuery,
) -> Result<i64, SessionEnd> {
    context
        .store
        .commit(|tx| {
            if !link.is_current() {
                return Err(SessionEnd::Superseded);
            }
            let Some(instance) = tx.get::<ContainerInstance>(key) else {
                return Err(SessionEnd::Deregistered);
            };
            if instance.status == InstanceStatus::Inactive {
                return Err(SessionEnd::Deregistered);
            }
            let mut after = ContainerInstance::clone(instance);
            if !instance.agent_connected {
                after.agent_connected = true;
                after.connection_changed_at = Some(context.now());
            }
            after.version += 1;
            after.timeline = context.now().0.max(instance.timeline + 1);
            for (known, said) in [
                (&mut after.agent_version, &query.agent_version),
                (&mut after.agent_hash, &query.agent_hash),
                (&mut after.docker_version, &query.docker_version),
            ] {
                if !said.is_empty() && said != DOCKER_VERSION_NONE {
                    known.clone_from(said);
                }
            }
            debug_assert_eq!(instance_key(&after), *key, "a session never moves an instance");
            let timeline = after.timeline;
            let mut plan = Plan::default();
            plan.push(Change::PutInstance(Box::new(after)), "its agent opened a session");
            plan.apply(tx);
            Ok(timeline)
        })
        .await
}
