"""Where tasks go: placement constraints and strategies, by the `aws` command, seen on machines of their own."""

import json
import pathlib
import subprocess
import sys
from collections import Counter

import pytest

from hosts import Fleet
from tasks import Task, Tasks, container, runtime

pytestmark = pytest.mark.skipif(runtime() != "embedded", reason="one Docker Engine is one machine")

# The racks of the machines.
RACKS = {"us-east-1a": "r1", "us-east-1b": "r1", "us-east-1c": "r2"}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, images):
    with Fleet(tmp_path_factory.mktemp("fleet"), zones=list(RACKS), images=[images]) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def aws(fleet):
    """The real `aws` command on the fleet; answers what it printed, decoded, or its error."""
    environment = fleet.server.environment | {
        "AWS_ENDPOINT_URL": fleet.url,
        "AWS_CA_BUNDLE": str(fleet.server.data / "ca.pem"),
    }

    def call(*args):
        command = [str(pathlib.Path(sys.executable).parent / "aws"), "--output", "json", "ecs", *args]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        return json.loads(done.stdout or "{}") if done.returncode == 0 else done.stderr.strip()

    return call


@pytest.fixture(scope="module")
def tasks(fleet):
    return Tasks(fleet.client, fleet.network)


@pytest.fixture(scope="module")
def zones(fleet, aws):
    """The zone of each container instance; the instances know their racks."""
    zones = {instance["containerInstanceArn"]: zone for zone, instance in fleet.instances().items()}
    for arn, zone in zones.items():
        aws("put-attributes", "--attributes", f"name=rack,value={RACKS[zone]},targetId={arn}")
    return zones


@pytest.fixture
def run(aws, tasks, zones):
    """Runs tasks of a new family; answers how many each zone got, and the failures. They are stopped in the end."""
    started = []

    def run(count, *args, **members):
        definition = tasks.define(container("exec sleep 300"), **members)
        answer = aws("run-task", "--task-definition", definition, "--count", str(count), "--launch-type", "EC2", *args)
        assert isinstance(answer, dict), answer
        started.extend(Task(tasks, task["taskArn"]) for task in answer["tasks"])
        for task in started:
            task.running()
        return Counter(zones[task["containerInstanceArn"]] for task in answer["tasks"]), answer["failures"]

    yield run
    for task in started:
        task.stop()


def test_without_a_strategy_tasks_are_spread_over_the_zones(run):
    assert run(3) == (dict.fromkeys(RACKS, 1), [])


def test_a_task_goes_where_the_expression_holds(run):
    on = lambda expression: ["--placement-constraints", f"type=memberOf,expression={expression}"]  # noqa: E731
    assert run(3, *on("attribute:rack == r2")) == ({"us-east-1c": 3}, [])
    counts, failures = run(1, *on("attribute:rack == r3"))
    assert (counts, [f["reason"] for f in failures]) == ({}, ["MemberOf placement constraint unsatisfied."])


def test_a_definition_says_where_its_tasks_go(run):
    expression = "attribute:ecs.availability-zone in [us-east-1b]"
    constraints = [{"type": "memberOf", "expression": expression}]
    assert run(2, placementConstraints=constraints) == ({"us-east-1b": 2}, [])


def test_distinct_instances_end_where_the_machines_end(run):
    counts, failures = run(4, "--placement-constraints", "type=distinctInstance")
    assert counts == dict.fromkeys(RACKS, 1)
    assert [f["reason"] for f in failures] == ["DistinctInstance placement constraint unsatisfied."]


def test_spread_counts_by_the_attribute(run):
    counts, _ = run(4, "--placement-strategy", "type=spread,field=attribute:rack")
    assert counts["us-east-1a"] + counts["us-east-1b"] == 2 == counts["us-east-1c"]


def test_binpack_fills_one_machine_first(run):
    counts, _ = run(4, "--placement-strategy", "type=binpack,field=memory")
    assert sorted(counts.values()) == [4]


def test_random_is_none_of_the_others(run):
    """Ten tasks: neither all on one machine nor, but once in five times, as even as can be."""
    for _ in range(5):
        counts, _ = run(10, "--placement-strategy", "type=random")
        if 1 < len(counts) and sorted(counts.values()) != [3, 3, 4]:
            return
    raise AssertionError(f"five times the same: {counts}")


def test_instances_are_listed_by_the_same_language(aws, zones):
    listed = aws("list-container-instances", "--filter", "attribute:rack == r1")["containerInstanceArns"]
    assert sorted(zones[arn] for arn in listed) == ["us-east-1a", "us-east-1b"]


def test_an_awsvpc_task_goes_where_it_has_a_subnet(run, fleet):
    """The VPC has zones a and b; c is a name of the owner's own, where every subnet is as near."""
    subnets = dict(zip(["us-east-1a", "us-east-1b"], fleet.network["awsvpcConfiguration"]["subnets"]))

    def run_in(*zones, count=1, where="attribute:rack exists"):
        chosen = ",".join(subnets[zone] for zone in zones)
        network = ["--network-configuration", f"awsvpcConfiguration={{subnets=[{chosen}]}}"]
        constraint = ["--placement-constraints", f"type=memberOf,expression={where}"]
        return run(count, *network, *constraint, networkMode="awsvpc")

    assert run_in("us-east-1b", count=4) == ({"us-east-1b": 2, "us-east-1c": 2}, [])
    assert run_in("us-east-1b", "us-east-1a", count=3) == (dict.fromkeys(RACKS, 1), [])
    counts, failures = run_in("us-east-1b", where="attribute:ecs.availability-zone == us-east-1a")
    assert counts == {} and "LOCATION" in failures[0]["detail"], failures


def test_what_cannot_be_meant_is_refused_in_the_words_of_ecs(aws, tasks):
    definition = tasks.define(container("true"))
    run = ["run-task", "--task-definition", definition]
    error = aws(*run, "--placement-constraints", "type=memberOf,expression=attribute:rack ==")
    assert "(InvalidParameterException)" in error and "Invalid expression" in error, error
    error = aws(*run, "--placement-strategy", "type=binpack,field=disk")
    assert "(InvalidParameterException)" in error and "disk" in error, error
