//! Short names and ARNs into typed ids. Every ECS call takes either; an ARN must be of the caller's account and region.

use crate::Refusal;
use crate::capacity::CapacityRefusal;
use model::arn::Arn;
use model::{ClusterName, Family, InstanceId, Scope, TaskId};
use serde::Serialize;

/// The cluster of a request that names none.
pub(crate) const DEFAULT_CLUSTER: &str = "default";

/// A task definition as a request names it. Without a revision, the latest ACTIVE one is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DefinitionName {
    /// The family.
    pub family: Family,
    /// The revision, from 1.
    pub revision: Option<u32>,
}

/// A cluster's name out of its name or ARN; `default` when absent or empty.
pub(crate) fn cluster(scope: &Scope, text: Option<&str>) -> Result<ClusterName, Refusal> {
    let text = text.filter(|t| !t.is_empty()).unwrap_or(DEFAULT_CLUSTER);
    let name = match arn(scope, text)? {
        Some(arn) => arn.resource_after("cluster").ok_or(Refusal::UnexpectedSeparators)?.to_owned(),
        None => text.to_owned(),
    };
    cluster_name(&name)
}

/// A new cluster's name: 1 to 255 letters, digits, hyphens and underscores.
pub(crate) fn cluster_name(text: &str) -> Result<ClusterName, Refusal> {
    match is_name(text) {
        true => Ok(text.into()),
        false if text.contains(['/', ':']) => Err(Refusal::UnexpectedSeparators),
        false => Err(Refusal::ClusterNameInvalid),
    }
}

/// A task's id out of its id or ARN.
pub(crate) fn task(scope: &Scope, cluster: &ClusterName, text: &str) -> Result<TaskId, Refusal> {
    let id = member_id(scope, cluster, "task", text)?;
    if ![32, 36].contains(&id.len()) {
        return Err(Refusal::TaskIdLength);
    }
    is_id(&id).then(|| TaskId::from(id)).ok_or(Refusal::TaskIdInvalid)
}

/// A capacity provider's short name out of its name or ARN.
pub(crate) fn capacity_provider(scope: &Scope, text: &str) -> Result<String, Refusal> {
    let name = match arn(scope, text)? {
        Some(arn) => arn.resource_after("capacity-provider").ok_or(Refusal::UnexpectedSeparators)?.to_owned(),
        None => text.to_owned(),
    };
    match is_name(&name) {
        true => Ok(name),
        false => Err(CapacityRefusal::ProviderUnknown(name).into()),
    }
}

/// A container instance's id out of its id or ARN.
pub(crate) fn instance(scope: &Scope, cluster: &ClusterName, text: &str) -> Result<InstanceId, Refusal> {
    let id = member_id(scope, cluster, "container-instance", text)?;
    ([32, 36].contains(&id.len()) && is_id(&id))
        .then(|| InstanceId::from(id))
        .ok_or(Refusal::InstanceIdLength)
}

/// A task definition out of `family`, `family:revision` or its ARN.
pub(crate) fn definition(scope: &Scope, text: &str) -> Result<DefinitionName, Refusal> {
    let name = match arn(scope, text)? {
        Some(arn) => arn.resource_after("task-definition").ok_or(Refusal::UnexpectedSeparators)?.to_owned(),
        None => text.to_owned(),
    };
    let (family, revision) = match name.split_once(':') {
        Some((family, revision)) => (family, Some(self::revision(revision)?)),
        None => (name.as_str(), None),
    };
    if !is_name(family) {
        return Err(Refusal::FamilyInvalid);
    }
    Ok(DefinitionName { family: family.into(), revision })
}

/// Whether this is a name as clusters, families and containers have it.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Whether an attribute can be called so (ECS API Reference: Attribute).
pub(crate) fn is_attribute_name(text: &str) -> bool {
    let valid = |c: char| c.is_ascii_alphanumeric() || "-_./\\".contains(c);
    (1..=128).contains(&text.len()) && text.chars().all(valid)
}

fn revision(text: &str) -> Result<u32, Refusal> {
    let parsed = text.parse::<u32>().ok().filter(|&r| r > 0);
    parsed.ok_or_else(|| Refusal::RevisionInvalid(text.to_owned()))
}

/// The id of something that lives in a cluster. The ARN says which cluster, in all but the oldest form.
fn member_id(scope: &Scope, cluster: &ClusterName, kind: &str, text: &str) -> Result<String, Refusal> {
    let Some(arn) = arn(scope, text)? else {
        return if text.contains(['/', ':']) {
            Err(Refusal::UnexpectedSeparators)
        } else {
            Ok(text.to_owned())
        };
    };
    let path = arn.resource_after(kind).ok_or(Refusal::UnexpectedSeparators)?;
    match path.split_once('/') {
        None => Ok(path.to_owned()),
        Some((_, id)) if id.contains('/') => Err(Refusal::UnexpectedSeparators),
        Some((of, id)) if of == cluster.as_str() => Ok(id.to_owned()),
        Some((of, _)) => Err(Refusal::OtherCluster { named: of.to_owned(), used: cluster.to_string() }),
    }
}

/// The ARN that `text` is, or `None` when it is a short name.
fn arn(scope: &Scope, text: &str) -> Result<Option<Arn>, Refusal> {
    if !text.starts_with("arn:") {
        return Ok(None);
    }
    let arn = Arn::parse(text).filter(|a| a.service == "ecs").ok_or(Refusal::UnexpectedSeparators)?;
    if arn.scope.region != scope.region {
        return Err(Refusal::OtherRegion);
    }
    if arn.scope.account != scope.account {
        let (named, used) = (arn.scope.account.to_string(), scope.account.to_string());
        return Err(Refusal::OtherAccount { named, used });
    }
    Ok(Some(arn))
}

fn is_id(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope::new("000000000000", "us-east-1")
    }

    fn shown<T: std::fmt::Display>(result: Result<T, Refusal>) -> String {
        match result {
            Ok(value) => value.to_string(),
            Err(refusal) => format!("{}: {refusal}", refusal.code()),
        }
    }

    #[test]
    fn clusters_go_by_name_or_arn() {
        let separators = "InvalidParameterException: Invalid identifier: Unexpected number of separators";
        for (text, expected) in [
            (None, "default"),
            (Some(""), "default"),
            (Some("web"), "web"),
            (Some("arn:aws:ecs:us-east-1:000000000000:cluster/web"), "web"),
            (
                Some("arn:aws:ecs:us-west-2:000000000000:cluster/web"),
                "InvalidParameterException: Invalid Region in ARN",
            ),
            (
                Some("arn:aws:ecs:us-east-1:111111111111:cluster/web"),
                "InvalidParameterException: Identifier is for 111111111111. Your accountId is 000000000000",
            ),
            (Some("arn:aws:ecs:us-east-1:000000000000:task/web"), separators),
            (Some("arn:aws:s3:us-east-1:000000000000:cluster/web"), separators),
            (Some("arn:aws"), separators),
            (Some("a/b"), separators),
            (Some("a b"), "InvalidParameterException: Cluster name contains invalid characters."),
        ] {
            assert_eq!(shown(cluster(&scope(), text)), expected, "{text:?}");
        }
    }

    #[test]
    fn tasks_go_by_id_or_arn_of_the_same_cluster() {
        let id = "0123456789abcdef0123456789abcdef";
        for (text, expected) in [
            (id.to_owned(), id),
            (format!("arn:aws:ecs:us-east-1:000000000000:task/web/{id}"), id),
            (format!("arn:aws:ecs:us-east-1:000000000000:task/{id}"), id),
            (
                format!("arn:aws:ecs:us-east-1:000000000000:task/api/{id}"),
                "InvalidParameterException: Identifier is for cluster api. Your cluster is web",
            ),
            ("None".to_owned(), "InvalidParameterException: taskId length should be one of [32,36]"),
            ("x".repeat(32), "InvalidParameterException: Task Identifier is invalid"),
        ] {
            assert_eq!(shown(task(&scope(), &"web".into(), &text)), expected, "{text}");
        }
    }

    #[test]
    fn definitions_go_by_family_revision_or_arn() {
        let name = |family: &str, revision| DefinitionName { family: family.into(), revision };
        let found = |text: &str| definition(&scope(), text).map_err(|r| r.to_string());
        assert_eq!(found("web"), Ok(name("web", None)));
        assert_eq!(found("web:7"), Ok(name("web", Some(7))));
        assert_eq!(
            found("arn:aws:ecs:us-east-1:000000000000:task-definition/web:7"),
            Ok(name("web", Some(7)))
        );
        assert_eq!(found("web:0"), Err("Invalid revision number. Number: 0".to_owned()));
        assert_eq!(found("web:latest"), Err("Invalid revision number. Number: latest".to_owned()));
        assert_eq!(found("we b"), Err("Invalid task definition: Invalid family name.".to_owned()));
    }
}
