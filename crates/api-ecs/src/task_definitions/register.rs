//! RegisterTaskDefinition.

use super::{Invalid, check, parse};
use crate::{Ecs, Refusal, convert, tags};
use model::task_definition::TaskDefinition;
use wire::Cx;
use wire::ecs::{RegisterTaskDefinitionRequest, RegisterTaskDefinitionResponse};

/// The most bytes of a task definition as JSON (Amazon ECS service quotas: task definition size).
const LENGTH_MAX: usize = 64 << 10;

impl Ecs {
    /// RegisterTaskDefinition: the next revision of its family.
    pub(crate) async fn register_task_definition(
        &self,
        cx: &Cx,
        mut input: RegisterTaskDefinitionRequest,
    ) -> Result<RegisterTaskDefinitionResponse, Refusal> {
        let tags = tags::parse(input.tags.take())?;
        check_length(&input)?;
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

fn check_length(input: &RegisterTaskDefinitionRequest) -> Result<(), Invalid> {
    let length = serde_json::to_vec(input).map_or(usize::MAX, |json| json.len());
    if length > LENGTH_MAX { Err(Invalid::TooLong { length, most: LENGTH_MAX }) } else { Ok(()) }
}
