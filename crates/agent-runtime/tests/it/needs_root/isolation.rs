//! What a container sees and what it may not do.

use super::stage::{TASK, play};
use agent_driver::{Namespace, TaskSpec};
use std::net::Ipv4Addr;

#[test]
fn environment_directory_user_and_names() {
    play("env", TaskSpec::default(), async |stage| {
        let mut spec = stage
            .place
            .shell("a", "env; pwd; id; hostname; echo $$; cat /etc/hostname; touch made; stat -c %U made");
        spec.env = vec!["COLOUR=blue".to_owned(), "HOSTNAME=mine".to_owned()];
        spec.cwd = "/made/on/demand".to_owned();
        let output = stage.output(spec).await;
        for line in [
            "COLOUR=blue",
            "HOSTNAME=mine",
            "HOME=/root",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "/made/on/demand",
            "uid=0(root) gid=0(root)",
            "harbour",
            "1",
            "root",
        ] {
            assert!(output.lines().any(|l| l == line), "{line}: {output}");
        }

        let mut spec = stage.place.shell(
            "b",
            "id; echo $HOME; touch /tmp/x; touch /etc/x; echo fd > /dev/stderr; grep Cap /proc/self/status",
        );
        spec.user = "web".to_owned();
        let output = stage.output(spec).await;
        for line in [
            "uid=101(web) gid=102(web) groups=7(logs)",
            "/srv",
            "! touch: /etc/x: Permission denied",
            "! fd",
            "CapPrm:\t0000000000000000",
            "CapEff:\t0000000000000000",
            "CapBnd:\t00000000a80425fb",
        ] {
            assert!(output.lines().any(|l| l == line), "{line}: {output}");
        }
    });
}

#[test]
fn files_that_are_made_for_it() {
    play("etc", TaskSpec::default(), async |stage| {
        let mut spec =
            stage.place.shell("a", "cat /etc/resolv.conf; grep db /etc/hosts; echo more >> /etc/hosts; stat -c %A /etc/hosts; ! ls -A /dev | grep '^[.]'");
        spec.network.dns_servers = vec![Ipv4Addr::new(10, 0, 0, 2).into()];
        spec.network.hosts = vec![(Ipv4Addr::new(10, 0, 0, 9).into(), "db db.local".to_owned())];
        assert_eq!(stage.output(spec).await, "nameserver 10.0.0.2\n10.0.0.9\tdb db.local\n-rw-r--r--\n");
    });
}

#[test]
fn a_read_only_root() {
    play("readonly", TaskSpec::default(), async |stage| {
        let mut spec =
            stage.place.shell("a", "touch /x; touch /dev/shm/x && echo shm; echo x > /dev/null && echo null");
        spec.storage.readonly_rootfs = true;
        spec.cwd = "/new".to_owned();
        let output = stage.output(spec).await;
        assert!(output.contains("! touch: /x: Read-only file system\n"), "{output}");
        assert!(output.contains("shm\nnull\n"), "{output}");
    });
}

#[test]
fn networks() {
    play("net", TaskSpec::default(), async |stage| {
        let script =
            "ls /sys/class/net; ifconfig lo | grep -c UP; cat /proc/sys/net/ipv4/ip_unprivileged_port_start";
        assert_eq!(stage.output(stage.place.shell("a", script)).await, "lo\n1\n0\n");

        let own = std::fs::read_link("/proc/self/ns/net").unwrap().display().to_string();
        let show = "stat -c %N /proc/self/ns/net";
        let mut spec = stage.place.shell("b", show);
        spec.network.namespace = Namespace::Host;
        assert!(stage.output(spec).await.contains(&own));
        // Any path that names a namespace; this test's own is one.
        let mut spec = stage.place.shell("c", show);
        spec.network.namespace = Namespace::Path(format!("/proc/{}/ns/net", std::process::id()).into());
        assert!(stage.output(spec).await.contains(&own));
        assert!(!stage.output(stage.place.shell("d", show)).await.contains(&own));
    });
}

#[test]
fn capabilities_system_calls_and_devices_are_limited() {
    play("limits", TaskSpec::default(), async |stage| {
        let script = "\
            grep -E 'CapInh|CapPrm|CapBnd|CapAmb|Seccomp:|NoNewPrivs' /proc/self/status
            mount -t tmpfs none /tmp && echo mounted
            unshare -m true && echo unshared
            chroot / true && echo chrooted
            mknod /dev/disk b 254 0 && head -c 1 /dev/disk && echo read
            head -c 1 /dev/zero | wc -c
            echo x > /proc/sys/kernel/hostname && echo renamed
            wc -c < /proc/interrupts
            ls /sys/firmware | wc -l
            touch /sys/fs/cgroup/x
            ulimit -n; ulimit -Hn";
        let output = stage.output(stage.place.shell("a", script)).await;
        // Raising it takes CAP_SYS_RESOURCE, which not every root has.
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        let own = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let own: u64 = own.split_whitespace().nth(4).unwrap().parse().unwrap();
        let raised = output.lines().any(|line| line == "65535");
        let hard = if raised { 65_535 } else { own.min(65_535) };
        let (errors, lines): (Vec<_>, Vec<_>) = output.lines().partition(|line| line.starts_with("! "));
        assert_eq!(
            lines,
            [
                "CapInh:\t0000000000000000",
                "CapPrm:\t00000000a80425fb",
                "CapBnd:\t00000000a80425fb",
                "CapAmb:\t0000000000000000",
                "NoNewPrivs:\t0",
                "Seccomp:\t2",
                "chrooted",
                "1",
                "0",
                "0",
                &hard.to_string(),
                &hard.to_string(),
            ],
            "{errors:?}"
        );
        for error in [
            "mount: permission denied",
            "unshare: unshare",
            "/dev/disk: Operation not permitted",
            "kernel/hostname: Read-only",
            "cgroup/x: Read-only",
        ] {
            assert!(errors.iter().any(|line| line.contains(error)), "{error}: {errors:?}");
        }
    });
}

#[test]
fn mounts_are_dockers() {
    play("mounts", TaskSpec::default(), async |stage| {
        let output = stage.output(stage.place.shell("a", "cat /proc/self/mountinfo")).await;
        let mounted = |target: &str| {
            let line = output.lines().find(|line| line.split(' ').nth(4) == Some(target));
            let line = line.unwrap_or_else(|| panic!("{target}: {output}"));
            let (options, kind) = line.split_once(" - ").unwrap();
            format!("{} {}", options.split(' ').nth(5).unwrap(), kind.split(' ').next().unwrap())
        };
        assert_eq!(mounted("/"), "rw,relatime overlay");
        assert_eq!(mounted("/proc"), "rw,nosuid,nodev,noexec,relatime proc");
        assert_eq!(mounted("/dev"), "rw,nosuid tmpfs");
        assert_eq!(mounted("/dev/pts"), "rw,nosuid,noexec,relatime devpts");
        assert_eq!(mounted("/dev/shm"), "rw,nosuid,nodev,noexec,relatime tmpfs");
        assert_eq!(mounted("/dev/mqueue"), "rw,nosuid,nodev,noexec,relatime mqueue");
        assert_eq!(mounted("/sys"), "ro,nosuid,nodev,noexec,relatime sysfs");
        assert!(mounted("/sys/fs/cgroup").starts_with("ro,nosuid,nodev,noexec"));
        assert_eq!(mounted("/proc/sys"), "ro,nosuid,nodev,noexec,relatime proc");
        let own = format!("/{TASK}-a");
        assert!(
            output.lines().all(|line| !line.contains(TASK) || line.contains(&own)),
            "only its own groups"
        );
    });
}
