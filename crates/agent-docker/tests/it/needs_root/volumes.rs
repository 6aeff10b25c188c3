//! Volumes of the Engine.

use super::stage::{Stage, TASK, play};
use agent_driver::{DockerVolume, Mount, MountSource, VolumeScope, VolumeSource, VolumeSpec};
use std::collections::BTreeMap;

fn spec(name: &str, source: VolumeSource) -> VolumeSpec {
    VolumeSpec { task: TASK.to_owned(), name: name.to_owned(), source }
}

async fn write_through(stage: &Stage, container: &str, source: MountSource, copy_up: bool) -> String {
    let mut spec = stage.shell(container, "ls /srv/data; touch /srv/data/x");
    spec.storage.mounts = vec![Mount { source, target: "/srv/data".to_owned(), read_only: false, copy_up }];
    stage.output(spec).await
}

#[test]
fn volumes_of_a_task_go_with_it() {
    play("own", async |stage| {
        let volume = spec("data of 1", VolumeSource::Task);
        let source = stage.volumes.ensure(&volume).await.unwrap();
        assert_eq!(stage.volumes.ensure(&volume).await.unwrap(), source);
        assert_eq!(write_through(&stage, "0", source.clone(), true).await, "seed\n");
        assert_eq!(write_through(&stage, "1", source.clone(), true).await, "seed\nx\n");
        let mut large = stage.shell(
            "3",
            "dd if=/dev/zero of=/large bs=1M count=2; dd if=/dev/zero of=/srv/data/large bs=1M count=3; sync",
        );
        large.storage.mounts = vec![Mount {
            source: source.clone(),
            target: "/srv/data".to_owned(),
            read_only: false,
            copy_up: true,
        }];
        let id = large.id.clone();
        stage.output(large).await;
        let written = stage.runtime.written_bytes(&id).await.unwrap();
        let used = stage.volumes.used_bytes(TASK).await.unwrap();
        assert!((2 << 20..3 << 20).contains(&written), "{written}");
        assert!((3 << 20..4 << 20).contains(&used), "{used}");
        let bare = stage.volumes.ensure(&spec("bare", VolumeSource::Task)).await.unwrap();
        assert_eq!(write_through(&stage, "2", bare, false).await, "");
        assert_eq!(stage.volumes.list().await.unwrap(), [TASK]);
        for seen in stage.runtime.list().await.unwrap() {
            stage.runtime.remove(&seen.id).await.unwrap();
        }
        for _ in 0..2 {
            stage.volumes.release(TASK).await.unwrap();
        }
        assert_eq!(stage.volumes.list().await.unwrap(), Vec::<String>::new());
        assert_eq!(stage.engine.docker(&["volume", "ls", "--quiet"]), "");
        stage
    });
}

#[test]
fn options_reach_the_driver() {
    play("driver", async |stage| {
        let options = [("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=64k")];
        let docker = DockerVolume {
            driver_opts: options.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            labels: BTreeMap::from([("team".to_owned(), "blue".to_owned())]),
            ..DockerVolume::default()
        };
        let source = stage.volumes.ensure(&spec("mem", VolumeSource::Docker(docker))).await.unwrap();
        let MountSource::Named(name) = &source else { panic!("{source:?}") };
        assert_eq!(
            stage.engine.inspect(name, "{{.Labels.team}} {{.Options.o}} {{.Driver}}"),
            "blue size=64k local"
        );
        let mut container = stage.shell("0", "mount | grep -c 'tmpfs on /mem .*size=64k'");
        container.storage.mounts =
            vec![Mount { source, target: "/mem".to_owned(), read_only: false, copy_up: false }];
        assert_eq!(stage.output(container).await, "1\n");
        let unknown = DockerVolume { driver: "nope".to_owned(), ..DockerVolume::default() };
        let error = stage.volumes.ensure(&spec("x", VolumeSource::Docker(unknown))).await.unwrap_err();
        assert!(error.0.contains("nope"), "{error}");
        stage
    });
}

#[test]
fn shared_volumes_are_the_users() {
    play("shared", async |stage| {
        let shared = |autoprovision, o: &str| {
            let driver_opts = match o {
                "" => BTreeMap::new(),
                o => [("type", "tmpfs"), ("device", "tmpfs"), ("o", o)]
                    .map(|(k, v)| (k.into(), v.into()))
                    .into(),
            };
            VolumeSource::Docker(DockerVolume {
                scope: VolumeScope::Shared { autoprovision },
                driver_opts,
                ..DockerVolume::default()
            })
        };
        let ensure = async |source| stage.volumes.ensure(&spec("common", source)).await;
        let missing = ensure(shared(false, "")).await.unwrap_err();
        assert!(missing.0.ends_with("get common: no such volume"), "{missing}");
        let named = Ok(MountSource::Named("common".to_owned()));
        assert_eq!(ensure(shared(true, "size=1m")).await, named);
        assert_eq!(ensure(shared(true, "size=1m")).await, named);
        assert_eq!(ensure(shared(false, "")).await, named);
        let other = ensure(shared(true, "size=2m")).await.unwrap_err();
        assert!(other.0.contains("does not match existing volume options"), "{other}");
        stage.volumes.release(TASK).await.unwrap();
        assert_eq!(stage.engine.docker(&["volume", "ls", "--quiet"]), "common\n");
        stage.engine.docker(&["volume", "rm", "common"]);
        stage
    });
}

#[test]
fn directories_of_the_host_are_made() {
    play("host", async |stage| {
        let path = stage.engine.root.join("a/b");
        let source = stage.volumes.ensure(&spec("h", VolumeSource::Host(path.clone()))).await.unwrap();
        assert_eq!(source, MountSource::Path(path.clone()));
        assert!(path.is_dir());
        let relative = stage.volumes.ensure(&spec("h", VolumeSource::Host("a/b".into()))).await.unwrap_err();
        assert!(relative.0.contains("must be absolute"), "{relative}");
        stage
    });
}
