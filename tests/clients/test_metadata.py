"""The task metadata endpoint as a program in a container finds it, in each network mode that has a network."""

import json

import pytest
from tasks import Tasks, container

GET = "wget -q -O - $ECS_CONTAINER_METADATA_URI_V4"
# A program may ask before the agent has seen that it runs.
UNTIL_RUNNING = f"until {GET} 2> /dev/null | grep -q '\"KnownStatus\":\"RUNNING\"'; do usleep 100000; done; "
UNTIL_STATS = f"until {GET}/stats 2> /dev/null | grep -q memory_stats; do usleep 100000; done; "


@pytest.fixture(scope="module")
def tasks(client, network):
    return Tasks(client, network)


def ask(tasks, *paths, mode="awsvpc", variable="ECS_CONTAINER_METADATA_URI_V4", before=UNTIL_RUNNING, **members):
    """What the endpoint answers, one JSON document a path."""
    script = before + "; ".join(f"wget -q -O - ${variable}{path} && echo" for path in paths)
    task = tasks.run(container(script, **members), networkMode=mode, tags=[{"key": "team", "value": "blue"}])
    stopped = task.stopped()
    assert stopped["containers"][0]["exitCode"] == 0, (stopped, task.lines())
    return task, [json.loads(line) for line in task.lines()]


@pytest.mark.parametrize("mode", ["awsvpc", "bridge", "host"])
def test_version_4(tasks, mode):
    task, (own, whole) = ask(tasks, "", "/task", mode=mode)
    assert (own["Name"], own["Image"], own["DesiredStatus"], own["KnownStatus"], own["Type"]) == ("main", "busybox:latest", "RUNNING", "RUNNING", "NORMAL")
    assert own["Labels"]["com.amazonaws.ecs.task-arn"] == task.arn == whole["TaskARN"]
    assert own["ContainerARN"] == task.container()["containerArn"]
    assert own["Limits"] == {"CPU": 0, "Memory": 64} or own["Limits"]["Memory"] == 64
    assert [c["Name"] for c in whole["Containers"]] == ["main"]
    assert whole["LaunchType"] == "EC2" and whole["AvailabilityZone"]
    (network,) = own["Networks"]
    assert network["NetworkMode"] == mode
    if mode == "awsvpc":
        details = {d["name"]: d["value"] for d in task.describe()["attachments"][0]["details"]}
        assert network["IPv4Addresses"] == [details["privateIPv4Address"]]
        assert network["MACAddress"] == details["macAddress"]


def test_version_3(tasks):
    task, (own, whole) = ask(tasks, "", "/task", variable="ECS_CONTAINER_METADATA_URI")
    assert own["Name"] == "main" and whole["TaskARN"] == task.arn


def test_stats(tasks):
    _, (own, whole) = ask(tasks, "/stats", "/task/stats", before=UNTIL_STATS)
    assert own["memory_stats"]["usage"] > 0 and own["cpu_stats"]["cpu_usage"]["total_usage"] > 0
    assert "networks" in own and len(whole) == 1


def test_ephemeral_storage(tasks):
    fill = "for file in /large /scratch/large; do dd if=/dev/zero of=$file bs=1M count=8 2> /dev/null; done; sync; "
    mounts = [{"sourceVolume": "scratch", "containerPath": "/scratch"}]
    fargate = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512", "volumes": [{"name": "scratch"}]}
    task = tasks.run(container(f"{fill}{GET}/task", mountPoints=mounts), request={"launchType": "FARGATE"}, **fargate)
    task.stopped()
    storage = json.loads(task.lines()[0])["EphemeralStorageMetrics"]
    assert 16 <= storage["Utilized"] < 18 and storage["Utilized"] < storage["Reserved"] <= 20 * 1024


def test_tags(tasks):
    task = tasks.run(container(f"{GET}/taskWithTags"), networkMode="awsvpc", request={"tags": [{"key": "team", "value": "blue"}]})
    task.stopped()
    assert json.loads(task.lines()[0])["TaskTags"] == {"team": "blue"}


def test_ports_are_shown(tasks):
    ports = [{"containerPort": 80, "hostPort": 8099}]
    _, (own,) = ask(tasks, "", mode="bridge", portMappings=ports)
    assert {"ContainerPort": 80, "Protocol": "tcp", "HostPort": 8099}.items() <= own["Ports"][0].items()


def test_an_unknown_container_is_not_found(tasks):
    script = "wget -S -q -O - ${ECS_CONTAINER_METADATA_URI_V4%/*}/nobody 2>&1 | head -n 1"
    assert "404" in tasks.lines(script, network_mode="awsvpc")[0]


def test_without_a_network_there_is_no_address_of_it(tasks):
    assert tasks.lines('echo "[$ECS_CONTAINER_METADATA_URI_V4]"') == ["[]"]
