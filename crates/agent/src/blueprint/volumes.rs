//! Volumes of the task, and where its containers see them.

use super::{Container, Reading, Unacceptable};
use acs::payload::{self, VOLUME_DOCKER, VOLUME_HOST};
use agent_driver::{DockerVolume, VolumeScope, VolumeSource, VolumeSpec};

/// A volume in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Which of the task's volumes.
    pub(crate) volume: usize,
    pub(crate) target: String,
    pub(crate) read_only: bool,
    /// It first gets what the image has there: volumes do, directories of the host do not.
    pub(crate) copy_up: bool,
}

pub(super) fn read(reading: &Reading<'_>) -> Result<Vec<VolumeSpec>, Unacceptable> {
    let volume = |volume: &payload::Volume| {
        let refused = |text: String| Unacceptable(format!("volume {}: {text}", volume.name));
        let source = source(volume).map_err(refused)?;
        Ok(VolumeSpec { task: reading.id.to_owned(), name: volume.name.clone(), source })
    };
    reading.task.volumes.iter().map(volume).collect()
}

fn source(volume: &payload::Volume) -> Result<VolumeSource, String> {
    match (volume.kind.as_str(), &volume.host, &volume.docker_volume_configuration) {
        (VOLUME_HOST, Some(host), _) if host.source_path.is_empty() => Ok(VolumeSource::Task),
        (VOLUME_HOST, Some(host), _) => Ok(VolumeSource::Host(host.source_path.clone().into())),
        (VOLUME_DOCKER, _, Some(docker)) => docker_volume(docker).map(VolumeSource::Docker),
        (VOLUME_HOST | VOLUME_DOCKER, ..) => Err("its configuration is missing".to_owned()),
        (other, ..) => Err(format!("the type {other} is not supported")),
    }
}

/// Facts of the Amazon ECS agent: a volume of the task's scope cannot be autoprovisioned.
fn docker_volume(docker: &payload::DockerVolume) -> Result<DockerVolume, String> {
    let scope = match docker.scope.as_str() {
        "shared" => VolumeScope::Shared { autoprovision: docker.autoprovision },
        "task" | "" if docker.autoprovision => return Err("scope task with autoprovision".to_owned()),
        "task" | "" => VolumeScope::Task,
        other => return Err(format!("the scope {other} is not supported")),
    };
    Ok(DockerVolume {
        scope,
        driver: docker.driver.clone(),
        driver_opts: docker.driver_opts.clone(),
        labels: docker.labels.clone(),
    })
}

/// A container's own mount points.
pub(super) fn mounts(
    reading: &Reading<'_>,
    container: &payload::Container,
) -> Result<Vec<Mount>, Unacceptable> {
    let mount = |point: &payload::MountPoint| {
        let name = &point.source_volume;
        let volume = reading.task.volumes.iter().position(|v| v.name == *name);
        let volume =
            volume.ok_or_else(|| Unacceptable(format!("a mount point names the unknown volume {name:?}")))?;
        let is_hosts = reading.task.volumes[volume].host.as_ref().is_some_and(|h| !h.source_path.is_empty());
        Ok(Mount {
            volume,
            target: point.container_path.clone(),
            read_only: point.read_only,
            copy_up: !is_hosts,
        })
    };
    container.mount_points.iter().map(mount).collect()
}

/// `volumesFrom`: the mounts of other containers, with those that these have from others in turn. A container's own
/// mount at the same place wins.
pub(super) fn repeat(read: &mut [Container], containers: &[payload::Container]) -> Result<(), Unacceptable> {
    let direct = containers.iter().map(|c| sources(c, containers)).collect::<Result<Vec<_>, _>>()?;
    let own: Vec<Vec<Mount>> = read.iter().map(|c| c.mounts.clone()).collect();
    for n in 0..read.len() {
        for (source, read_only) in all_sources(n, &direct) {
            for mount in &own[source] {
                if !read[n].mounts.iter().any(|m| m.target == mount.target) {
                    read[n].mounts.push(Mount { read_only: mount.read_only || read_only, ..mount.clone() });
                }
            }
            read[n].volume_sources.push((source, read_only));
            read[source].needs_image_volumes = true;
        }
    }
    Ok(())
}

type Sources = Vec<(usize, bool)>;

fn sources(container: &payload::Container, all: &[payload::Container]) -> Result<Sources, Unacceptable> {
    let source = |from: &payload::VolumeFrom| {
        let on = all.iter().position(|c| c.name == from.source_container);
        let text = || format!("container {}: volumesFrom names no container", container.name);
        Ok((on.ok_or_else(|| Unacceptable(text()))?, from.read_only))
    };
    container.volumes_from.iter().map(source).collect()
}

/// Everything that can be reached, the nearest first, once each. A circle is refused later, as one of dependencies.
fn all_sources(n: usize, direct: &[Sources]) -> Sources {
    let mut found: Sources = direct[n].clone();
    let mut next = 0;
    while next < found.len() {
        let (at, read_only) = found[next];
        next += 1;
        for &(source, of_source) in &direct[at] {
            if !found.iter().any(|&(known, _)| known == source) {
                found.push((source, of_source || read_only));
            }
        }
    }
    found
}
