//! What containers need of each other (`dependsOn`, `links`, `volumesFrom`): every container named is there, no circle,
//! and no wait that could never end.

use super::Invalid;
use model::container::{ContainerDefinition, DependencyCondition};

/// Checks the dependencies among the containers of one task definition (Amazon ECS task definition parameters:
/// container dependency).
pub(super) fn check(containers: &[ContainerDefinition]) -> Result<(), Invalid> {
    for container in containers {
        if needs(container).any(|name| name == container.name.as_str()) {
            return Err(Invalid::SelfDependency(container.name.to_string()));
        }
        let find = |name: &str| containers.iter().find(|c| c.name.as_str() == name);
        for dependency in &container.depends_on {
            let on = find(dependency.container.as_str());
            let on = on.ok_or_else(|| Invalid::UnknownDependency(dependency.container.to_string()))?;
            check_condition(dependency.condition, on)?;
        }
        let links = container.links.iter().map(|link| ("links", &link.container));
        let mounts = container.volumes_from.iter().map(|from| ("volumesFrom", &from.container));
        if let Some((setting, named)) = links.chain(mounts).find(|(_, name)| find(name).is_none()) {
            return Err(Invalid::UnknownContainer { setting, named: named.clone() });
        }
    }
    check_acyclic(containers)
}

/// The containers that have to be there before this one.
fn needs(container: &ContainerDefinition) -> impl Iterator<Item = &str> {
    let waits = container.depends_on.iter().map(|d| d.container.as_str());
    let links = container.links.iter().map(|link| link.container.as_str());
    waits.chain(links).chain(container.volumes_from.iter().map(|from| from.container.as_str()))
}

fn check_condition(condition: DependencyCondition, on: &ContainerDefinition) -> Result<(), Invalid> {
    match condition {
        DependencyCondition::Complete | DependencyCondition::Success if on.essential => {
            Err(Invalid::EssentialDependency)
        }
        DependencyCondition::Healthy if on.health_check.is_none() => Err(Invalid::NoHealthCheck),
        DependencyCondition::Start
        | DependencyCondition::Complete
        | DependencyCondition::Success
        | DependencyCondition::Healthy => Ok(()),
    }
}

/// Removes containers that need nothing, again and again; what cannot be removed waits in a circle.
fn check_acyclic(containers: &[ContainerDefinition]) -> Result<(), Invalid> {
    let mut waiting: Vec<&ContainerDefinition> = containers.iter().collect();
    loop {
        let ready =
            |c: &ContainerDefinition| needs(c).all(|name| waiting.iter().all(|w| w.name.as_str() != name));
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
