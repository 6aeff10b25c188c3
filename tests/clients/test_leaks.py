"""Many short tasks leave nothing: no process, cgroup, mount, namespace, link, address, and no line is lost."""

import os
import pathlib

import pytest
from tasks import GROUP, Tasks, container
from test_crash import remains
from wharf import eventually

TASKS = int(os.environ.get("WHARF_SHORT_TASKS", "1000"))
AT_ONCE = 10


@pytest.fixture(scope="module")
def tasks(client, network):
    return Tasks(client, network)


def kept(wharf):
    """What the host has of this Wharf, by kind."""
    mounts = [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
    # os.walk passes over what goes away while it looks.
    cgroups = [path for path, _, _ in os.walk("/sys/fs/cgroup") if f"/wharf-{wharf.name}" in path]
    return {
        "shims": sorted(wharf.shims()),
        "container mounts": [path for path in mounts if path.startswith((f"{wharf.data}/", f"/run/wharf/{wharf.name}/containers/"))],
        "cgroups": len(cgroups),
        "container directories": len(list(wharf.data.glob("containers/*"))) + len(list(wharf.data.glob("spool/*"))),
        "volumes": len(list(wharf.data.glob("volumes/task/*"))),
        "networks": len(list((pathlib.Path("/run/wharf") / wharf.name / "netns" / "tasks").glob("*"))),
    }


def memory_groups():
    """Groups of the memory controller that the kernel keeps, the removed ones that pages are charged to among them."""
    lines = pathlib.Path("/proc/cgroups").read_text().splitlines()
    return next(int(line.split()[2]) for line in lines if line.startswith("memory"))


def test_a_thousand_short_tasks_leave_nothing(tasks, wharf):
    volume = {"volumes": [{"name": "v"}]}
    members = {"mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}], "portMappings": [{"containerPort": 80}]}
    kinds = [
        tasks.define(container('echo "line of $0"', **members), networkMode="awsvpc", **volume),
        tasks.define(container('echo "line of $0"', **members), networkMode="bridge", **volume),
        tasks.define(container('echo "line of $0"'), networkMode="none"),
    ]
    # What the first task of a kind makes for good is no leak; what a task has is gone a moment after it is STOPPED.
    first = tasks.run(definition=kinds[0])
    first.stopped()
    eventually("nothing of the first task is left", 30, lambda: remains(wharf, first) == [])
    before, groups = kept(wharf), memory_groups()
    ran, networks = [], {"networkConfiguration": tasks.network}
    for batch in range(TASKS // AT_ONCE):
        definition = kinds[batch % len(kinds)]
        more = networks if definition == kinds[0] else {}
        answer = tasks.ecs.run_task(taskDefinition=definition, launchType="EC2", count=AT_ONCE, **more)
        assert answer["failures"] == []
        arns = [task["taskArn"] for task in answer["tasks"]]
        for task in eventually("the batch is over", 60, lambda: over(tasks, arns)):
            assert task["containers"][0].get("exitCode") == 0, task
        ran += arns
    eventually(f"nothing is left beyond {before}", 30, lambda: kept(wharf) == before)
    # Others use the host too; two groups a task would be twenty times as many.
    eventually("the kernel has let go of their groups", 30, lambda: memory_groups() - groups < max(TASKS // 10, 50))
    assert lines_of(tasks, ran) == {arn: ["line of sh"] for arn in ran}


def over(tasks, arns):
    """The tasks, once all of them are STOPPED."""
    described = tasks.ecs.describe_tasks(tasks=arns)["tasks"]
    return described if all(task["lastStatus"] == "STOPPED" for task in described) else None


def lines_of(tasks, arns):
    lines = {arn: [] for arn in arns}
    by_id = {arn.rsplit("/", 1)[1]: arn for arn in arns}
    paginator = tasks.logs.get_paginator("filter_log_events")
    for page in paginator.paginate(logGroupName=GROUP, logStreamNamePrefix="t/main/"):
        for event in page["events"]:
            arn = by_id.get(event["logStreamName"].rsplit("/", 1)[1])
            if arn:
                lines[arn].append(event["message"])
    return lines
