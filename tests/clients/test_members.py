"""Every member of a container definition and of a task definition: what the container really got, read from inside it or
from the kernel, never from Wharf's own records. One row a member."""

import dataclasses
import pathlib
import re

import pytest
from tasks import MARKERS, Tasks, cgroup_value, container, is_cgroup_v2, processes, runtime
from wharf import eventually

MIB = 1 << 20
CAP_CHOWN, CAP_NET_ADMIN, CAP_SYS_TIME = 0, 12, 25


@pytest.fixture(scope="module")
def tasks(client, network):
    return Tasks(client, network)


@dataclasses.dataclass
class Row:
    """Members, a script that says what it sees, and the lines that it must say (or patterns that some line must match)."""

    name: str
    script: str
    members: dict = dataclasses.field(default_factory=dict)
    lines: list = None
    matches: list = dataclasses.field(default_factory=list)
    task: dict = dataclasses.field(default_factory=dict)
    mode: str = "none"


def linux(**parameters):
    return {"linuxParameters": parameters}


def has_capability(number, present):
    """A shell test of the bounding set: hexadecimal digits of CapBnd."""
    bit = f"$(( (0x$(grep CapBnd /proc/self/status | cut -f2) >> {number}) & 1 ))"
    return f"test {bit} = {int(present)} && echo as wanted"


def has_every_capability():
    """Whether root has all capabilities here; in some containers and virtual machines it does not."""
    effective = re.search(r"CapEff:\s*(\w+)", pathlib.Path("/proc/self/status").read_text())[1]
    last = int(pathlib.Path("/proc/sys/kernel/cap_last_cap").read_text())
    return int(effective, 16) == (1 << (last + 1)) - 1


ROWS = [
    Row("command", 'echo "$@"', {"command": ["sh", "-c", 'echo "$0-$1"', "a b", "c"]}, ["a b-c"]),
    Row("entryPoint", None, {"entryPoint": ["echo", "from"], "command": ["both"]}, ["from both"]),
    Row("environment", 'echo "$A|$B|$C"', {"environment": [{"name": "A", "value": "1 2"}, {"name": "B", "value": ""}]}, ["1 2||"]),
    Row("workingDirectory", "pwd", {"workingDirectory": "/made/for/it"}, ["/made/for/it"]),
    Row("user by number", "id -u; id -g", {"user": "1234:4321"}, ["1234", "4321"]),
    Row("user by name", "id -u; id -g", {"user": "nobody"}, ["65534", "65534"]),
    Row("hostname", "hostname; cat /etc/hostname", {"hostname": "little-host"}, ["little-host", "little-host"]),
    Row(
        "readonlyRootFilesystem",
        "touch /file || echo refused; touch /dev/shm/file && echo but not memory",
        {"readonlyRootFilesystem": True},
        matches=["refused", "but not memory"],
    ),
    Row("ulimits", "ulimit -n; ulimit -Hn", {"ulimits": [{"name": "nofile", "softLimit": 4321, "hardLimit": 8765}]}, ["4321", "8765"]),
    Row(
        "ulimits without a limit",
        "ulimit -c; ulimit -Hc",
        {"ulimits": [{"name": "core", "softLimit": -1, "hardLimit": -1}]},
        ["unlimited", "unlimited"],
    ),
    Row(
        "systemControls",
        "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced",
        {
            "systemControls": [
                {"namespace": "net.ipv4.ip_unprivileged_port_start", "value": "77"},
                {"namespace": "kernel.shm_rmid_forced", "value": "1"},
            ]
        },
        ["77", "1"],
    ),
    Row("capabilities are Docker's", f"{has_capability(CAP_CHOWN, True)}; {has_capability(CAP_NET_ADMIN, False)}", {}, ["as wanted"] * 2),
    Row(
        "capabilities",
        f"{has_capability(CAP_CHOWN, False)}; {has_capability(CAP_NET_ADMIN, True)}",
        linux(capabilities={"add": ["NET_ADMIN"], "drop": ["CHOWN"]}),
        ["as wanted"] * 2,
    ),
    Row(
        "capabilities, all of them dropped",
        f"{has_capability(CAP_CHOWN, False)}; {has_capability(CAP_SYS_TIME, True)}",
        linux(capabilities={"add": ["SYS_TIME"], "drop": ["ALL"]}),
        ["as wanted"] * 2,
    ),
    Row(
        "devices",
        "stat -c %t:%T /dev/mine; (: < /dev/mine) && echo reads; (: > /dev/mine) || echo no writing",
        linux(devices=[{"hostPath": "/dev/loop-control", "containerPath": "/dev/mine", "permissions": ["read"]}]),
        matches=["^a:ed$", "^reads$", "^no writing$"],
    ),
    Row(
        "tmpfs",
        "grep ' /scratch ' /proc/mounts; df -k /scratch | tail -n 1; cp /bin/busybox /scratch/; /scratch/busybox true || echo noexec",
        linux(tmpfs=[{"containerPath": "/scratch", "size": 12, "mountOptions": ["noexec", "mode=700"]}]),
        matches=["^tmpfs /scratch tmpfs rw,nosuid,nodev,noexec,.*size=12288k.*mode=700", r"\b12288\b", "noexec$"],
    ),
    Row("sharedMemorySize", "df -k /dev/shm | tail -n 1", linux(sharedMemorySize=33), matches=[r"\b33792\b"]),
    Row("sharedMemorySize when absent", "df -k /dev/shm | tail -n 1", {}, matches=[r"\b65536\b"]),
    # With an init process the script is not process 1, and an orphan that has ended does not stay as a zombie.
    Row(
        "initProcessEnabled",
        "echo I am $$; (sh -c ': > /ended' &); until test -e /ended; do usleep 50000; done; while ps -o stat | grep -q '^Z'; do usleep 50000; done; echo no zombies",
        linux(initProcessEnabled=True),
        matches=["I am ([2-9]|[1-9][0-9])$", "no zombies"],
    ),
    Row("no init process", "echo I am $$", linux(initProcessEnabled=False), ["I am 1"]),
    Row(
        "privileged",
        "mkdir /m && mount -t tmpfs none /m && echo mounted; test -e /dev/loop-control -o -e /dev/kmsg && echo devices; "
        "grep Seccomp: /proc/self/status",
        {"privileged": True},
        matches=["^mounted$", "^devices$", "Seccomp:\t0"],
    ),
    Row("not privileged", "mkdir /m; mount -t tmpfs none /m || echo refused; grep Seccomp: /proc/self/status", {}, matches=["refused", "Seccomp:\t2"]),
    Row("pseudoTerminal", "test -t 0 && test -t 1 && echo a terminal; tty; echo $TERM", {"pseudoTerminal": True}, matches=["^a terminal\r?$", "/dev/(pts/0|console)", "xterm"]),
    Row("no terminal", "test -t 1 || echo none", {}, ["none"]),
    Row("standard input at its end", "cat; echo ended", {}, ["ended"]),
    Row(
        "dnsServers and dnsSearchDomains",
        "cat /etc/resolv.conf",
        {"dnsServers": ["192.0.2.53", "192.0.2.54"], "dnsSearchDomains": ["one.example", "two.example"]},
        matches=["^nameserver 192.0.2.53$", "^nameserver 192.0.2.54$", "^search one.example two.example$"],
        mode="bridge",
    ),
    Row(
        "extraHosts",
        "cat /etc/hosts",
        {"extraHosts": [{"hostname": "db.example", "ipAddress": "192.0.2.7"}]},
        matches=[r"^192\.0\.2\.7\s+db\.example$"],
        mode="bridge",
    ),
    Row("disableNetworking", "ls /sys/class/net", {"disableNetworking": True}, ["lo"], mode="bridge"),
    Row(
        "dockerSecurityOptions",
        "grep NoNewPrivs /proc/self/status",
        {"dockerSecurityOptions": ["no-new-privileges"]},
        matches=["NoNewPrivs:\t1"],
    ),
    Row("runtimePlatform", "uname -m", {}, matches=["x86_64|aarch64"], task={"runtimePlatform": {"operatingSystemFamily": "LINUX"}}),
    Row("networkMode none", "ls /sys/class/net", {}, ["lo"]),
    Row("networkMode host", "ls /proc/net/ && readlink /proc/self/ns/net", {}, matches=[r"net:\[\d+\]"], mode="host"),
    Row("versionConsistency", "echo ran", {"versionConsistency": "disabled"}, ["ran"]),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_container_gets(row, tasks):
    if row.name == "privileged" and runtime() == "docker" and not has_every_capability():
        pytest.skip("this root lacks a capability, and the Engine's runtime refuses to give what it does not have")
    seen = tasks.lines(row.script, network_mode=row.mode, task=row.task, **row.members)
    if row.lines is not None:
        assert seen == row.lines
    for pattern in row.matches:
        assert any(re.search(pattern, line) for line in seen), (pattern, seen)


def sleeper(seconds):
    """A script whose process is found on the host by its argument."""
    return f"exec sleep {seconds}"


def running_pid(task, marker):
    task.running()
    return eventually("the process is there", 10, lambda: processes(marker))[-1]


@pytest.mark.parametrize(
    ("members", "v1", "v2", "expected"),
    [
        ({"memory": 96}, "memory/memory.limit_in_bytes", "memory.max", 96 * MIB),
        ({"memory": 96, "memoryReservation": 32}, "memory/memory.soft_limit_in_bytes", "memory.low", 32 * MIB),
        # 1 + (shares - 2) * 9999 / 262142 in version 2.
        ({"cpu": 512}, "cpu/cpu.shares", "cpu.weight", 20 if is_cgroup_v2() else 512),
    ],
    ids=["memory", "memoryReservation", "cpu"],
)
def test_the_kernel_limits_the_container(tasks, members, v1, v2, expected):
    marker = next(MARKERS)
    task = tasks.run(container(sleeper(marker), **members), networkMode="none")
    assert int(cgroup_value(running_pid(task, marker), v1, v2)) == expected
    task.stop()


def test_a_task_size_is_a_hard_limit_of_all_its_containers(tasks):
    marker = next(MARKERS)
    task = tasks.run(container(sleeper(marker)), networkMode="none", cpu="256", memory="128")
    pid = running_pid(task, marker)
    relative = next(line.split(":")[2] for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines() if "memory" in line or line.startswith("0::"))
    root = pathlib.Path("/sys/fs/cgroup") / ("" if is_cgroup_v2() else "memory")
    limit = "memory.max" if is_cgroup_v2() else "memory.limit_in_bytes"
    parents = [root / relative.strip("/")] + list((root / relative.strip("/")).parents)
    limits = [int((p / limit).read_text()) for p in parents[:3] if (p / limit).exists() and (p / limit).read_text().strip().isdigit()]
    assert 128 * MIB in limits
    task.stop()


def test_interactive_keeps_standard_input_open(tasks):
    task = tasks.run(container("cat; echo ended", interactive=True), networkMode="none")
    task.running()
    # Standard input at its end would have ended it long before a second task has run from beginning to end.
    assert tasks.lines("echo done") == ["done"]
    assert task.describe()["lastStatus"] == "RUNNING"
    task.stop()
    assert task.lines() == []


def test_stop_timeout_comes_between_term_and_kill(tasks):
    task = tasks.run(container("trap 'echo asked' TERM; echo ready; while :; do sleep 0.1; done", stopTimeout=3), networkMode="none")
    task.line("ready")
    stopped = task.stop()
    assert task.lines() == ["ready", "asked"]
    assert stopped["containers"][0]["exitCode"] == 137
    # Long before the 30 s that it would be without a stopTimeout.
    assert 2.5 <= (stopped["executionStoppedAt"] - stopped["stoppingAt"]).total_seconds() <= 20


def test_the_images_stop_signal_is_sent(tasks):
    # The image's configuration says STOPSIGNAL SIGINT.
    task = tasks.run(
        container("trap 'echo interrupted; exit 3' INT; echo ready; while :; do sleep 0.1; done", image="interrupted:latest", stopTimeout=20),
        networkMode="none",
    )
    task.line("ready")
    assert task.stop()["containers"][0]["exitCode"] == 3
    assert task.lines() == ["ready", "interrupted"]


def test_a_container_that_is_not_essential_may_end(tasks):
    task = tasks.run(container("exec sleep 300"), container("exit 7", name="side", essential=False), networkMode="none")
    task.running()
    eventually("the side container ended", 10, lambda: task.container("side")["lastStatus"] == "STOPPED")
    assert (task.container("side")["exitCode"], task.describe()["lastStatus"]) == (7, "RUNNING")
    task.stop()


# Each process's command line. What looks for one must not find itself: a bracket in the pattern sees to that.
PEERS = "ls /proc | grep '^[0-9]' | while read p; do tr '\\0' ' ' < /proc/$p/cmdline; echo; done 2> /dev/null"


def test_pid_mode_task_shares_processes(tasks):
    watched, watcher = container(sleeper("9300.5"), name="watched"), container(
        f"while ! ({PEERS}) | grep '[s]leep 9300.5'; do sleep 0.1; done", dependsOn=[{"containerName": "watched", "condition": "START"}]
    )
    task = tasks.run(watched, watcher, networkMode="none", pidMode="task")
    task.stopped()
    assert any("sleep 9300.5" in line for line in task.lines())


def test_pid_namespaces_are_private_by_default(tasks):
    watched = container(sleeper("9310.5"), name="watched", essential=False)
    watcher = container(f"({PEERS}) | grep -q '[s]leep 9310.5' || echo alone", dependsOn=[{"containerName": "watched", "condition": "START"}])
    task = tasks.run(watched, watcher, networkMode="none")
    task.stopped()
    assert task.lines() == ["alone"]


def test_pid_mode_host_shows_the_hosts_processes(tasks):
    host = pathlib.Path("/proc/self/ns/pid").readlink()
    assert tasks.lines("readlink /proc/self/ns/pid", task={"pidMode": "host"}) == [str(host)]


def test_ipc_modes(tasks):
    host = str(pathlib.Path("/proc/self/ns/ipc").readlink())
    seen = "readlink /proc/self/ns/ipc"
    assert tasks.lines(seen, task={"ipcMode": "host"}) == [host]
    assert tasks.lines(seen, task={"ipcMode": "none"}) != [host]
    both = (container(seen), container(seen, name="other"))
    task = tasks.run(*both, networkMode="none", ipcMode="task")
    task.stopped()
    assert task.lines() == task.lines("other") != [host]
    task = tasks.run(*both, networkMode="none")
    task.stopped()
    assert task.lines() != task.lines("other")


def test_docker_labels_are_the_containers(tasks):
    script = "wget -q -O - $ECS_CONTAINER_METADATA_URI_V4"
    said = "".join(tasks.lines(script, network_mode="bridge", dockerLabels={"team": "blue", "com.example.x": ""}))
    assert '"team":"blue"' in said and '"com.example.x":""' in said
    assert '"com.amazonaws.ecs.container-name":"main"' in said


def test_swap_is_limited_or_refused_by_name(tasks):
    """A kernel without accounting of swap cannot honour it, and says so. Without `maxSwap`, ECS ignores `swappiness`."""
    marker, v1 = next(MARKERS), not is_cgroup_v2()
    parameters = {"maxSwap": 32} | ({"swappiness": 7} if v1 else {})
    task = tasks.run(container(sleeper(marker), memory=64, linuxParameters=parameters), networkMode="none")
    described = eventually("it runs or is refused", 20, lambda: (d := task.describe())["lastStatus"] in ("RUNNING", "STOPPED") and d)
    if described["lastStatus"] == "STOPPED":
        assert "swap" in described["containers"][0]["reason"]
        return
    pid = running_pid(task, marker)
    assert int(cgroup_value(pid, "memory/memory.memsw.limit_in_bytes", "memory.swap.max")) == (96 if v1 else 32) * MIB
    if v1:
        assert int(cgroup_value(pid, "memory/memory.swappiness", None)) == 7
    task.stop()
