//! Directories of the host and of tasks.

use crate::support::{Host, local, shared, tree};
use agent_driver::{VolumeSource, Volumes};
use agent_volume::HostVolumes;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

#[tokio::test]
async fn a_tasks_volume_is_as_docker_makes_it_and_goes_with_the_task() {
    let host = Host::new();
    let first = host.ensure("t1", "scratch", VolumeSource::Task).await.unwrap();
    let metadata = fs::metadata(&first).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o755);
    assert_eq!(metadata.uid(), nix::unistd::getuid().as_raw());
    fs::write(first.join("file"), "kept").unwrap();
    assert_eq!(host.ensure("t1", "scratch", VolumeSource::Task).await.unwrap(), first);
    assert_eq!(fs::read_to_string(first.join("file")).unwrap(), "kept");
    let named = host.ensure("t1", "named", VolumeSource::Docker(local(&[]))).await.unwrap();
    let other = host.ensure("t2", "scratch", VolumeSource::Task).await.unwrap();
    assert!(first != named && first != other);
    let host = host.restarted();
    assert_eq!(host.volumes.list().await.unwrap(), ["t1", "t2"]);
    host.volumes.release("t1").await.unwrap();
    host.volumes.release("t1").await.unwrap();
    assert_eq!(host.volumes.list().await.unwrap(), ["t2"]);
    host.volumes.release("t2").await.unwrap();
    assert_eq!(tree(&host.root()), ["shared", "task"]);
}

#[tokio::test]
async fn what_a_task_uses_is_what_its_own_volumes_hold() {
    let host = Host::new();
    assert_eq!(host.volumes.used_bytes("t1").await.unwrap(), 0, "nothing was made for it");
    let own = host.ensure("t1", "scratch", VolumeSource::Task).await.unwrap();
    let shared = host.ensure("t1", "db", VolumeSource::Docker(shared(&[]))).await.unwrap();
    let other = host.ensure("t2", "scratch", VolumeSource::Task).await.unwrap();
    let empty = host.volumes.used_bytes("t1").await.unwrap();
    for dir in [&own, &shared, &other] {
        fs::write(dir.join("file"), vec![1; 1 << 20]).unwrap();
    }
    let grown = host.volumes.used_bytes("t1").await.unwrap() - empty;
    assert!((1 << 20..2 << 20).contains(&grown), "{grown}");
}

#[tokio::test]
async fn what_is_free_is_what_the_file_system_of_the_data_directory_says() {
    let host = Host::new();
    let found = nix::sys::statvfs::statvfs(&host.root()).unwrap();
    let size = found.blocks() * found.fragment_size();
    assert!((1..=size).contains(&host.volumes.free_bytes().await.unwrap()));
}

#[tokio::test]
async fn any_name_has_a_directory_of_its_own_under_the_data_directory() {
    let host = Host::new();
    let long = "x".repeat(255);
    let mut paths = Vec::new();
    for name in ["..", ".", "a/b", "../../etc", "a b", "ä\n", &long] {
        let path = host.ensure("../t", name, VolumeSource::Task).await.unwrap();
        assert!(fs::canonicalize(&path).unwrap().starts_with(host.root().join("task")), "{path:?}");
        paths.push(path);
    }
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 7);
    assert_eq!(host.volumes.list().await.unwrap(), ["../t"]);
    host.volumes.release("../t").await.unwrap();
    assert_eq!(tree(&host.root()), ["shared", "task"]);
}

#[tokio::test]
async fn release_follows_no_links() {
    let host = Host::new();
    let outside = host.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "kept").unwrap();
    let volume = host.ensure("t", "v", VolumeSource::Task).await.unwrap();
    symlink(&outside, volume.join("link")).unwrap();
    host.volumes.release("t").await.unwrap();
    assert_eq!(tree(&host.root()), ["shared", "task"]);
    assert!(outside.join("file").exists());
}

/// Every state that a kill can leave: of making, and of removing.
#[tokio::test]
async fn work_that_was_interrupted_is_taken_up_again() {
    let host = Host::new();
    let volume = host.root().join("task/t/v");
    for step in 0..5 {
        fs::create_dir_all(&volume).unwrap();
        if step >= 1 {
            fs::create_dir(volume.join("data")).unwrap();
        }
        if step >= 2 {
            fs::write(volume.join("volume.json.new"), "{\"na").unwrap();
        }
        if step >= 3 {
            fs::create_dir_all(volume.join("removed/deep/deeper")).unwrap();
            fs::write(volume.join("data/file"), "x").unwrap();
        }
        if step < 4 {
            let path = host.ensure("t", "v", VolumeSource::Task).await.unwrap();
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o7777, 0o755);
        }
        assert_eq!(host.volumes.list().await.unwrap(), ["t"], "{step}");
        host.volumes.release("t").await.unwrap();
        assert_eq!(tree(&host.root()), ["shared", "task"], "{step}");
    }
}

#[tokio::test]
async fn a_path_of_the_host_is_made_when_it_is_missing_and_never_removed() {
    let host = Host::new();
    let (dir, file) = (host.dir.path().join("a/b"), host.dir.path().join("file"));
    fs::write(&file, "x").unwrap();
    assert_eq!(host.ensure("t", "dir", VolumeSource::Host(dir.clone())).await.unwrap(), dir);
    assert_eq!(host.ensure("t", "file", VolumeSource::Host(file.clone())).await.unwrap(), file);
    assert!(host.volumes.list().await.unwrap().is_empty());
    host.volumes.release("t").await.unwrap();
    assert!(dir.is_dir() && file.is_file());

    let relative = host.refusal(VolumeSource::Host(PathBuf::from("data"))).await;
    assert_eq!(relative, "invalid mount path: 'data' mount path must be absolute");
    let in_file = host.refusal(VolumeSource::Host(file.join("x"))).await;
    assert!(in_file.contains("ot a directory"), "{in_file}");
}

#[tokio::test]
async fn what_is_not_honoured_is_refused_and_leaves_nothing() {
    let host = Host::new();
    let docker = |change: fn(&mut agent_driver::DockerVolume)| {
        let mut volume = local(&[]);
        change(&mut volume);
        VolumeSource::Docker(volume)
    };
    let plugin = host.refusal(docker(|volume| volume.driver = "rexray/ebs".to_owned())).await;
    assert_eq!(plugin, "error looking up volume plugin rexray/ebs: plugin \"rexray/ebs\" not found");
    let option = host.refusal(VolumeSource::Docker(local(&[("colour", "red")]))).await;
    assert_eq!(option, "invalid option: \"colour\"");
    assert_eq!(tree(&host.root()), ["shared", "task"]);
    assert!(HostVolumes::open(Path::new("relative")).is_err());
}
