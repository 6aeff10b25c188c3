//! DescribeTaskDefinition.

use crate::{Ecs, Refusal, convert, lookup, names};
use wire::Cx;
use wire::ecs::{DescribeTaskDefinitionRequest, DescribeTaskDefinitionResponse, TaskDefinitionField};

impl Ecs {
    /// DescribeTaskDefinition: one revision, or the latest ACTIVE one of a family.
    pub(crate) async fn describe_task_definition(
        &self,
        cx: &Cx,
        input: DescribeTaskDefinitionRequest,
    ) -> Result<DescribeTaskDefinitionResponse, Refusal> {
        let name = names::definition(&cx.scope, &input.task_definition)?;
        let state = self.store.snapshot();
        let definition =
            lookup::definition(&state, &cx.scope, &name).ok_or(Refusal::DefinitionNotDescribed)?;
        let with_tags = input.include.unwrap_or_default().contains(&TaskDefinitionField::Tags);
        Ok(DescribeTaskDefinitionResponse {
            tags: Some(if with_tags { convert::tags(&definition.tags) } else { Vec::new() }),
            task_definition: Some(convert::task_definition(definition)),
        })
    }
}
