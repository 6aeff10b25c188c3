//! Task definitions.

use crate::violation::{Check, ensure};
use model::task_definition::{TaskDefinition, TaskDefinitionStatus};
use std::collections::BTreeMap;

/// INV-DEF-1: the revisions of a family count from 1 without a gap, each once. Deleted revisions count, so the
/// view has to hold them too.
pub fn revisions_are_dense<'a>(definitions: impl IntoIterator<Item = &'a TaskDefinition>) -> Check {
    let mut families: BTreeMap<_, Vec<u32>> = BTreeMap::new();
    for d in definitions {
        families.entry((&d.scope, &d.family)).or_default().push(d.revision);
    }
    families.into_iter().try_for_each(|((scope, family), mut revisions)| {
        revisions.sort_unstable();
        ensure("INV-DEF-1", revisions.iter().copied().eq(1..=revisions.len() as u32), || {
            format!("family {family} of {} in {} has revisions {revisions:?}", scope.account, scope.region)
        })
    })
}

/// INV-DEF-3: a revision is gone only after its deletion was asked for. `was` is what it was before.
pub fn revision_was_deleted(was: &TaskDefinition) -> Check {
    ensure("INV-DEF-3", was.status == TaskDefinitionStatus::DeleteInProgress, || {
        format!("{}:{} is gone, and was {:?}", was.family, was.revision, was.status)
    })
}

/// INV-DEF-2: nothing but status, tags and the two times of its end changes after registration, and the status
/// never goes back.
pub fn revisions_are_immutable(before: &TaskDefinition, after: &TaskDefinition) -> Check {
    let expected = TaskDefinition {
        status: after.status,
        tags: after.tags.clone(),
        deregistered_at: after.deregistered_at,
        delete_requested_at: after.delete_requested_at,
        ..before.clone()
    };
    ensure("INV-DEF-2", expected == *after && before.status <= after.status, || {
        let status = |s: TaskDefinitionStatus| format!("{s:?}");
        format!(
            "{}:{} changed after its registration ({} to {})",
            before.family,
            before.revision,
            status(before.status),
            status(after.status)
        )
    })
}
