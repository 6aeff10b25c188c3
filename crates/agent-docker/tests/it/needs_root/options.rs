//! Every member of a container's spec, as its program sees it.

use super::stage::{Stage, play};
use agent_driver::{
    ContainerSpec, Device, Mount, MountSource, Namespace, RuntimeError, Sharing, Tmpfs, Ulimit,
};
use std::net::IpAddr;

type Change = fn(&mut ContainerSpec);

/// What is changed, what is run, and what it has to say.
const ROWS: &[(&str, Change, &str, &str)] = &[
    ("args", |s| s.args = vec!["echo".into(), "a b".into(), "$c".into()], "", "a b $c\n"),
    ("env", |s| s.env.push("A=b c".into()), "echo $A", "b c\n"),
    ("home", |_| {}, "echo $HOME; pwd; id -u", "/root\n/\n0\n"),
    ("cwd", |s| s.cwd = "/made/up".into(), "pwd", "/made/up\n"),
    ("user", |s| s.user = "web".into(), "id -u; id -g; echo $HOME", "101\n102\n/srv\n"),
    ("hostname", |s| s.network.hostname = "harbour".into(), "hostname", "harbour\n"),
    (
        "hosts",
        |s| s.network.hosts = vec![(IpAddr::from([1, 2, 3, 4]), "one two".into())],
        "grep -c -e 1.2.3.4.one -e 1.2.3.4.two /etc/hosts",
        "2\n",
    ),
    (
        "dns",
        |s| {
            s.network.dns_servers = vec![IpAddr::from([9, 9, 9, 9])];
            s.network.dns_search = vec!["a.b".into()];
            s.network.namespace = Namespace::RuntimeBridge { ports: vec![], links: vec![] };
        },
        "grep -e ^search -e ^nameserver /etc/resolv.conf | sort",
        "nameserver 9.9.9.9\nsearch a.b\n",
    ),
    (
        "ulimits",
        |s| s.limits.ulimits = vec![Ulimit { name: "nofile".into(), soft: 77, hard: 88 }],
        "ulimit -Sn; ulimit -Hn",
        "77\n88\n",
    ),
    (
        "sysctls",
        |s| drop(s.limits.sysctls.insert("net.core.somaxconn".into(), "77".into())),
        "sysctl -n net.core.somaxconn",
        "77\n",
    ),
    ("cap default", |_| {}, "grep CapEff /proc/self/status", "CapEff:\t00000000a80425fb\n"),
    (
        "cap drop all",
        |s| s.security.capabilities_drop = vec!["ALL".into()],
        "grep CapEff /proc/self/status",
        "CapEff:\t0000000000000000\n",
    ),
    (
        "cap add",
        |s| {
            s.security.capabilities_drop = vec!["ALL".into()];
            s.security.capabilities_add = vec!["SYS_PTRACE".into()];
        },
        "grep CapEff /proc/self/status",
        "CapEff:\t0000000000080000\n",
    ),
    (
        "no new privileges",
        |s| s.security.no_new_privileges = true,
        "grep NoNewPrivs /proc/self/status",
        "NoNewPrivs:\t1\n",
    ),
    ("seccomp", |_| {}, "grep Seccomp: /proc/self/status", "Seccomp:\t2\n"),
    (
        "devices",
        |s| {
            s.storage.devices = vec![Device {
                host_path: "/dev/null".into(),
                container_path: "/dev/hole".into(),
                permissions: "rw".into(),
            }];
        },
        "stat -c %t:%T /dev/hole; echo x > /dev/hole",
        "1:3\n",
    ),
    (
        "tmpfs",
        |s| s.storage.tmpfs = vec![Tmpfs { target: "/mem".into(), options: "size=64k,noexec".into() }],
        "mount | grep -c 'on /mem .*noexec.*size=64k'",
        "1\n",
    ),
    ("shm", |s| s.storage.shm_bytes = Some(1 << 20), "df -k /dev/shm | tail -n 1 | grep -c 1024", "1\n"),
    ("read-only", |s| s.storage.readonly_rootfs = true, "touch /x 2>/dev/null || echo no", "no\n"),
    ("init", |s| s.init = true, "cat /proc/1/comm | grep -c -v '^sh$'", "1\n"),
    ("no init", |_| {}, "cat /proc/1/comm", "sh\n"),
    ("terminal", |s| s.terminal = true, "tty; echo $TERM", "/dev/pts/0\r\nxterm\r\n"),
    ("no terminal", |_| {}, "tty; echo $TERM", "not a tty\n\n"),
    ("stdin closed", |_| {}, "cat; echo end", "end\n"),
    ("pid private", |_| {}, "ps -o pid | grep -c -w 1", "1\n"),
    (
        "pid of the host",
        |s| s.pid = Sharing::Host,
        "test $(readlink /proc/self) -gt 1 && cat /proc/1/comm | grep -c -v '^sh$'",
        "1\n",
    ),
    ("isolated", |_| {}, "ifconfig -a | grep -c Link", "1\n"),
    (
        "the host's network",
        |s| {
            s.network.namespace = Namespace::Host;
            s.network.hostname = "ignored".into();
        },
        "ifconfig -a | grep -c docker0; hostname | grep -c ignored",
        "1\n0\n",
    ),
    (
        "bridge",
        |s| s.network.namespace = Namespace::RuntimeBridge { ports: vec![], links: vec![] },
        "ifconfig eth0 | grep -c 'inet addr:172'",
        "1\n",
    ),
];

#[test]
fn every_member_is_honoured() {
    play("options", async |stage| {
        for (n, (what, change, script, expected)) in ROWS.iter().enumerate() {
            // A status that only says what was printed is none.
            let mut spec = stage.shell(&n.to_string(), &format!("{script}; true"));
            change(&mut spec);
            assert_eq!(stage.output(spec).await, *expected, "{what}");
        }
        members_that_a_program_does_not_see(&stage).await;
        stage
    });
}

#[test]
fn a_privileged_container_may_do_everything() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let last = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap();
    let all = format!("{:016x}", (1_u64 << (last.trim().parse::<u32>().unwrap() + 1)) - 1);
    if !status.contains(&format!("CapBnd:\t{all}")) {
        eprintln!("skipped: this machine has not all capabilities to give");
        return;
    }
    play("privileged", async |stage| {
        let mut spec = stage.shell("0", "grep -e Seccomp: -e CapEff /proc/self/status");
        spec.security.privileged = true;
        assert_eq!(stage.output(spec).await, format!("CapEff:\t{all}\nSeccomp:\t0\n"));
        stage
    });
}

async fn members_that_a_program_does_not_see(stage: &Stage) {
    let mut spec = stage.shell("seen", "cat; exit 1");
    spec.stdin_open = true;
    spec.labels.insert("team".to_owned(), "blue".to_owned());
    spec.stop_signal = "SIGUSR2".to_owned();
    spec.security.apparmor = Some("unconfined".to_owned());
    spec.security.labels = vec!["disable".to_owned()];
    spec.limits.cpu_shares = 512;
    spec.limits.memory_mib = Some(64);
    spec.limits.memory_mib_reserved = Some(32);
    spec.limits.memory_swap_bytes = Some(-1);
    spec.limits.swappiness = Some(7);
    stage.runtime.start(spec.clone()).await.unwrap();
    let format = "{{.Config.OpenStdin}} {{.State.Running}} {{.Config.Labels.team}} {{.Config.StopSignal}} \
        {{.HostConfig.SecurityOpt}} {{.HostConfig.CpuShares}} {{.HostConfig.Memory}} {{.HostConfig.MemoryReservation}} \
        {{.HostConfig.MemorySwap}} {{.HostConfig.MemorySwappiness}} {{.Config.Healthcheck.Test}}";
    let expected =
        "true true blue SIGUSR2 [apparmor=unconfined label=disable] 512 67108864 33554432 -1 7 [NONE]";
    assert_eq!(stage.engine.inspect(&format!("wharf-{}", spec.id), format), expected);
}

#[test]
fn files_of_the_host_are_mounted() {
    play("mounts", async |stage| {
        let dir = stage.engine.root.join("mounted");
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("a"), "hello").unwrap();
        let mut spec = stage.shell("0", "cat /in/a; touch /in/b; touch /ro/c 2>/dev/null || echo ' no'");
        let mount = |target: &str, read_only| Mount {
            source: MountSource::Path(dir.clone()),
            target: target.to_owned(),
            read_only,
            copy_up: false,
        };
        spec.storage.mounts = vec![mount("/in", false), mount("/ro", true)];
        assert_eq!(stage.output(spec).await, "hello no\n");
        assert!(dir.join("b").exists() && !dir.join("c").exists());

        let mut elsewhere = stage.spec("1", &["true"]);
        elsewhere.network.namespace = Namespace::Path("/run/netns/x".into());
        let error = stage.runtime.start(elsewhere).await.unwrap_err();
        assert!(matches!(&error, RuntimeError::Create(text) if text.contains("/run/netns/x")), "{error:?}");
        stage
    });
}
