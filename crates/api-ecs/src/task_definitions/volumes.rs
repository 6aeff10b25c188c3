//! `volumes` (Amazon ECS Developer Guide: storage options for tasks; API Reference: Volume). Volumes of EFS, FSx and S3
//! and those that are configured at launch are refused by their members' names before this.

use super::Invalid;
use super::settings::is_absolute_path;
use crate::names;
use model::volume::{DockerVolume, DockerVolumeScope, Volume, VolumeSource};
use std::collections::BTreeSet;
use wire::ecs;

/// Reads all of them.
pub(super) fn parse(volumes: Option<Vec<ecs::Volume>>) -> Result<Vec<Volume>, Invalid> {
    let mut names = BTreeSet::new();
    volumes
        .unwrap_or_default()
        .into_iter()
        .map(|volume| {
            let volume = one(volume)?;
            match names.insert(volume.name.clone()) {
                true => Ok(volume),
                false => Err(Invalid::DuplicateVolume(volume.name)),
            }
        })
        .collect()
}

fn one(volume: ecs::Volume) -> Result<Volume, Invalid> {
    let name = volume.name.unwrap_or_default();
    match name.as_str() {
        "" => return Err(Invalid::VolumeEmpty("name")),
        name if !names::is_name(name) => return Err(Invalid::VolumeCharacters("name")),
        _ => {}
    }
    let path = volume.host.and_then(|host| host.source_path);
    let source = match (path, volume.docker_volume_configuration) {
        (Some(_), Some(_)) => return Err(Invalid::TwoSources(name)),
        (Some(path), None) => VolumeSource::Host(source_path(path)?),
        (None, Some(docker)) => VolumeSource::Docker(docker_volume(docker)?),
        (None, None) => VolumeSource::Task,
    };
    Ok(Volume { name, source })
}

fn source_path(path: String) -> Result<String, Invalid> {
    match path.trim() {
        "" => Err(Invalid::SourcePathBlank),
        _ if !is_absolute_path(&path) => Err(Invalid::SourcePath(path)),
        _ => Ok(path),
    }
}

/// There are no volume plug-ins, so every driver but Docker's own is refused. ECS takes `autoprovision` with the scope
/// `task`, and its agent then fails the task; here it is refused at once.
fn docker_volume(docker: ecs::DockerVolumeConfiguration) -> Result<DockerVolume, Invalid> {
    let scope = match docker.scope {
        Some(ecs::Scope::Shared) => DockerVolumeScope::Shared,
        Some(ecs::Scope::Task) | None => DockerVolumeScope::Task,
    };
    if scope == DockerVolumeScope::Task && docker.autoprovision.is_some() {
        return Err(Invalid::Autoprovision);
    }
    match docker.driver.as_deref() {
        Some("") => return Err(Invalid::VolumeEmpty("dockerVolumeConfiguration.driver")),
        Some("local") | None => {}
        Some(other) => {
            return Err(Invalid::unsupported(format!("dockerVolumeConfiguration.driver '{other}'")));
        }
    }
    Ok(DockerVolume {
        scope,
        autoprovision: docker.autoprovision,
        driver: docker.driver,
        driver_opts: docker.driver_opts.unwrap_or_default(),
        labels: docker.labels.unwrap_or_default(),
    })
}
