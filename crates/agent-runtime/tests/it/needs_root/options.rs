//! Every option, one row each: what a container really got, read from inside it.

use super::stage::{Stage, play};
use agent_driver::{
    ContainerSpec, Device, Mount, MountSource, Namespace, Runtime, RuntimeError, Sharing, TaskSpec, Tmpfs,
    Ulimit,
};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

/// What is set, by whom it is shown, and what that must print.
type Row = (&'static str, fn(&mut ContainerSpec, &Path), &'static str, &'static str);

/// Runs each row in a container of its own, and tells of all that are not so.
async fn check(stage: &Stage, rows: &[Row]) {
    let mut wrong = Vec::new();
    for (number, (what, set, script, expected)) in rows.iter().enumerate() {
        // One stream, so that the order is the script's.
        let mut spec = stage.place.shell(&format!("{number}"), &format!("exec 2>&1; {script}"));
        set(&mut spec, &stage.place.root);
        let id = spec.id.clone();
        let (exit, output) = stage.run(spec).await;
        let printed = output.trim_end_matches('\n').replace('\n', "|");
        if printed != *expected {
            wrong.push(format!("{what}: {exit:?}\n     got {printed}\n  wanted {expected}"));
        }
        stage.runtime.remove(&id).await.unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn ulimit(name: &str, soft: i64, hard: i64) -> Ulimit {
    Ulimit { name: name.to_owned(), soft, hard }
}

fn sysctl(spec: &mut ContainerSpec, name: &str, value: &str) {
    spec.limits.sysctls.insert(name.to_owned(), value.to_owned());
}

fn tmpfs(target: &str, options: &str) -> Tmpfs {
    Tmpfs { target: target.to_owned(), options: options.to_owned() }
}

fn device(host: &str, container: &str, permissions: &str) -> Device {
    Device {
        host_path: host.to_owned(),
        container_path: container.to_owned(),
        permissions: permissions.to_owned(),
    }
}

fn volume(source: &Path, target: &str) -> Mount {
    Mount {
        source: MountSource::Path(source.to_owned()),
        target: target.to_owned(),
        read_only: false,
        copy_up: false,
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn limits_of_processes_and_kernel_parameters() {
    play("processes", TaskSpec::default(), async |stage| {
        let rows: &[Row] = &[
            (
                "nofile",
                |spec, _| spec.limits.ulimits = vec![ulimit("nofile", 100, 200)],
                "ulimit -n; ulimit -Hn",
                "100|200",
            ),
            (
                "core and stack",
                |spec, _| spec.limits.ulimits = vec![ulimit("core", 0, 0), ulimit("stack", 1 << 20, 2 << 20)],
                "ulimit -c; ulimit -s; ulimit -Hs",
                "0|1024|2048",
            ),
            (
                "sysctls of network and IPC",
                |spec, _| {
                    sysctl(spec, "net.core.somaxconn", "77");
                    sysctl(spec, "kernel.shmmax", "4242");
                    sysctl(spec, "net.ipv4.ip_unprivileged_port_start", "99");
                },
                "cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shmmax /proc/sys/net/ipv4/ip_unprivileged_port_start",
                "77|4242|99",
            ),
            (
                "no-new-privileges",
                |spec, _| spec.security.no_new_privileges = true,
                "grep NoNewPrivs /proc/self/status",
                "NoNewPrivs:\t1",
            ),
            (
                "capabilities: all dropped",
                |spec, _| spec.security.capabilities_drop = words(&["ALL"]),
                "grep -E 'Cap(Eff|Bnd|Inh|Amb)' /proc/self/status | cut -f 2; chown 1 /tmp",
                "0000000000000000|0000000000000000|0000000000000000|0000000000000000|chown: /tmp: Operation not permitted",
            ),
            (
                "capabilities: one added to none",
                |spec, _| {
                    spec.security.capabilities_drop = words(&["all"]);
                    spec.security.capabilities_add = words(&["CAP_NET_ADMIN"]);
                },
                "grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status | cut -f 2; ifconfig lo mtu 1400 && cat /sys/class/net/lo/mtu",
                "0000000000001000|0000000000001000|0000000000001000|1400",
            ),
            (
                "capabilities of another user",
                |spec, _| {
                    spec.user = "web".to_owned();
                    spec.security.capabilities_add = words(&["SYS_ADMIN"]);
                },
                "grep -E 'Cap(Eff|Bnd)' /proc/self/status | cut -f 2",
                "0000000000000000|00000000a82425fb",
            ),
            (
                "SYS_ADMIN may mount",
                |spec, _| spec.security.capabilities_add = words(&["SYS_ADMIN"]),
                "mount -t tmpfs none /tmp && touch /tmp/x && echo mounted",
                "mounted",
            ),
            (
                "privileged",
                |spec, _| spec.security.privileged = true,
                "grep Seccomp: /proc/self/status; echo 1 > /proc/sys/net/ipv4/ip_forward && echo wrote; \
                 grep -c ' /proc/' /proc/self/mounts; mkdir /sys/fs/cgroup/*/x 2>/dev/null; \
                 grep ' /sys ' /proc/self/mounts | cut -d ' ' -f 4 | cut -d , -f 1; ls /dev/loop-control /dev/kmsg; \
                 head -c 1 /dev/kmsg > /dev/null; mount -t tmpfs none /tmp && echo mounted",
                "Seccomp:\t0|wrote|0|rw|/dev/kmsg|/dev/loop-control|mounted",
            ),
            (
                "unprivileged has no such device",
                |_, _| {},
                "ls /dev/kmsg",
                "ls: /dev/kmsg: No such file or directory",
            ),
        ];
        check(&stage, rows).await;
    });
}

#[test]
fn devices() {
    play("devices", TaskSpec::default(), async |stage| {
        let rows: &[Row] = &[
            (
                "a device for reading, under another name",
                |spec, _| spec.storage.devices = vec![device("/dev/loop-control", "/dev/log/kernel", "r")],
                "ls -l /dev/log/kernel | cut -c 1; exec 3< /dev/log/kernel && echo opened; echo x > /dev/log/kernel",
                "c|opened|sh: can't create /dev/log/kernel: Operation not permitted",
            ),
            (
                "beside /dev",
                |spec, _| spec.storage.devices = vec![device("/dev/null", "/srv/void", "rwm")],
                "echo x > /srv/void && test -c /srv/void && echo wrote",
                "wrote",
            ),
            (
                "a directory of devices",
                |spec, _| spec.storage.devices = vec![device("/dev/net", "/dev/net", "rwm")],
                "test -c /dev/net/tun && echo there",
                "there",
            ),
            (
                "one that every container has",
                |spec, _| spec.storage.devices = vec![device("/dev/null", "/dev/null", "rwm")],
                "echo x > /dev/null && echo wrote",
                "wrote",
            ),
        ];
        let has_tun = Path::new("/dev/net/tun").exists();
        let rows: Vec<Row> =
            rows.iter().filter(|row| has_tun || !row.0.contains("directory")).copied().collect();
        check(&stage, &rows).await;
    });
}

#[test]
fn memory_file_systems() {
    play("tmpfs", TaskSpec::default(), async |stage| {
        // Some kernels say how wide their inode numbers are.
        let options = "grep ' /scratch ' /proc/self/mounts | cut -d ' ' -f 3,4 | sed s/,inode64//";
        let rows: &[Row] = &[
            (
                "defaults, and the mode of what it covers",
                |spec, _| {
                    spec.storage.tmpfs = vec![tmpfs("/scratch", ""), tmpfs("/srv", "")];
                },
                options,
                "tmpfs rw,nosuid,nodev,noexec,relatime",
            ),
            (
                "the mode of what it covers, and of what it does not",
                |spec, _| {
                    spec.storage.tmpfs =
                        vec![tmpfs("/scratch", ""), tmpfs("/srv", ""), tmpfs("/tmp", "mode=700")]
                },
                "stat -c %a /scratch /srv /tmp",
                "1777|755|700",
            ),
            (
                "options",
                |spec, _| spec.storage.tmpfs = vec![tmpfs("/scratch", "exec,size=64k,mode=710,uid=5,gid=6")],
                options,
                "tmpfs rw,nosuid,nodev,relatime,size=64k,mode=710,uid=5,gid=6",
            ),
            (
                "size",
                |spec, _| spec.storage.tmpfs = vec![tmpfs("/scratch", "size=64k")],
                "head -c 65536 /dev/zero > /scratch/a && echo fits; head -c 1 /dev/zero > /scratch/b; test -s /scratch/b || echo full",
                "fits|head: standard output: No space left on device|full",
            ),
            (
                "shared memory",
                |spec, _| spec.storage.shm_bytes = Some(3 << 20),
                "grep ' /dev/shm ' /proc/self/mounts | cut -d ' ' -f 4 | sed s/,inode64//",
                "rw,nosuid,nodev,noexec,relatime,size=3072k",
            ),
            (
                "in a read-only root",
                |spec, _| {
                    spec.storage.readonly_rootfs = true;
                    spec.storage.tmpfs = vec![tmpfs("/scratch/deep", "")];
                },
                "touch /scratch/deep/x && echo wrote; touch /scratch/x; touch /x",
                "wrote|touch: /scratch/x: Read-only file system|touch: /x: Read-only file system",
            ),
        ];
        check(&stage, rows).await;
    });
}

#[test]
fn volumes() {
    play("volumes", TaskSpec::default(), async |stage| {
        let root = &stage.place.root;
        fs::create_dir_all(root.join("volume/below")).unwrap();
        fs::create_dir(root.join("above")).unwrap();
        fs::write(root.join("volume/file"), "from the host\n").unwrap();
        nix::mount::mount(
            Some("tmpfs"),
            &root.join("volume/below"),
            Some("tmpfs"),
            nix::mount::MsFlags::empty(),
            None::<&str>,
        )
        .unwrap();
        let rows: &[Row] = &[
            (
                "a directory, written to",
                |spec, root| spec.storage.mounts = vec![volume(&root.join("volume"), "/data/here")],
                "cat /data/here/file; echo x > /data/here/written; echo x > /data/here/below/written; stat -c %U:%a /data/here/written",
                "from the host|root:644",
            ),
            (
                "read-only, with what is mounted below it",
                |spec, root| {
                    spec.storage.mounts =
                        vec![Mount { read_only: true, ..volume(&root.join("volume"), "/data") }];
                },
                "echo y > /data/written; echo y > /data/below/written; cat /data/below/written",
                "sh: can't create /data/written: Read-only file system|sh: can't create /data/below/written: Read-only file system|x",
            ),
            (
                "a file",
                |spec, root| {
                    spec.storage.mounts = vec![
                        volume(&root.join("volume/file"), "/etc/new/file"),
                        volume(&root.join("volume/file"), "/etc/passwd"),
                    ];
                },
                "cat /etc/new/file /etc/passwd",
                "from the host|from the host",
            ),
            (
                "in a read-only root, whatever the order",
                |spec, root| {
                    spec.storage.readonly_rootfs = true;
                    spec.storage.mounts =
                        vec![volume(&root.join("volume"), "/a/b"), volume(&root.join("above"), "/a/./")];
                },
                "cat /a/b/file; touch /a/b/again && echo wrote; touch /x",
                "from the host|wrote|touch: /x: Read-only file system",
            ),
            (
                "private: what it mounts stays its own",
                |spec, root| {
                    spec.security.privileged = true;
                    spec.storage.mounts = vec![volume(&root.join("volume"), "/data")];
                },
                "mkdir /data/own; mount -t tmpfs none /data/own && touch /data/own/x && grep /data/own /proc/self/mountinfo | grep -c shared:",
                "0",
            ),
            (
                "instead of a file that is made for it",
                |spec, root| spec.storage.mounts = vec![volume(&root.join("volume/file"), "/etc/hosts")],
                "cat /etc/hosts",
                "from the host",
            ),
        ];
        check(&stage, rows).await;
        assert_eq!(fs::read_dir(root.join("volume/own")).unwrap().count(), 0);
        nix::mount::umount(&root.join("volume/below")).unwrap();
    });
}

/// The image says where a volume is to be mounted by a link; it must not reach the host by it.
#[test]
fn mount_points_stay_in_the_root() {
    play("escape", TaskSpec { shares_pid: true, ..TaskSpec::default() }, async |stage| {
        let root = &stage.place.root;
        let (evil, victim) = (root.join("evil"), root.join("victim"));
        fs::create_dir_all(&evil).unwrap();
        fs::create_dir(&victim).unwrap();
        symlink(&victim, evil.join("absolute")).unwrap();
        symlink("../../../../../../tmp", evil.join("climbing")).unwrap();
        symlink(format!("/proc/1/root{}", victim.display()), evil.join("magic")).unwrap();
        symlink("/proc/self/fd", evil.join("descriptors")).unwrap();
        symlink("/proc", evil.join("kernel")).unwrap();
        let spec = |name: &str, target: &str| {
            let mut spec = stage.place.shell(name, "touch /absolute/x; ls /absolute /tmp");
            spec.layers.insert(0, evil.clone());
            spec.storage.mounts = vec![volume(&root.join("source"), target)];
            spec
        };
        fs::create_dir_all(root.join("source")).unwrap();
        let output = stage.output(spec("a", "/absolute/deep")).await;
        assert!(output.contains("deep\nx\n"), "{output}");
        let (_, output) = stage.run(spec("b", "/climbing/deep")).await;
        assert!(output.contains("deep\n"), "{output}");
        for (name, target, pid) in [
            ("c", "/magic/deep", Sharing::Host),
            ("d", "/descriptors/3", Sharing::Private),
            ("e", "/kernel/self", Sharing::Private),
            ("f", "/proc/sys", Sharing::Private),
        ] {
            let mut spec = spec(name, target);
            spec.pid = pid;
            let refused = stage.runtime.start(spec).await;
            assert!(matches!(refused, Err(RuntimeError::Create(_))), "{target}: {refused:?}");
        }
        let mut cwd = stage.place.spec("g", &["true"]);
        cwd.layers.insert(0, evil.clone());
        cwd.cwd = "/magic/made".to_owned();
        cwd.pid = Sharing::Host;
        let refused = stage.runtime.start(cwd).await;
        assert!(matches!(refused, Err(RuntimeError::Start(_))), "{refused:?}");
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
    });
}

#[test]
fn an_empty_volume_is_filled_from_the_image() {
    play("copyup", TaskSpec::default(), async |stage| {
        let (root, image) = (&stage.place.root, stage.place.root.join("layer/srv/data"));
        fs::create_dir_all(image.join("deep")).unwrap();
        fs::write(image.join("deep/file"), "contents\n").unwrap();
        fs::write(image.join("tool"), "").unwrap();
        fs::set_permissions(image.join("tool"), fs::Permissions::from_mode(0o4751)).unwrap();
        symlink("deep/file", image.join("link")).unwrap();
        std::os::unix::fs::lchown(image.join("link"), Some(7), Some(8)).unwrap();
        std::os::unix::fs::chown(&image, Some(101), Some(102)).unwrap();
        fs::set_permissions(&image, fs::Permissions::from_mode(0o750)).unwrap();

        let spec = |name: &str, source: &Path, script: &str| {
            let mut spec = stage.place.shell(name, script);
            spec.storage.mounts = vec![Mount { copy_up: true, ..volume(source, "/srv/data") }];
            spec
        };
        let empty = root.join("empty");
        fs::create_dir(&empty).unwrap();
        let show = "cd /srv/data; stat -c '%n %u:%g %a' . tool link deep; cat link; ls -A";
        let expected =
            ". 101:102 750\ntool 0:0 4751\nlink 7:8 777\ndeep 0:0 755\ncontents\ndeep\nlink\ntool\n";
        assert_eq!(stage.output(spec("a", &empty, show)).await, expected);
        // What is there stays.
        fs::remove_file(empty.join("tool")).unwrap();
        assert_eq!(stage.output(spec("b", &empty, "ls -A /srv/data")).await, "deep\nlink\n");
        // One whose filling was interrupted is filled anew.
        let torn = root.join("torn");
        fs::create_dir_all(torn.join("deep/half")).unwrap();
        fs::write(torn.join("stray"), "").unwrap();
        fs::write(torn.join(".wharf-filling"), "").unwrap();
        assert_eq!(stage.output(spec("c", &torn, show)).await, expected);
        // A directory of the host is not filled.
        let host = root.join("host");
        fs::create_dir(&host).unwrap();
        let mut plain = spec("d", &host, "ls -A /srv/data");
        plain.storage.mounts[0].copy_up = false;
        assert_eq!(stage.output(plain).await, "");
        assert_eq!(fs::metadata(&host).unwrap().uid(), 0);
        // Read-only ones are.
        let sealed = root.join("sealed");
        fs::create_dir(&sealed).unwrap();
        let mut spec = spec("e", &sealed, "cat /srv/data/link; touch /srv/data/x");
        spec.storage.mounts[0].read_only = true;
        let (_, output) = stage.run(spec).await;
        assert_eq!(output, "contents\n! touch: /srv/data/x: Read-only file system\n");
    });
}

#[test]
fn names_of_the_network() {
    play("names", TaskSpec::default(), async |stage| {
        let rows: &[Row] = &[
            (
                "hosts of both families",
                |spec, _| {
                    spec.network.hosts = vec![
                        ("10.0.0.9".parse().unwrap(), "db".to_owned()),
                        ("fd00::9".parse().unwrap(), "db6 db6.local".to_owned()),
                    ];
                },
                "tail -n 2 /etc/hosts",
                "10.0.0.9\tdb|fd00::9\tdb6 db6.local",
            ),
            (
                "name servers and search domains",
                |spec, _| {
                    spec.network.dns_servers = vec!["10.0.0.2".parse().unwrap(), "fd00::2".parse().unwrap()];
                    spec.network.dns_search = words(&["a.example", "b.example"]);
                },
                "grep -v options /etc/resolv.conf",
                "nameserver 10.0.0.2|nameserver fd00::2|search a.example b.example",
            ),
        ];
        check(&stage, rows).await;
        let own = nix::unistd::gethostname().unwrap().into_string().unwrap();
        let mut spec = stage.place.shell("h", "hostname; echo $HOSTNAME; cat /etc/hostname");
        spec.network.namespace = Namespace::Host;
        assert_eq!(stage.output(spec).await, format!("{own}\n{own}\n{own}\n"));
    });
}

#[test]
fn what_cannot_be_had_is_refused_by_name() {
    play("options-refused", TaskSpec::default(), async |stage| {
        type Refusal = (fn(&mut ContainerSpec), &'static str);
        let rows: &[Refusal] = &[
            (|spec| spec.limits.ulimits = vec![ulimit("as", 1, 1)], "invalid ulimit type: as"),
            (|spec| spec.limits.ulimits = vec![ulimit("nofile", 2, 1)], "soft limit must be less"),
            (
                |spec| sysctl(spec, "vm.swappiness", "1"),
                "\"vm.swappiness\" is not in a separate kernel namespace",
            ),
            (|spec| sysctl(spec, "net.no.such", "1"), "write sysctl key net.no.such"),
            (
                |spec| {
                    spec.network.namespace = Namespace::Host;
                    sysctl(spec, "net.core.somaxconn", "1");
                },
                "not allowed in host network namespace",
            ),
            (|spec| spec.security.capabilities_add = words(&["FLY"]), "unknown capability: \"FLY\""),
            (|spec| spec.security.apparmor = Some("mine".to_owned()), "apparmor=mine"),
            (|spec| spec.security.labels = words(&["type:mine_t"]), "label=type:mine_t"),
            (|spec| spec.storage.devices = vec![device("/dev/nope", "", "")], "\"/dev/nope\""),
            (|spec| spec.storage.devices = vec![device("/etc/passwd", "", "")], "not a device node"),
            (|spec| spec.storage.tmpfs = vec![tmpfs("/x", "fast")], "invalid tmpfs option \"fast\""),
            (
                |spec| spec.storage.mounts = vec![volume(Path::new("/no/where"), "/x")],
                "source path does not exist: /no/where",
            ),
            (
                |spec| spec.storage.mounts = vec![volume(Path::new("/etc"), "/etc/passwd")],
                "mount /etc/passwd: not a directory",
            ),
            (
                |spec| spec.storage.mounts = vec![volume(Path::new("/etc/passwd"), "/etc")],
                "mount /etc: is a directory",
            ),
            (|spec| spec.stop_signal = "SIGNOPE".to_owned(), "invalid signal: SIGNOPE"),
            (|spec| spec.limits.memory_swap_bytes = Some(1 << 20), "always set the Memory limit"),
            (|spec| spec.network.namespace = Namespace::Sandbox, "network of another runtime"),
            (|spec| spec.pid = Sharing::Task, "shared namespaces are gone"),
        ];
        for (number, (set, part)) in rows.iter().enumerate() {
            let mut spec = stage.place.spec(&format!("{number}"), &["true"]);
            set(&mut spec);
            match stage.runtime.start(spec).await {
                Err(RuntimeError::Create(text)) => assert!(text.contains(part), "{part}: {text}"),
                other => panic!("{part}: {other:?}"),
            }
            assert_eq!(stage.runtime.list().await.unwrap(), [], "{part}");
        }
    });
}
