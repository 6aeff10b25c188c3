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

/// Clears the flag of instances without a session. After a start of the control plane that is all of them.
pub(crate) struct Presence {
    pub(crate) links: Arc<Links>,
}

impl Controller for Presence {
    fn name(&self) -> &'static str {
        "presence"
    }

    fn is_due(&self, state: &State, _: Timestamp) -> bool {
        self.gone(state).next().is_some()
    }

    fn plan(&self, state: &State, _: Timestamp) -> Plan {
        let mut plan = Plan::default();
        for instance in self.gone(state) {
            let mut after = instance.clone();
            after.agent_connected = false;
            after.version += 1;
            plan.push(Change::PutInstance(Box::new(after)), "its agent has no session");
        }
        plan
    }
}

impl Presence {
    fn gone<'a>(&'a self, state: &'a State) -> impl Iterator<Item = &'a ContainerInstance> {
        let instances = state.all_instances().map(|i| i.as_ref());
        instances.filter(|i| i.agent_connected && !self.links.is_open(&i.id))
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
            after.agent_connected = true;
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
