//! UpdateContainerAgent.

use crate::{Ecs, Refusal, lookup, names};
use model::instance::{ContainerInstance, InstanceStatus};
use wire::Cx;
use wire::ecs::{UpdateContainerAgentRequest, UpdateContainerAgentResponse};

impl Ecs {
    /// UpdateContainerAgent: an agent of Wharf is updated with Wharf itself, and the official one by its host's own
    /// means, so there is never an update to be had here.
    pub(crate) async fn update_container_agent(
        &self,
        cx: &Cx,
        input: UpdateContainerAgentRequest,
    ) -> Result<UpdateContainerAgentResponse, Refusal> {
        let cluster = names::cluster(&cx.scope, input.cluster.as_deref())?;
        let id = names::instance(&cx.scope, &cluster, &input.container_instance)?;
        let state = self.store.snapshot();
        lookup::cluster(&state, &cx.scope, &cluster)?;
        let found = state.get::<ContainerInstance>(&(cx.scope.clone(), id));
        let instance = found.filter(|i| i.cluster == cluster && i.status != InstanceStatus::Inactive);
        match instance.ok_or(Refusal::InstanceNotFound)?.agent_version.as_str() {
            "" => Err(Refusal::AgentVersionMissing),
            _ => Err(Refusal::NoUpdateAvailable),
        }
    }
}
