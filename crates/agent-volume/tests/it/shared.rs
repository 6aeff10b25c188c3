//! Volumes that outlive their tasks.

use crate::support::{Host, map, shared, tree};
use agent_driver::{DockerVolume, VolumeScope, VolumeSource, Volumes};
use std::fs;

/// One that nobody may make.
fn found_only() -> DockerVolume {
    DockerVolume { scope: VolumeScope::Shared { autoprovision: false }, ..DockerVolume::default() }
}

#[tokio::test]
async fn a_shared_volume_is_one_for_all_tasks_and_stays() {
    let host = Host::new();
    let mut docker = shared(&[]);
    docker.labels = map(&[("team", "payments")]);
    let source = VolumeSource::Docker(docker);
    let path = host.ensure("t1", "db", source.clone()).await.unwrap();
    fs::write(path.join("file"), "kept").unwrap();
    assert_eq!(host.ensure("t2", "db", source.clone()).await.unwrap(), path);
    let host = host.restarted();
    assert_eq!(host.volumes.list().await.unwrap(), ["t1", "t2"]);
    host.volumes.release("t1").await.unwrap();
    host.volumes.release("t2").await.unwrap();
    assert!(host.volumes.list().await.unwrap().is_empty());

    // Without autoprovision it is used as it is.
    assert_eq!(host.ensure("t3", "db", VolumeSource::Docker(found_only())).await.unwrap(), path);
    host.volumes.teardown().await.unwrap();
    host.volumes.teardown().await.unwrap();
    assert_eq!(fs::read_to_string(path.join("file")).unwrap(), "kept");
    assert!(host.volumes.list().await.unwrap().is_empty());
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(path.with_file_name("volume.json")).unwrap()).unwrap();
    assert_eq!(record, serde_json::json!({"name": "db", "driver_opts": {}, "labels": {"team": "payments"}}));
}

#[tokio::test]
async fn a_shared_volume_that_is_missing_is_made_only_when_asked() {
    let host = Host::new();
    let missing = host.refusal(VolumeSource::Docker(found_only()));
    assert_eq!(
        missing.await,
        "initialize volume: volume detection failed, volume 'name' does not exist and autoprovision is set to \
         false: get name: no such volume"
    );
    // One that was only begun is missing too.
    fs::create_dir_all(host.root().join("shared/name/data")).unwrap();
    let begun = host.refusal(VolumeSource::Docker(found_only()));
    assert!(begun.await.contains("does not exist"));
    host.ensure("t", "name", VolumeSource::Docker(shared(&[]))).await.unwrap();
    host.volumes.release("t").await.unwrap();
    assert_eq!(
        tree(&host.root()),
        ["shared", "shared/name", "shared/name/data", "shared/name/users", "shared/name/volume.json", "task"]
    );
}

#[tokio::test]
async fn other_options_than_the_existing_ones_are_refused() {
    let host = Host::new();
    host.ensure("t", "name", VolumeSource::Docker(shared(&[]))).await.unwrap();
    let tmpfs = shared(&[("type", "tmpfs"), ("device", "tmpfs")]);
    assert_eq!(
        host.refusal(VolumeSource::Docker(tmpfs)).await,
        "initialize volume: non-autoprovisioned volume does not match existing volume options: existing: map[], \
         expected: map[device:tmpfs type:tmpfs]"
    );
    assert_eq!(host.volumes.list().await.unwrap(), ["t"], "who was refused does not use it");
}
