"""Running a task with the members that a test is about, and reading what it got: its lines, its processes, its cgroup."""

import itertools
import os
import pathlib
import re

from wharf import eventually

GROUP = "/ecs/tasks"
FAMILIES = (f"family-{n}" for n in itertools.count())
# Seconds to sleep, by which a process is found on a host where others run these tests too.
MARKERS = (f"{9_000 + n}.{os.getpid()}" for n in itertools.count())
CGROUPS = pathlib.Path("/sys/fs/cgroup")


def container(script=None, name="main", **members):
    """A container definition of busybox that runs a shell script and logs to CloudWatch Logs."""
    options = {"awslogs-group": GROUP, "awslogs-create-group": "true", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "t"}
    defaults = {
        "name": name,
        "image": "busybox:latest",
        "memory": 64,
        "stopTimeout": 2,
        "logConfiguration": {"logDriver": "awslogs", "options": options},
    }
    command = {"command": ["sh", "-c", script]} if script is not None else {}
    return defaults | command | members


class Tasks:
    """Tasks of one cluster, on EC2 capacity unless said otherwise."""

    def __init__(self, client, network):
        self.ecs, self.logs, self.network = client("ecs"), client("logs"), network

    def define(self, *containers, **members):
        """Registers a definition of a family of its own; answers its ARN."""
        request = {"family": next(FAMILIES), "networkMode": "none", "containerDefinitions": list(containers)} | members
        return self.ecs.register_task_definition(**request)["taskDefinition"]["taskDefinitionArn"]

    def run(self, *containers, definition=None, request=None, **members):
        """Registers and runs; answers the task."""
        definition = definition or self.define(*containers, **members)
        mode = self.ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]["networkMode"]
        network = {"networkConfiguration": self.network} if mode == "awsvpc" else {}
        answer = self.ecs.run_task(**({"taskDefinition": definition, "launchType": "EC2"} | network | (request or {})))
        assert answer["failures"] == [], answer["failures"]
        return Task(self, answer["tasks"][0]["taskArn"])

    def lines(self, script, network_mode="none", task=None, **members):
        """Runs one container to its end; answers its lines and asserts that it went well."""
        task = self.run(container(script, **members), networkMode=network_mode, **(task or {}))
        stopped = task.stopped()
        (main,) = stopped["containers"]
        lines = task.lines()
        assert (main.get("exitCode"), main.get("reason")) == (0, None), (main, stopped.get("stoppedReason"), lines)
        return lines


class Task:
    """One task."""

    def __init__(self, tasks, arn):
        self.tasks, self.arn = tasks, arn
        self.id = arn.rsplit("/", 1)[1]

    def describe(self):
        return self.tasks.ecs.describe_tasks(tasks=[self.arn])["tasks"][0]

    def container(self, name="main"):
        return next(c for c in self.describe()["containers"] if c["name"] == name)

    def until(self, status, seconds=30):
        """Waits for a status; answers the description."""
        reached = lambda: (d := self.describe())["lastStatus"] in (status, "STOPPED") and d  # noqa: E731
        described = eventually(f"{self.arn} is {status}", seconds, reached)
        assert described["lastStatus"] == status, described
        return described

    def running(self, seconds=30):
        return self.until("RUNNING", seconds)

    def stopped(self, seconds=60):
        return self.until("STOPPED", seconds)

    def stop(self, reason="the test is over"):
        self.tasks.ecs.stop_task(task=self.arn, reason=reason)
        return self.stopped()

    def lines(self, name="main"):
        """What a container has written."""
        logs = self.tasks.logs
        try:
            page = logs.get_log_events(logGroupName=GROUP, logStreamName=f"t/{name}/{self.id}", startFromHead=True)
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in page["events"]]

    def line(self, pattern, name="main", seconds=15):
        """Waits for a line that matches; answers the match."""
        found = lambda: next((m for m in (re.search(pattern, line) for line in self.lines(name)) if m), None)  # noqa: E731
        return eventually(f"a line like {pattern}", seconds, found)


def processes(marker):
    """Processes of this host whose command line holds the marker as a word, oldest first."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (process / "cmdline").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue
    return sorted(found)


def cgroup_value(pid, v1, v2):
    """A value of a process's cgroup: `controller/file` in version 1, `file` in version 2."""
    lines = [line.split(":", 2) for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    controller, file = v1.split("/")
    for _, controllers, path in lines:
        if controller in controllers.split(","):
            return (CGROUPS / controller / path.strip("/") / file).read_text().strip()
    path = next(path for _, controllers, path in lines if not controllers)
    return (CGROUPS / path.strip("/") / v2).read_text().strip()


def is_cgroup_v2():
    return (CGROUPS / "cgroup.controllers").exists()


def runtime():
    """`embedded` or `docker`: what the tests of this run use."""
    return os.environ.get("WHARF_RUNTIME", "embedded")
