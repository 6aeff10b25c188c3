//! Volumes with options: file systems that are mounted.

use crate::support::{Host, local, shared};
use agent_driver::{VolumeSource, Volumes};
use std::fs;

const TMPFS: [(&str, &str); 3] = [("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=1m,noexec")];

#[tokio::test]
async fn needs_root_a_tasks_memory_file_system_is_mounted_once_and_goes() {
    let host = Host::new();
    let source = VolumeSource::Docker(local(&TMPFS));
    let path = host.ensure("t", "cache", source.clone()).await.unwrap();
    fs::write(path.join("file"), "x").unwrap();
    let host = host.restarted();
    assert_eq!(host.ensure("t", "cache", source).await.unwrap(), path);
    assert_eq!(host.mounts(), [path.display().to_string()]);
    assert!(path.join("file").exists());
    assert!(fs::write(path.join("large"), vec![0; 2 << 20]).is_err(), "size= holds");
    host.volumes.release("t").await.unwrap();
    assert!(host.mounts().is_empty() && !path.exists());
}

#[tokio::test]
async fn needs_root_a_bind_shows_a_directory_of_the_host_and_release_leaves_it_alone() {
    let host = Host::new();
    let outside = host.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "kept").unwrap();
    let device = outside.display().to_string();
    let opts = [("type", "none"), ("device", device.as_str()), ("o", "bind,ro")];
    let path = host.ensure("t", "v", VolumeSource::Docker(local(&opts))).await.unwrap();
    assert_eq!(fs::read_to_string(path.join("file")).unwrap(), "kept");
    assert!(fs::write(path.join("other"), "x").is_err(), "ro holds");
    host.volumes.release("t").await.unwrap();
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "kept");
    assert!(host.mounts().is_empty());
}

#[tokio::test]
async fn needs_root_a_busy_mount_is_detached_and_its_files_are_not_removed() {
    let host = Host::new();
    let outside = host.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "kept").unwrap();
    let device = outside.display().to_string();
    let opts = [("type", "none"), ("device", device.as_str()), ("o", "bind")];
    let path = host.ensure("t", "v", VolumeSource::Docker(local(&opts))).await.unwrap();
    let open = fs::File::open(path.join("file")).unwrap();
    host.volumes.release("t").await.unwrap();
    drop(open);
    assert!(host.mounts().is_empty());
    assert!(outside.join("file").exists());
}

#[tokio::test]
async fn needs_root_a_shared_file_system_is_mounted_while_a_task_uses_it() {
    let host = Host::new();
    let source = VolumeSource::Docker(shared(&TMPFS));
    let path = host.ensure("t1", "db", source.clone()).await.unwrap();
    host.ensure("t2", "db", source.clone()).await.unwrap();
    fs::write(path.join("file"), "x").unwrap();
    host.volumes.release("t1").await.unwrap();
    let host = host.restarted();
    assert!(path.join("file").exists());
    // Killed after unmounting and before the mark was taken away.
    nix::mount::umount(&path).unwrap();
    host.volumes.release("t2").await.unwrap();
    assert!(host.mounts().is_empty() && path.is_dir());

    host.ensure("t3", "db", source).await.unwrap();
    assert_eq!(host.mounts().len(), 1);
    host.volumes.teardown().await.unwrap();
    assert!(host.mounts().is_empty() && path.is_dir());
}

#[tokio::test]
async fn needs_root_what_cannot_be_mounted_is_said_and_leaves_nothing() {
    let host = Host::new();
    let target = host.root().join("task/task/name/data").display().to_string();
    let missing = host.refusal(VolumeSource::Docker(local(&[
        ("type", "none"),
        ("device", "/nowhere/at/all"),
        ("o", "bind"),
    ])));
    assert_eq!(
        missing.await,
        format!(
            "error while mounting volume '{target}': failed to mount local volume: mount \
             /nowhere/at/all:{target}, flags: 0x1000: no such file or directory"
        )
    );
    let unknown = local(&[("type", "nosuchfs"), ("device", "x"), ("o", "password=secret")]);
    let unknown = host.refusal(VolumeSource::Docker(unknown)).await;
    assert!(unknown.ends_with("data: password=********: no such device"), "{unknown}");
    assert!(host.volumes.list().await.unwrap().is_empty());

    let shared_one =
        host.refusal(VolumeSource::Docker(shared(&[("type", "nosuchfs"), ("device", "x")]))).await;
    assert!(shared_one.ends_with("no such device"), "{shared_one}");
    assert!(host.volumes.list().await.unwrap().is_empty() && host.mounts().is_empty());
}
