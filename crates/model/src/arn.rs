//! ARNs: built from typed parts, taken apart into them again.

use crate::{AccountId, AttachmentId};
use crate::{ClusterName, ContainerId, Family, InstanceId, LogGroupName, Region, Scope, TaskId};

/// `arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arn {
    /// `ecs`, `logs` …
    pub service: String,
    /// The account and the region.
    pub scope: Scope,
    /// Everything after the fifth colon.
    pub resource: String,
}

impl Arn {
    /// Takes an ARN apart; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Arn> {
        let mut parts = text.splitn(6, ':');
        if parts.next() != Some("arn") || !parts.next()?.starts_with("aws") {
            return None;
        }
        let service = parts.next()?.to_owned();
        let region = Region::from(parts.next()?.to_owned());
        let account = AccountId::from(parts.next()?.to_owned());
        let resource = parts.next().filter(|r| !r.is_empty())?.to_owned();
        Some(Arn { service, scope: Scope { account, region }, resource })
    }

    /// The part after `prefix/`, when the resource starts with it: `arn.resource_after("cluster")`.
    pub fn resource_after(&self, prefix: &str) -> Option<&str> {
        self.resource.strip_prefix(prefix)?.strip_prefix('/')
    }
}

fn ecs(scope: &Scope, resource: std::fmt::Arguments<'_>) -> String {
    format!("arn:aws:ecs:{}:{}:{resource}", scope.region, scope.account)
}

/// `…:cluster/NAME`
pub fn cluster(scope: &Scope, name: &ClusterName) -> String {
    ecs(scope, format_args!("cluster/{name}"))
}

/// `…:capacity-provider/NAME`
pub fn capacity_provider(scope: &Scope, name: &str) -> String {
    ecs(scope, format_args!("capacity-provider/{name}"))
}

/// `…:task-definition/FAMILY:REVISION`
pub fn task_definition(scope: &Scope, family: &Family, revision: u32) -> String {
    ecs(scope, format_args!("task-definition/{family}:{revision}"))
}

/// `…:task/CLUSTER/ID`
pub fn task(scope: &Scope, cluster: &ClusterName, id: &TaskId) -> String {
    ecs(scope, format_args!("task/{cluster}/{id}"))
}

/// `…:container/CLUSTER/TASK/ID`
pub fn container(scope: &Scope, cluster: &ClusterName, task: &TaskId, id: &ContainerId) -> String {
    ecs(scope, format_args!("container/{cluster}/{task}/{id}"))
}

/// `…:container-instance/CLUSTER/ID`
pub fn container_instance(scope: &Scope, cluster: &ClusterName, id: &InstanceId) -> String {
    ecs(scope, format_args!("container-instance/{cluster}/{id}"))
}

/// `…:attachment/CLUSTER/ID`
pub fn attachment(scope: &Scope, cluster: &ClusterName, id: &AttachmentId) -> String {
    ecs(scope, format_args!("attachment/{cluster}/{id}"))
}

/// `arn:aws:logs:…:log-group:NAME:*`, the form that DescribeLogGroups calls `arn`.
pub fn log_group(scope: &Scope, name: &LogGroupName) -> String {
    format!("arn:aws:logs:{}:{}:log-group:{name}:*", scope.region, scope.account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_comes_apart_into_what_it_was_made_of() {
        let scope = Scope::new("000000000000", "us-east-1");
        let text = task(&scope, &"web".into(), &"0123".into());
        let arn = Arn::parse(&text).expect("an ARN that was just built");
        assert_eq!((arn.service.as_str(), &arn.scope), ("ecs", &scope));
        assert_eq!(arn.resource_after("task"), Some("web/0123"));
        assert_eq!(arn.resource_after("cluster"), None);
    }

    #[test]
    fn what_is_no_arn_is_refused() {
        for text in ["", "arn", "arn:aws:ecs", "arn:aws:ecs:us-east-1:1:", "urn:aws:ecs:r:a:cluster/x"] {
            assert_eq!(Arn::parse(text), None, "{text:?}");
        }
    }
}
