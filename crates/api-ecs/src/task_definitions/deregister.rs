//! DeregisterTaskDefinition.

use crate::{Ecs, Refusal, convert, names};
use model::task_definition::{TaskDefinition, TaskDefinitionStatus};
use wire::Cx;
use wire::ecs::{DeregisterTaskDefinitionRequest, DeregisterTaskDefinitionResponse};

impl Ecs {
    /// DeregisterTaskDefinition: INACTIVE from now on; what runs goes on. Idempotent.
    pub(crate) async fn deregister_task_definition(
        &self,
        cx: &Cx,
        input: DeregisterTaskDefinitionRequest,
    ) -> Result<DeregisterTaskDefinitionResponse, Refusal> {
        let name = names::definition(&cx.scope, &input.task_definition)?;
        let key = (cx.scope.clone(), name.family, name.revision.ok_or(Refusal::RevisionMissing)?);
        let now = self.clock.now();
        self.store
            .commit(|tx| {
                let found = tx.get::<TaskDefinition>(&key).ok_or(Refusal::DefinitionNotDeregistered)?;
                match found.status {
                    TaskDefinitionStatus::DeleteInProgress => return Err(Refusal::DefinitionBeingDeleted),
                    TaskDefinitionStatus::Inactive => {}
                    TaskDefinitionStatus::Active => {
                        tx.update(&key, |definition: &mut TaskDefinition| {
                            definition.status = TaskDefinitionStatus::Inactive;
                            definition.deregistered_at = Some(now);
                        });
                    }
                }
                let shown = tx.get::<TaskDefinition>(&key).map(|d| convert::task_definition(d));
                Ok(DeregisterTaskDefinitionResponse { task_definition: shown })
            })
            .await
    }
}
