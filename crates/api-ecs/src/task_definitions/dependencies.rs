//! `dependsOn`: every container named is there, no circle, and no wait that could never end.

use super::Invalid;
use model::container::{ContainerDefinition, DependencyCondition};

/// Checks the dependencies among the containers of one task definition (Amazon ECS task definition parameters:
/// container dependency).
pub(super) fn check(containers: &[ContainerDefinition]) -> Result<(), Invalid> {
    for container in containers {
        for dependency in &container.depends_on {
            if dependency.container == container.name {
                return Err(Invalid::SelfDependency(container.name.to_string()));
            }
            let on = containers.iter().find(|c| c.name == dependency.container);
            let on = on.ok_or_else(|| Invalid::UnknownDependency(dependency.container.to_string()))?;
            check_condition(dependency.condition, on)?;
        }
    }
    check_acyclic(containers)
}

fn check_condition(condition: DependencyCondition, on: &ContainerDefinition) -> Result<(), Invalid> {
    match condition {
        DependencyCondition::Start => Ok(()),
        DependencyCondition::Complete | DependencyCondition::Success if on.essential => {
            Err(Invalid::EssentialDependency)
        }
        DependencyCondition::Complete | DependencyCondition::Success => Ok(()),
        DependencyCondition::Healthy => Err(Invalid::NoHealthCheck),
    }
}

/// Removes containers that wait for nothing, again and again; what cannot be removed waits in a circle.
fn check_acyclic(containers: &[ContainerDefinition]) -> Result<(), Invalid> {
    let mut waiting: Vec<&ContainerDefinition> = containers.iter().collect();
    loop {
        let ready = |c: &ContainerDefinition| {
            c.depends_on.iter().all(|d| waiting.iter().all(|w| w.name != d.container))
        };
        let left: Vec<_> = waiting.iter().copied().filter(|c| !ready(c)).collect();
        if left.is_empty() {
            return Ok(());
        }
        if left.len() == waiting.len() {
            let names: Vec<_> = left.iter().map(|c| c.name.as_str()).collect();
            return Err(Invalid::DependencyCycle(names.join(", ")));
        }
        waiting = left;
    }
}
