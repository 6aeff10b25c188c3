"""kill -9 the control plane, the agent, or both, at random moments while tasks of every kind start, run and stop; and kill
from outside what keeps a container.

WHARF_CRASH_ROUNDS says how often (1,000 with ./x test-long); WHARF_CRASH_SEED repeats a failure.
"""

import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tasks import Task, Tasks, container, processes
from test_logs import Collector
from wharf import BIN, Wharf, eventually

ROUNDS = int(os.environ.get("WHARF_CRASH_ROUNDS", "60"))
SEED = int(os.environ.get("WHARF_CRASH_SEED", str(random.randrange(1 << 32))))

# Every start of a container prints a fresh UUID, so that a second start of one container would show; then it counts, so
# that a line that is lost would.
START = "cat /proc/sys/kernel/random/uuid"
COUNT = f"{START}; n=0; while :; do n=$((n+1)); echo $n; sleep 0.5; done"
SERVE = f"mkdir -p /www && hostname > /www/index.html && (httpd -p {{port}} -h /www); {COUNT}"
JSON_FILE = {"logConfiguration": {"logDriver": "json-file", "options": {"max-size": "1m", "max-file": "2"}}}
STATIC_PORT, HOST_PORT = 18188, 18190
RESTARTING_SECONDS = 62
# No other run of these tests on this host has it.
MARK = f"standing-{os.getpid()}"


def client(wharf, service):
    environment = wharf.environment
    return boto3.client(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"max_attempts": 0}),
    )


def tasks_of(wharf):
    subnets = wharf.environment["WHARF_SUBNETS"].split(",")
    return Tasks(lambda service: client(wharf, service), {"awsvpcConfiguration": {"subnets": subnets}})


def mark_of(kind, name):
    return f"{MARK}-{kind}-{name}"


def marked(marker, script, **members):
    """A container whose first process can be found on the host."""
    return container(None, command=["sh", "-c", script, marker], **members)


def mount(volume, path):
    return {"mountPoints": [{"sourceVolume": volume, "containerPath": path}]}


def shared_volume(name, options):
    docker = {"scope": "shared", "autoprovision": True, "driver": "local", "driverOpts": options}
    return {"name": name, "dockerVolumeConfiguration": docker}


HEALTHY = {"healthCheck": {"command": ["CMD-SHELL", "test -e /well"], "interval": 5, "timeout": 30, "retries": 3}}
AFTER_HEALTHY = {"dependsOn": [{"containerName": "main", "condition": "HEALTHY"}]}

CACHE = shared_volume("cache", {"type": "tmpfs", "device": "tmpfs", "o": "size=4m"})

# What runs through all crashes: the containers and members of a task.
STANDING = {
    "awsvpc": lambda m, to: (
        [marked(m("main"), f"touch /well; {COUNT}", **HEALTHY), marked(m("after"), COUNT, name="after", **AFTER_HEALTHY)],
        {"networkMode": "awsvpc"},
    ),
    "bridge": lambda m, to: (
        [
            marked(m("main"), SERVE.format(port=80), portMappings=[{"containerPort": 80, "hostPort": STATIC_PORT}, {"containerPort": 81}]),
            marked(m("dynamic"), SERVE.format(port=80), name="dynamic", portMappings=[{"containerPort": 80}], links=["main:web"]),
        ],
        {"networkMode": "bridge"},
    ),
    "host": lambda m, to: ([marked(m("main"), SERVE.format(port=HOST_PORT), portMappings=[{"containerPort": HOST_PORT}])], {"networkMode": "host"}),
    "shares": lambda m, to: (
        [
            marked(m("main"), f"echo kept > /v/kept; {COUNT}", **mount("own", "/v")),
            marked(m("other"), COUNT, name="other", linuxParameters={"initProcessEnabled": True}, **mount("own", "/v")),
        ],
        {"pidMode": "task", "ipcMode": "task", "volumes": [{"name": "own"}]},
    ),
    "shared": lambda m, to: (
        [
            marked(m("main"), f"echo kept > /v/kept; {COUNT}", **mount("cache", "/v")),
            marked(m("file"), f"echo kept > /v/kept; {COUNT}", name="file", **JSON_FILE, **mount("files", "/v")),
        ],
        {"volumes": [CACHE, shared_volume("files", {})]},
    ),
    "terminal": lambda m, to: ([marked(m("main"), COUNT, pseudoTerminal=True, interactive=True)], {}),
    "forwarded": lambda m, to: (
        [marked(m("fluentd"), COUNT, name="fluentd", logConfiguration={"logDriver": "fluentd", "options": {"fluentd-address": to}})],
        {},
    ),
    "restarting": lambda m, to: (
        [marked(m("main"), f"{START}; sleep {RESTARTING_SECONDS}; exit 5", restartPolicy={"enabled": True, "restartAttemptPeriod": 60})],
        {},
    ),
}


# What comes and goes: each main container prints its start and ends with the code.
SHORT = "cat /proc/sys/kernel/random/uuid; sleep {secs}; exit {code}"
FIRST = {"dependsOn": [{"containerName": "first", "condition": "SUCCESS"}]}
FARGATE = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
COMING = {
    "awsvpc": lambda script: ([container(script)], FARGATE),
    "bridge": lambda script: ([container(script, portMappings=[{"containerPort": 80}])], {"networkMode": "bridge"}),
    "host": lambda script: ([container(script)], {"networkMode": "host"}),
    "placed": lambda script: ([container(script)], {}),
    "two": lambda script: ([container("true", name="first", essential=False), container(script, **FIRST)], {}),
    "shares": lambda script: (
        [container("sleep 300", name="beside"), container(script, **mount("own", "/v"))],
        {"pidMode": "task", "ipcMode": "task", "volumes": [{"name": "own"}]},
    ),
    "shared": lambda script: ([container(script, **mount("cache", "/v"), **HEALTHY)], {"volumes": [CACHE]}),
}


class Load(threading.Thread):
    """Runs and stops tasks until told to end; remembers what was acknowledged."""

    def __init__(self, wharf, tasks, rng):
        super().__init__(daemon=True)
        self.wharf, self.network, self.rng, self.over = wharf, tasks.network, rng, threading.Event()
        self.ran, self.stopped, self.failure = {}, set(), None  # `stopped` is what was asked to stop
        self.instances = tasks.ecs.list_container_instances()["containerInstanceArns"]
        codes = [(kind, code) for code in range(2) for kind in COMING]
        self.definitions = [(kind, code, self.define(tasks, kind, code)) for kind, code in codes]

    def define(self, tasks, kind, code):
        containers, members = COMING[kind](SHORT.format(secs=0.2 + code * 0.6, code=code))
        return tasks.define(*containers, **members)

    def run(self):
        try:
            while not self.over.is_set():
                try:
                    self.one()
                except (ClientError, BotoCoreError):
                    time.sleep(0.05)  # the control plane is down: nothing was acknowledged
        except Exception as failure:
            self.failure = failure

    def one(self):
        ecs = client(self.wharf, "ecs")
        kind, code, definition = self.rng.choice(self.definitions)
        fargate = {"launchType": "FARGATE", "networkConfiguration": self.network}
        how = {"awsvpc": fargate, "placed": {}}.get(kind, {"launchType": "EC2"})
        run = (lambda **how: ecs.start_task(containerInstances=self.instances, **how)) if kind == "placed" else ecs.run_task
        for task in run(taskDefinition=definition, **how)["tasks"]:
            self.ran[task["taskArn"]] = (kind, code)
        if self.ran and self.rng.random() < 0.3:
            arn = self.rng.choice(list(self.ran))
            # First: a request whose answer was lost may have been carried out.
            self.stopped.add(arn)
            ecs.stop_task(task=arn, reason="crash test")
        time.sleep(self.rng.random() * 0.3)

    def check(self, tasks):
        """Every acknowledged task is there, has ended as its script says, and was started at most once."""
        assert self.failure is None, self.failure
        assert self.ran, "no task was ever acknowledged"
        described = eventually("every acknowledged task is STOPPED", 120, lambda: all_stopped(tasks.ecs, self.ran))
        wrong = [why for arn, (kind, code) in self.ran.items() for why in self.wrongs(tasks, described[arn], kind, code)]
        assert wrong == []

    def wrongs(self, tasks, described, kind, code):
        arn = described["taskArn"]
        main = next(c for c in described["containers"] if c["name"] == "main")
        starts = set(Task(tasks, arn).lines())
        if kind == "awsvpc" and [a["status"] for a in described["attachments"]] != ["DELETED"]:
            yield f"{arn} still holds its address"
        if len(starts) > 1:
            yield f"{arn} ({kind}) was started {len(starts)} times"
        if arn not in self.stopped and (main.get("exitCode") != code or len(starts) != 1):
            yield f"{arn} ({kind}): wanted exit code {code} and one start: {described} {starts}"


def all_stopped(ecs, arns):
    found, arns = {}, list(arns)
    for at in range(0, len(arns), 100):
        for task in ecs.describe_tasks(tasks=arns[at : at + 100])["tasks"]:
            found[task["taskArn"]] = task
    assert set(found) == set(arns), "acknowledged tasks were lost"
    return found if all(task["lastStatus"] == "STOPPED" for task in found.values()) else None


def marked_processes():
    """Mark -> the process that has it in its command line and is no child of such a one. With the time of its start a
    process's number names it for ever."""
    found = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            marks = [word for word in (process / "cmdline").read_bytes().split(b"\0") if word.startswith(MARK.encode())]
            stat = (process / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if marks and stat[0] not in "ZX":
            found[int(process.name)] = (marks[-1].decode(), int(stat[1]), int(stat[19]))
    firsts = {}
    for pid, (mark, parent, began) in found.items():
        if parent not in found or found[parent][0] != mark:
            firsts.setdefault(mark, []).append((pid, began))
    assert all(len(those) == 1 for those in firsts.values()), f"started twice: {firsts}"
    return {mark: process for mark, (process,) in firsts.items()}


def answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
            return bool(answer.read())
    except OSError:
        return False


class Standing:
    """A task that is to run on, as it was when it was first seen running."""

    def __init__(self, tasks, kind, collector=None):
        containers, members = STANDING[kind](lambda name: mark_of(kind, name), collector and collector.address)
        self.kind, self.names, self.collector = kind, [c["name"] for c in containers], collector
        self.task, self.began = tasks.run(*containers, **members), time.monotonic()
        self.processes, self.bindings, self.doubled, self.has_answered = None, None, 0, False

    def check_described(self, described):
        """RUNNING, with the same ports, and not UNHEALTHY."""
        status = described["lastStatus"]
        assert status == "RUNNING" or (self.bindings is None and status != "STOPPED"), described
        if status == "RUNNING":
            bindings = {c["name"]: c.get("networkBindings") for c in described["containers"]}
            self.bindings = self.bindings or bindings
            assert bindings == self.bindings, described
            assert described["healthStatus"] != "UNHEALTHY", described

    def check_host(self):
        """Told or not, it runs: the same processes, and its ports answer."""
        if self.bindings is None:
            return
        found = marked_processes()
        now = {name: found.get(mark_of(self.kind, name)) for name in self.names}
        if self.kind != "restarting":
            assert None not in now.values(), f"lost: {self.kind} {now}"
            self.processes = self.processes or now
            assert now == self.processes, f"{self.kind} was started again"
        for port in self.ports():
            # A container runs before the server in it listens; from then on it answers.
            assert self.has_answered or eventually(f"port {port} of {self.kind} answers", 10, lambda port=port: answers(port))
            assert answers(port), f"port {port} of {self.kind} does not answer"
        self.has_answered = True

    def ports(self):
        """Where something is to answer."""
        if self.kind == "host":
            return [HOST_PORT]
        bound = [b for bindings in (self.bindings or {}).values() for b in bindings or []]
        return [b["hostPort"] for b in bound if b["containerPort"] == 80]

    def check_lines(self, wharf):
        """Each container started once and lost no line."""
        for name in self.names:
            # The last to start may have written nothing that has arrived.
            wanted = 1 if self.kind == "restarting" else 2
            lines = eventually(f"{name} has counted", 10, lambda name=name: len(seen := self.lines(wharf, name)) >= wanted and seen)
            lines = [line.rstrip("\r") for line in lines]
            starts = {line for line in lines if "-" in line}
            if self.kind == "restarting":
                self.check_restarts(starts)
                continue
            assert len(starts) == 1, f"{self.kind} {name} was started {len(starts)} times"
            numbers = [int(line) for line in lines if "-" not in line]
            self.doubled += len(numbers) - len(set(numbers))
            assert sorted(set(numbers)) == list(range(1, max(numbers) + 1)), f"{self.kind} {name} lost lines"
            # What was delivered may be delivered again when nobody could remember so; a file has no such excuse.
            assert name != "file" or len(set(numbers)) == len(numbers), f"{self.kind} {name} has lines twice"

    def lines(self, wharf, name):
        if name == "fluentd":
            return [line for received in self.collector.connections for line in forwarded_lines(bytes(received))]
        return file_lines(wharf, self.task, name) if name == "file" else self.task.lines(name)

    def check_restarts(self, starts):
        """As many as there was time for, but for one that has only just begun or ended."""
        age = time.monotonic() - self.began
        assert int((age - 20) / RESTARTING_SECONDS) <= len(starts) - 1 <= int(age / RESTARTING_SECONDS), (age, starts)


def file_lines(wharf, task, name):
    """What a container's json-file holds."""
    (path,) = wharf.find(f"{task.id}-*-json.log")
    lines = path.read_text().rpartition("\n")[0].splitlines()  # without one that is being written
    return [json.loads(line)["log"].rstrip("\n") for line in lines]


def forwarded_lines(received):
    """What came over a connection, as far as it is whole: the member `log` of each record, a string of MessagePack, short
    or longer."""
    found = re.finditer(rb"\xa3log(?:([\xa0-\xbf])|\xd9(.))", received, re.DOTALL)
    sizes = [(one.end(), one[1][0] & 31 if one[1] else one[2][0]) for one in found]
    return [received[at : at + size].decode() for at, size in sizes if at + size <= len(received)]


def test_crash_at_random_moments(tmp_path, images):
    print(f"WHARF_CRASH_SEED={SEED} WHARF_CRASH_ROUNDS={ROUNDS}")
    rng = random.Random(SEED)
    with Wharf(tmp_path, ["server"], ["agent"], listen="127.0.0.1:4577") as wharf:
        wharf.cli("image", "load", str(images))
        tasks = tasks_of(wharf)
        load = Load(wharf, tasks, random.Random(rng.random()))
        collector = Collector()
        standing = [Standing(tasks, kind, collector) for kind in STANDING]
        load.start()
        for _ in range(ROUNDS):
            time.sleep(rng.random() * 0.8)
            victims = rng.choice([["server"], ["agent"], ["server", "agent"]])
            for victim in victims:
                wharf.kill(victim)
            check_host(standing, wharf)
            for victim in victims:
                if rng.random() < 0.3:
                    kill_while_it_starts(wharf, victim, rng)
                wharf.start([victim])
            check_described(tasks, standing)
        load.over.set()
        load.join(timeout=120)
        assert not load.is_alive()
        print(f"{len(load.ran)} tasks were acknowledged, {len(load.stopped)} of them stopped")
        load.check(tasks)
        check_standing(wharf, tasks, standing)
        stop_some(wharf, tasks, standing[::2])
        wharf.end("agent")
        wharf.end("server")
        check_host(standing[1::2], wharf)
        wharf.cli("down")
        assert wharf.left_behind() == []
        assert marked_processes() == {}
        assert (wharf.data / "volumes/shared/files/data/kept").read_text() == "kept\n", "shared volumes stay"


def kill_while_it_starts(wharf, victim, rng):
    """While it opens what it left, and adopts what runs."""
    wharf.launch([victim])
    time.sleep(rng.random() * 0.3)
    wharf.kill(victim)


def check_host(standing, wharf):
    for one in standing:
        one.check_host()
    if any(one.kind == "shared" and one.bindings is not None for one in standing):
        assert (wharf.data / "volumes/shared/cache/data/kept").read_text() == "kept\n", "the volume in use was unmounted"


def check_described(tasks, standing):
    found = {task["taskArn"]: task for task in tasks.ecs.describe_tasks(tasks=[one.task.arn for one in standing])["tasks"]}
    for one in standing:
        one.check_described(found[one.task.arn])


def check_standing(wharf, tasks, standing):
    for one in standing:
        one.task.running()
    check_described(tasks, standing)
    check_host(standing, wharf)
    (checked,) = (one.task for one in standing if one.kind == "awsvpc")
    eventually("health is back", 30, lambda: checked.container()["healthStatus"] == "HEALTHY")
    for one in standing:
        one.check_lines(wharf)
    print(f"{sum(one.doubled for one in standing)} lines were delivered twice")


def stop_some(wharf, tasks, standing):
    """What was acknowledged is done, whoever is killed right after."""
    for one in standing:
        tasks.ecs.stop_task(task=one.task.arn, reason="crash test")
    wharf.kill("server")
    wharf.kill("agent")
    wharf.start(["server"])
    wharf.start(["agent"])
    for one in standing:
        described = one.task.stopped()
        assert described["stopCode"] == "UserInitiated", described
        assert all(c["exitCode"] in (137, 143) for c in described["containers"]), described
        assert not any(answers(port) for port in one.ports()), "a port of a stopped task answers"


@pytest.fixture(scope="class")
def apart(tmp_path_factory, images):
    """A control plane and an agent that can be killed one by one; nothing is left behind in the end."""
    with Wharf(tmp_path_factory.mktemp("apart"), ["server"], ["agent"], listen="127.0.0.1:4578") as wharf:
        wharf.cli("image", "load", str(images))
        yield wharf
        wharf.end("agent")
        wharf.end("server")
        wharf.cli("down")
        assert wharf.left_behind() == []


def words(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def keepers(wharf, task, what):
    """The shims (`run`, or `resume` once they have rested) or the holder (`hold`) of a task."""
    names = {b"run", b"resume"} if what == "run" else {what.encode()}
    return [pid for pid in wharf.shims() if names & set(words(pid)) and task.id.encode() in b" ".join(words(pid))]


def remains(wharf, task):
    """What the host has of a task."""
    roots = [*wharf.cgroups(), pathlib.Path("/run/wharf") / wharf.name, *(wharf.data / name for name in ("containers", "spool", "volumes"))]
    # Not `glob`, which fails when something goes while it looks.
    found = [f"{at}/{name}" for root in roots for at, dirs, files in os.walk(root) for name in dirs + files if task.id in name]
    return found + keepers(wharf, task, "run") + keepers(wharf, task, "hold")


@pytest.mark.parametrize("agent", ["told", "dead meanwhile"])
class TestKilledFromOutside:
    """What is reported is what was seen, and nothing is left."""

    def kill(self, wharf, agent, pids):
        assert pids
        if agent != "told":
            pids = [pid for pid in pids if pid != wharf.processes["agent"].pid]
            wharf.kill("agent")
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        if agent != "told":
            wharf.start(["agent"])

    def run(self, wharf, *containers, **members):
        task = tasks_of(wharf).run(*containers, **members)
        task.running()
        return task

    def over(self, wharf, task):
        """The containers of a task that has ended, when nothing is left of it."""
        described = task.stopped()
        eventually(f"nothing of {task.id} is left: {remains(wharf, task)}", 20, lambda: remains(wharf, task) == [])
        assert marked_processes() == {}
        return described["stopCode"], {c["name"]: (c.get("exitCode"), c.get("reason")) for c in described["containers"]}

    def test_a_container_whose_shim_is_killed_has_vanished(self, apart, agent):
        ports = [{"containerPort": 80, "hostPort": STATIC_PORT}]
        task = self.run(apart, marked(mark_of("killed", "main"), SERVE.format(port=80), portMappings=ports), networkMode="bridge")
        self.kill(apart, agent, keepers(apart, task, "run"))
        code, ends = self.over(apart, task)
        exit_code, reason = ends["main"]
        assert (code, exit_code) == ("EssentialContainerExited", None) and reason.startswith("ContainerVanishedError"), (code, ends)
        assert not answers(STATIC_PORT)

    def test_so_has_one_in_a_pid_namespace_that_lives_on(self, apart, agent):
        other = marked(mark_of("killed", "other"), COUNT, name="other")
        task = self.run(apart, marked(mark_of("killed", "main"), COUNT), other, pidMode="task", volumes=[{"name": "own"}])
        shims = [pid for pid in keepers(apart, task, "run") if any(word.endswith(f"{task.id}-0".encode()) for word in words(pid))]
        self.kill(apart, agent, shims)
        _, ends = self.over(apart, task)
        assert ends["main"][0] is None and ends["other"][0] in (137, 143), ends

    def test_a_killed_holder_ends_what_is_in_its_pid_namespace(self, apart, agent):
        other = marked(mark_of("killed", "other"), COUNT, name="other")
        task = self.run(apart, marked(mark_of("killed", "main"), COUNT), other, pidMode="task", ipcMode="task")
        self.kill(apart, agent, keepers(apart, task, "hold"))
        code, ends = self.over(apart, task)
        assert (code, {code for code, _ in ends.values()}) == ("EssentialContainerExited", {137}), ends

    def test_what_shares_memory_alone_outlives_its_holder(self, apart, agent):
        task = self.run(apart, marked(mark_of("killed", "main"), COUNT), ipcMode="task")
        self.kill(apart, agent, keepers(apart, task, "hold"))
        assert task.describe()["lastStatus"] == "RUNNING" and mark_of("killed", "main") in marked_processes()
        task.stop()
        _, ends = self.over(apart, task)
        assert ends["main"][0] == 137, ends

    def test_a_check_ends_with_who_asked_for_it(self, apart, agent):
        sleep = f"9753{os.getpid()}"
        check = {"healthCheck": {"command": ["CMD", "sleep", sleep], "interval": 5, "timeout": 60}}
        task = self.run(apart, marked(mark_of("killed", "main"), COUNT, **check))
        first, checks = marked_processes(), eventually("the check runs", 10, lambda: processes(sleep))
        # Either the check's own shim or, the agent being dead, nobody is left to wait for it.
        self.kill(apart, agent, keepers(apart, task, "exec") if agent == "told" else [apart.processes["agent"].pid])
        # An agent that comes back begins another.
        eventually("the check is over", 5, lambda: not set(checks) & set(processes(sleep)))
        assert marked_processes() == first and task.describe()["lastStatus"] == "RUNNING"
        task.stop()
        self.over(apart, task)

    def test_a_killed_first_process_is_an_exit(self, apart, agent):
        task = self.run(apart, marked(mark_of("killed", "main"), COUNT, **mount("own", "/v")), volumes=[{"name": "own"}])
        self.kill(apart, agent, [marked_processes()[mark_of("killed", "main")][0]])
        code, ends = self.over(apart, task)
        assert (code, ends["main"][0]) == ("EssentialContainerExited", 137), ends


def test_down_removes_what_was_made_for_containers_that_never_were(tmp_path, images):
    with Wharf(tmp_path, ["server"], ["agent"], listen="127.0.0.1:4579") as wharf, socket.create_server(("127.0.0.1", 0)) as registry:
        # It accepts, and never answers.
        image = f"127.0.0.1:{registry.getsockname()[1]}/slow:latest"
        waiting = container("true", image=image, **mount("own", "/v"))
        task = tasks_of(wharf).run(waiting, pidMode="task", networkMode="bridge", volumes=[{"name": "own"}])
        eventually("it has a holder", 10, lambda: keepers(wharf, task, "hold"))
        wharf.kill("agent")
        wharf.end("server")
        wharf.cli("down")
        assert wharf.left_behind() == []
        assert remains(wharf, task) == []


def refused(wharf):
    """What `wharf up` says that cannot start."""
    command = [BIN, "up", "--data-dir", str(wharf.data), "--listen", wharf.listen]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "ready" not in done.stdout, done
    return done.stderr


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own for the data directory."""
    disk = tmp_path / "data"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_data_directory_that_cannot_be_written_is_refused(tmp_path, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    wharf = Wharf(tmp_path)
    assert "Read-only file system" in refused(wharf)
    assert wharf.left_behind() == [str(small_disk)]


def test_a_full_disk_refuses_what_is_new_and_keeps_what_runs(tmp_path, small_disk, images):
    with Wharf(tmp_path, ["server"], ["agent"], listen="127.0.0.1:4580") as wharf:
        wharf.cli("image", "load", str(images))
        tasks = tasks_of(wharf)
        runs, new = Standing(tasks, "terminal"), tasks.define(container("exit 4"))
        runs.check_described(runs.task.running())
        runs.check_host()
        fill(small_disk / "ballast")
        accepted = run_until_refused(tasks, new)
        wharf.kill("agent")
        runs.check_host()
        # A control plane that can save nothing more ends, and does not look alive.
        assert wharf.processes.pop("server").wait(timeout=120) == 1
        assert "start again" in wharf.log("server")
        (small_disk / "ballast").unlink()
        wharf.start(["server"])
        wharf.start(["agent"])
        runs.check_described(runs.task.describe())
        runs.check_host()
        # What was accepted runs, or says what there was no space for; what was refused was not begun.
        after = tasks.run(definition=new)
        assert after.stopped()["containers"][0]["exitCode"] == 4
        accepted.append(after.arn)
        for described in eventually("all accepted tasks are over", 60, lambda: all_stopped(tasks.ecs, accepted)).values():
            (main,) = described["containers"]
            assert main.get("exitCode") == 4 or "No space left" in described["stoppedReason"] + main.get("reason", ""), described
        assert tasks.ecs.list_tasks()["taskArns"] == [runs.task.arn]
        runs.task.stop()
        wharf.end("agent")
        wharf.end("server")
        wharf.cli("down")
        assert wharf.left_behind() == [str(small_disk)]


def run_until_refused(tasks, definition):
    """The tasks that were accepted while there was room in the journal itself."""
    accepted = []
    for _ in range(100):
        try:
            answer = tasks.ecs.run_task(taskDefinition=definition, launchType="EC2", count=10)
        except ClientError as refused:
            assert refused.response["Error"]["Code"] == "ServerException", refused
            return accepted
        except BotoCoreError:
            return accepted
        accepted += [task["taskArn"] for task in answer["tasks"]]
    raise AssertionError("a full disk takes everything")


def fill(path):
    """Takes all the space that there is."""
    with open(path, "wb", buffering=0) as ballast:
        for size in (1 << 16, 1 << 9):
            try:
                while ballast.write(b"x" * size) == size:
                    pass
            except OSError:
                pass


def test_an_address_that_another_agent_has_is_refused(tmp_path):
    wharf = Wharf(tmp_path)
    subprocess.run(["ip", "address", "add", "169.254.170.2/32", "dev", "lo"], check=True)
    try:
        assert "interface lo has the address 169.254.170.2" in refused(wharf)
        wharf.cli("down")
        assert wharf.left_behind() == []
    finally:
        subprocess.run(["ip", "address", "del", "169.254.170.2/32", "dev", "lo"], check=True)


def test_without_nft_all_but_published_ports_works(tmp_path, images, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with Wharf(tmp_path) as wharf:
        wharf.cli("image", "load", str(images))
        tasks = tasks_of(wharf)
        assert tasks.run(container("exit 4"), networkMode="awsvpc").stopped()["containers"][0]["exitCode"] == 4
        assert tasks.run(container("exit 4"), networkMode="bridge").stopped()["containers"][0]["exitCode"] == 4
        task = tasks.run(container("exit 4", portMappings=[{"containerPort": 80}]), networkMode="bridge")
        stopped = task.stopped()
        assert stopped["stopCode"] == "TaskFailedToStart"
        assert stopped["stoppedReason"].startswith("CannotStartContainerError") and "nft" in stopped["stoppedReason"]
        wharf.end("up")
        wharf.cli("down")
        monkeypatch.undo()
        assert wharf.left_behind() == []
        assert remains(wharf, task) == []
