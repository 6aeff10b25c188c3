//! DeleteTaskDefinitions.

use crate::batch::each_once;
use crate::names::DefinitionName;
use crate::{Ecs, Refusal, convert, names};
use model::task_definition::{TaskDefinition, TaskDefinitionStatus};
use model::{Scope, Timestamp};
use store::Tx;
use wire::Cx;
use wire::ecs::{self, DeleteTaskDefinitionsRequest, DeleteTaskDefinitionsResponse, Failure};
use wire::error::shortened;

/// The most definitions of one call (ECS API Reference: DeleteTaskDefinitions).
const DEFINITIONS_MAX: usize = 10;

const INVALID: &str =
    "The specified task definition identifier is invalid. Specify a valid name or ARN and try again.";
const NOT_FOUND: &str =
    "The specified task definition does not exist. Specify a valid account, family, revision and try again.";
const STILL_ACTIVE: &str =
    "The specified task definition is still in ACTIVE status. Please deregister the target and try again.";

impl Ecs {
    /// DeleteTaskDefinitions: INACTIVE revisions become DELETE_IN_PROGRESS, and go away when nothing uses them.
    pub(crate) async fn delete_task_definitions(
        &self,
        cx: &Cx,
        input: DeleteTaskDefinitionsRequest,
    ) -> Result<DeleteTaskDefinitionsResponse, Refusal> {
        if input.task_definitions.is_empty() {
            return Err(Refusal::Empty("taskDefinitions"));
        }
        // What is no name is in `failures[]`.
        let read = |text: &str| Ok(names::definition(&cx.scope, text).map_err(|_| text.to_owned()));
        let named = each_once("taskDefinitions", DEFINITIONS_MAX, &input.task_definitions, read)?;
        let now = self.clock.now();
        self.store
            .commit(|tx| {
                let (mut deleted, mut failures) = (Vec::new(), Vec::new());
                for (text, name) in &named {
                    match delete(tx, &cx.scope, name.as_ref().ok(), now) {
                        Ok(definition) => deleted.push(definition),
                        Err(reason) => failures.push(Failure {
                            arn: Some(shortened(text)),
                            reason: Some(reason.to_owned()),
                            detail: None,
                        }),
                    }
                }
                Ok(DeleteTaskDefinitionsResponse {
                    task_definitions: Some(deleted),
                    failures: Some(failures),
                })
            })
            .await
    }
}

/// Marks one for deletion; the reason when it cannot be.
fn delete(
    tx: &mut Tx,
    scope: &Scope,
    name: Option<&DefinitionName>,
    now: Timestamp,
) -> Result<ecs::TaskDefinition, &'static str> {
    let name = name.ok_or(INVALID)?;
    let key = (scope.clone(), name.family.clone(), name.revision.ok_or(INVALID)?);
    let status = tx.get::<TaskDefinition>(&key).ok_or(NOT_FOUND)?.status;
    match status {
        TaskDefinitionStatus::Active => return Err(STILL_ACTIVE),
        TaskDefinitionStatus::DeleteInProgress => {}
        TaskDefinitionStatus::Inactive => {
            tx.update(&key, |definition: &mut TaskDefinition| {
                definition.status = TaskDefinitionStatus::DeleteInProgress;
                definition.delete_requested_at = Some(now);
            });
        }
    }
    let deleted = tx.get::<TaskDefinition>(&key).ok_or(NOT_FOUND)?;
    Ok(convert::task_definition(deleted))
}
