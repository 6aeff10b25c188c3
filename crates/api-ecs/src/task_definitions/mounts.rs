//! `mountPoints` and `volumesFrom`: where a container sees volumes (Amazon ECS API Reference: MountPoint, VolumeFrom).

use super::Invalid;
use super::settings::Settings;
use model::container::{ContainerDefinition, MountPoint, VolumesFrom};
use model::task_definition::TaskDefinition;
use std::collections::BTreeSet;
use wire::ecs;

/// Reads one mount point.
pub(super) fn parse(settings: Settings<'_>, mount: ecs::MountPoint) -> Result<MountPoint, Invalid> {
    let given = |text: Option<String>| text.filter(|t| !t.is_empty());
    let path = given(mount.container_path).ok_or(Invalid::Empty("mountPoints.containerPath"))?;
    Ok(MountPoint {
        volume: given(mount.source_volume).ok_or(Invalid::Empty("mountPoints.sourceVolume"))?,
        container_path: settings.absolute_path("mountPoints.containerPath", path)?,
        read_only: mount.read_only,
    })
}

/// Reads one container whose mounts are repeated.
pub(super) fn parse_from(from: ecs::VolumeFrom) -> Result<VolumesFrom, Invalid> {
    let container = from.source_container.filter(|name| !name.is_empty());
    Ok(VolumesFrom {
        container: container.ok_or(Invalid::Empty("volumesFrom.sourceContainer"))?,
        read_only: from.read_only,
    })
}

/// Every volume that a container mounts is there, each at a path of its own.
pub(super) fn check(definition: &TaskDefinition, container: &ContainerDefinition) -> Result<(), Invalid> {
    let mut paths = BTreeSet::new();
    for mount in &container.mount_points {
        if !definition.volumes.iter().any(|volume| volume.name == mount.volume) {
            return Err(Invalid::UnknownVolume(mount.volume.clone()));
        }
        // As the kernel sees them, `/a` and `/a/` are one.
        if !paths.insert(mount.container_path.trim_end_matches('/')) {
            let rule = format!("More than one volume is mounted at '{}'.", mount.container_path);
            return Err(Invalid::setting(container.name.as_str(), "mountPoints", rule));
        }
    }
    Ok(())
}
