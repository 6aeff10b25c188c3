"""Failures in ECS's words: one row each, caused for real."""

import socket

import pytest
from botocore.exceptions import ClientError
from tasks import Tasks, container
from wharf import eventually


@pytest.fixture(scope="module")
def tasks(client, network):
    return Tasks(client, network)


EAT = "x=a; while :; do x=$x$x; done"

# What the containers are; the task's stop code, what its stoppedReason says; the main container's reason and exit code.
STOPS = {
    "an essential container exits": ([container("exit 3")], "EssentialContainerExited", "Essential container in task exited", None, 3),
    "a container exceeds its memory": (
        [container(EAT, memory=32)],
        "EssentialContainerExited",
        "Essential container in task exited",
        "OutOfMemoryError: Container killed due to memory usage",
        137,
    ),
    "an image that is not there": (
        [container("true", image="127.0.0.1:9/none:latest")],
        "TaskFailedToStart",
        "CannotPullContainerError",
        "CannotPullContainerError",
        None,
    ),
    "a program that is not there": (
        [container(None, command=["/no/such/program"])],
        "TaskFailedToStart",
        "CannotStartContainerError",
        "CannotStartContainerError",
        None,
    ),
    "a user that is not there": (
        [container("true", user="stranger")],
        "TaskFailedToStart",
        "Cannot",
        "Cannot",
        None,
    ),
    "a device that is not there": (
        [container("true", linuxParameters={"devices": [{"hostPath": "/dev/no-such-device"}]})],
        "TaskFailedToStart",
        "/dev/no-such-device",
        "/dev/no-such-device",
        None,
    ),
    "a log group that is not there": (
        [container("true", logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": "/not/there", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "x"}})],
        "TaskFailedToStart",
        "ResourceInitializationError",
        None,
        None,
    ),
    "a dependency that fails": (
        [
            container("exit 4", name="first", essential=False),
            container("true", dependsOn=[{"containerName": "first", "condition": "SUCCESS"}]),
        ],
        "TaskFailedToStart",
        "first",
        "first",
        None,
    ),
    "a dependency that does not become healthy in time": (
        [
            container(
                "exec sleep 60",
                name="first",
                essential=False,
                startTimeout=3,
                healthCheck={"command": ["CMD-SHELL", "false"], "interval": 5, "timeout": 2, "retries": 1},
            ),
            container("true", dependsOn=[{"containerName": "first", "condition": "HEALTHY"}]),
        ],
        "TaskFailedToStart",
        "first",
        "first",
        None,
    ),
}


@pytest.mark.parametrize("name", STOPS)
def test_the_task_stops_and_says_why(tasks, name):
    containers, code, task_says, container_says, exit_code = STOPS[name]
    stopped = tasks.run(*containers, networkMode="none").stopped()
    (main,) = (c for c in stopped["containers"] if c["name"] == "main")
    assert stopped["stopCode"] == code, stopped
    assert task_says in stopped["stoppedReason"], stopped
    assert main.get("exitCode") == exit_code, main
    assert (container_says or "") in main.get("reason", ""), main


def test_a_stop_by_the_user(tasks):
    task = tasks.run(container("exec sleep 60"), networkMode="none")
    task.running()
    stopped = task.stop("enough of it")
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "enough of it")
    assert stopped["containers"][0]["exitCode"] in (137, 143)


def test_a_port_of_the_host_that_a_process_has(tasks):
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        ports = [{"containerPort": 80, "hostPort": port}]
        stopped = tasks.run(container("exec sleep 60", portMappings=ports), networkMode="bridge").stopped()
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert "port is already allocated" in stopped["containers"][0].get("reason", "") + stopped["stoppedReason"], stopped


def failure(tasks, *containers, **members):
    request = members.pop("request", {})
    definition = tasks.define(*containers, **members)
    answer = tasks.ecs.run_task(taskDefinition=definition, launchType="EC2", **request)
    assert answer["tasks"] == []
    (failed,) = answer["failures"]
    return failed["reason"]


def test_no_instance_has_the_resources(tasks):
    """API failure reasons, Amazon ECS Developer Guide."""
    assert failure(tasks, container("true", cpu=1 << 20)) == "RESOURCE:CPU"
    assert failure(tasks, container("true", memory=1 << 24)) == "RESOURCE:MEMORY"
    assert failure(tasks, container("true", resourceRequirements=[{"type": "GPU", "value": "1"}])) == "RESOURCE:GPU"


def test_a_port_that_a_task_has_is_a_placement_failure(tasks):
    ports = {"portMappings": [{"containerPort": 80, "hostPort": 8123}]}
    task = tasks.run(container("exec sleep 60", **ports), networkMode="bridge")
    assert failure(tasks, container("true", **ports), networkMode="bridge") == "RESOURCE:PORTS"
    task.stop()
    again = tasks.run(container("exec sleep 60", **ports), networkMode="bridge")
    again.running()
    again.stop()


def test_start_task_on_an_instance_that_is_missing(tasks):
    definition = tasks.define(container("true"), networkMode="none")
    arn = "arn:aws:ecs:us-east-1:000000000000:container-instance/default/" + "0" * 32
    answer = tasks.ecs.start_task(taskDefinition=definition, containerInstances=[arn])
    assert [f["reason"] for f in answer["failures"]] == ["MISSING"]


@pytest.mark.parametrize(
    ("containers", "said"),
    [
        ([container("true", dependsOn=[{"containerName": "main", "condition": "START"}])], "main"),
        (
            [
                container("true", dependsOn=[{"containerName": "b", "condition": "START"}]),
                container("true", name="b", dependsOn=[{"containerName": "main", "condition": "START"}]),
            ],
            "cycl",
        ),
        ([container("true", dependsOn=[{"containerName": "ghost", "condition": "START"}])], "ghost"),
        (
            [container("true", dependsOn=[{"containerName": "b", "condition": "HEALTHY"}]), container("true", name="b")],
            "ealth",
        ),
        (
            [container("true", dependsOn=[{"containerName": "b", "condition": "SUCCESS"}]), container("true", name="b")],
            "ssential",
        ),
    ],
    ids=["itself", "a cycle", "nobody", "HEALTHY without a check", "SUCCESS of an essential container"],
)
def test_impossible_dependencies_are_refused_at_registration(tasks, containers, said):
    with pytest.raises(ClientError) as refused:
        tasks.define(*containers, networkMode="none")
    assert refused.value.response["Error"]["Code"] == "ClientException"
    assert said in refused.value.response["Error"]["Message"]


def test_containers_stop_in_reverse_order(tasks):
    script = "trap 'cat /proc/uptime; exit 0' TERM; echo ready; while :; do usleep 50000; done"
    task = tasks.run(
        container(script, stopTimeout=60, dependsOn=[{"containerName": "first", "condition": "START"}]),
        container(script, name="first", stopTimeout=60),
        networkMode="none",
    )
    task.line("ready")
    task.line("ready", name="first")
    task.stop()
    eventually("both said when", 5, lambda: len(task.lines()) == 2 and len(task.lines("first")) == 2)
    assert stopped_at(task.lines()) <= stopped_at(task.lines("first"))


def stopped_at(lines):
    """Seconds since the machine started."""
    return float(lines[1].split()[0])
