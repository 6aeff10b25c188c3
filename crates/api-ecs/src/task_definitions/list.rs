//! ListTaskDefinitions and ListTaskDefinitionFamilies.

use crate::page::Page;
use crate::{Ecs, Refusal};
use model::arn;
use model::task_definition::{TaskDefinition, TaskDefinitionStatus};
use model::{Family, Scope};
use store::State;
use wire::Cx;
use wire::ecs::{
    self, ListTaskDefinitionFamiliesRequest, ListTaskDefinitionFamiliesResponse, ListTaskDefinitionsRequest,
    ListTaskDefinitionsResponse, SortOrder, TaskDefinitionFamilyStatus,
};

impl Ecs {
    /// ListTaskDefinitions: by family and revision; ACTIVE ones unless another status is asked for. `familyPrefix` is a
    /// whole family, as the API Reference says.
    pub(crate) async fn list_task_definitions(
        &self,
        cx: &Cx,
        input: ListTaskDefinitionsRequest,
    ) -> Result<ListTaskDefinitionsResponse, Refusal> {
        let status = input.status.unwrap_or(ecs::TaskDefinitionStatus::Active);
        let sort = input.sort.unwrap_or(SortOrder::Asc);
        let query = ("task-definitions", &cx.scope, &input.family_prefix, status, sort);
        let page = Page::open(query, input.next_token.as_deref(), input.max_results)?;
        let state = self.store.snapshot();
        let family = input.family_prefix.map(Family::from);
        let mut found: Vec<&TaskDefinition> = match &family {
            Some(family) => state.revisions(&cx.scope, family).map(|d| &**d).collect(),
            None => state.task_definitions(&cx.scope).map(|d| &**d).collect(),
        };
        found.retain(|d| d.status == self::status(status));
        let key = |d: &TaskDefinition| format!("{}:{:010}", d.family, d.revision);
        let ascending = sort == SortOrder::Asc;
        if !ascending {
            found.reverse();
        }
        let after = page.after().map(position).transpose()?;
        let is_after = |d: &&TaskDefinition| {
            let of = (d.family.as_str(), d.revision);
            after.is_none_or(|after| if ascending { of > after } else { of < after })
        };
        let (page, next_token) = page.take(found.into_iter().filter(is_after), |d| key(d));
        let arns = page.into_iter().map(|d| arn::task_definition(&d.scope, &d.family, d.revision)).collect();
        Ok(ListTaskDefinitionsResponse { task_definition_arns: Some(arns), next_token })
    }

    /// ListTaskDefinitionFamilies: ALL, or those with (ACTIVE) or without (INACTIVE) an ACTIVE revision.
    pub(crate) async fn list_task_definition_families(
        &self,
        cx: &Cx,
        input: ListTaskDefinitionFamiliesRequest,
    ) -> Result<ListTaskDefinitionFamiliesResponse, Refusal> {
        let status = input.status.unwrap_or(TaskDefinitionFamilyStatus::All);
        let query = ("families", &cx.scope, &input.family_prefix, status);
        let page = Page::open(query, input.next_token.as_deref(), input.max_results)?;
        let prefix = input.family_prefix.unwrap_or_default();
        let state = self.store.snapshot();
        let rest = state.families(&cx.scope).map(|(family, _)| family).filter(|family| {
            let family_is_after = page.after().is_none_or(|after| family.as_str() > after);
            family_is_after
                && family.as_str().starts_with(&prefix)
                && has_status(&state, &cx.scope, family, status)
        });
        let (families, next_token) = page.take(rest, |family| family.to_string());
        let families = families.into_iter().map(|family| family.to_string()).collect();
        Ok(ListTaskDefinitionFamiliesResponse { families: Some(families), next_token })
    }
}

/// A family whose revisions were all deleted is in no list; its numbers stay taken.
fn has_status(state: &State, scope: &Scope, family: &Family, status: TaskDefinitionFamilyStatus) -> bool {
    let mut revisions = state.revisions(scope, family).map(|d| d.status).peekable();
    let exists = revisions.peek().is_some();
    let mut active = || revisions.any(|s| s == TaskDefinitionStatus::Active);
    match status {
        TaskDefinitionFamilyStatus::All => exists,
        TaskDefinitionFamilyStatus::Active => active(),
        TaskDefinitionFamilyStatus::Inactive => exists && !active(),
    }
}

fn position(after: &str) -> Result<(&str, u32), Refusal> {
    let (family, revision) = after.rsplit_once(':').ok_or(Refusal::TokenInvalid)?;
    Ok((family, revision.parse().map_err(|_| Refusal::TokenInvalid)?))
}

fn status(status: ecs::TaskDefinitionStatus) -> TaskDefinitionStatus {
    match status {
        ecs::TaskDefinitionStatus::Active => TaskDefinitionStatus::Active,
        ecs::TaskDefinitionStatus::Inactive => TaskDefinitionStatus::Inactive,
        ecs::TaskDefinitionStatus::DeleteInProgress => TaskDefinitionStatus::DeleteInProgress,
    }
}
