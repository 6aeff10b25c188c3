//! RegisterTaskDefinition.

use super::{check, parse};
use crate::{Ecs, Refusal, convert, tags};
use model::task_definition::TaskDefinition;
use wire::Cx;
use wire::ecs::{RegisterTaskDefinitionRequest, RegisterTaskDefinitionResponse};

impl Ecs {
    /// RegisterTaskDefinition: the next revision of its family.
    pub(crate) async fn register_task_definition(
        &self,
        cx: &Cx,
        mut input: RegisterTaskDefinitionRequest,
    ) -> Result<RegisterTaskDefinitionResponse, Refusal> {
        let tags = tags::parse(input.tags.take())?;
        let mut definition = parse::definition(input, tags, &cx.scope, &cx.caller_arn, self.clock.now())?;
        definition.compatibilities = check::check(&definition, &self.host)?;
        let definition: TaskDefinition = self
            .store
            .commit(|tx| {
                let revision = tx.next_revision(&definition.scope, &definition.family);
                let definition = TaskDefinition { revision, ..definition };
                tx.put(definition.clone());
                Ok::<_, Refusal>(definition)
            })
            .await?;
        tracing::info!(family = %definition.family, revision = definition.revision, "task definition registered");
        Ok(RegisterTaskDefinitionResponse {
            tags: Some(convert::tags(&definition.tags)),
            task_definition: Some(convert::task_definition(&definition)),
        })
    }
}
