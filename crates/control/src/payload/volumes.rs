//! Volumes and where containers see them.

use acs::payload::{DockerVolume, HostVolume, MountPoint, VOLUME_DOCKER, VOLUME_HOST, VolumeFrom};
use model::container::VolumesFrom;
use model::volume::{DockerVolumeScope, Volume, VolumeSource};

/// Docker's driver when none is given.
const LOCAL: &str = "local";

pub(super) fn volume(volume: &Volume) -> acs::payload::Volume {
    let host = |source_path: &str| acs::payload::Volume {
        name: volume.name.clone(),
        kind: VOLUME_HOST.to_owned(),
        // Without a path the agent makes the volume, and still wants the member.
        host: Some(HostVolume { source_path: source_path.to_owned() }),
        docker_volume_configuration: None,
    };
    match &volume.source {
        VolumeSource::Task => host(""),
        VolumeSource::Host(path) => host(path),
        VolumeSource::Docker(docker) => acs::payload::Volume {
            name: volume.name.clone(),
            kind: VOLUME_DOCKER.to_owned(),
            host: None,
            docker_volume_configuration: Some(docker_volume(docker)),
        },
    }
}

fn docker_volume(volume: &model::volume::DockerVolume) -> DockerVolume {
    let scope = match volume.scope {
        DockerVolumeScope::Task => "task",
        DockerVolumeScope::Shared => "shared",
    };
    DockerVolume {
        scope: scope.to_owned(),
        autoprovision: volume.autoprovision.unwrap_or(false),
        driver: volume.driver.clone().unwrap_or_else(|| LOCAL.to_owned()),
        driver_opts: volume.driver_opts.clone(),
        labels: volume.labels.clone(),
    }
}

pub(super) fn mount_point(mount: &model::container::MountPoint) -> MountPoint {
    MountPoint {
        source_volume: mount.volume.clone(),
        container_path: mount.container_path.clone(),
        read_only: mount.read_only == Some(true),
    }
}

pub(super) fn volume_from(from: &VolumesFrom) -> VolumeFrom {
    VolumeFrom { source_container: from.container.clone(), read_only: from.read_only == Some(true) }
}
