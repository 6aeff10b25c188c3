"""Draining a machine: it keeps its tasks, gets no new ones, and takes tasks again when it is ACTIVE."""

import pytest

from hosts import Fleet
from tasks import Task, Tasks, container, runtime
from wharf import eventually

pytestmark = pytest.mark.skipif(runtime() != "embedded", reason="one Docker Engine is one machine")

ZONES = ["us-east-1a", "us-east-1b"]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, images):
    with Fleet(tmp_path_factory.mktemp("fleet"), zones=ZONES, images=[images]) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def tasks(fleet):
    return Tasks(fleet.client, fleet.network)


def test_a_drained_machine_finishes_what_it_has(fleet, tasks):
    ecs, instances = tasks.ecs, fleet.instances()
    drained, other = (instances[zone]["containerInstanceArn"] for zone in ZONES)
    definition = tasks.define(container("exec sleep 300"))
    start = lambda: ecs.start_task(taskDefinition=definition, containerInstances=[drained])  # noqa: E731
    kept = Task(tasks, start()["tasks"][0]["taskArn"])
    kept.running()

    answer = ecs.update_container_instances_state(containerInstances=[drained], status="DRAINING")
    assert answer["failures"] == [] and answer["containerInstances"][0]["status"] == "DRAINING"
    assert ecs.list_container_instances(status="DRAINING")["containerInstanceArns"] == [drained]
    assert ecs.list_container_instances(status="ACTIVE")["containerInstanceArns"] == [other]
    tasks_there = ecs.run_task(taskDefinition=definition, count=3, launchType="EC2")["tasks"]
    assert {task["containerInstanceArn"] for task in tasks_there} == {other}
    assert [f["reason"] for f in start()["failures"]] == ["INACTIVE"]

    agent = fleet.agents[ZONES[0]]
    agent.kill("agent")
    agent.start(["agent", *fleet.options])
    described = lambda: ecs.describe_container_instances(containerInstances=[drained])["containerInstances"][0]  # noqa: E731
    eventually("the agent is back", 15, lambda: described()["agentConnected"])
    assert (described()["status"], described()["runningTasksCount"]) == ("DRAINING", 1), "a restart changes nothing"
    assert kept.describe()["lastStatus"] == "RUNNING"

    kept.stop()
    eventually("it is drained", 15, lambda: described()["runningTasksCount"] == 0)
    ecs.update_container_instances_state(containerInstances=[drained], status="ACTIVE")
    again = start()
    assert again["failures"] == []
    for task in [*again["tasks"], *tasks_there]:
        task = Task(tasks, task["taskArn"])
        task.running()
        task.stop()


def test_what_was_deregistered_cannot_be_drained(fleet, tasks):
    ecs = tasks.ecs
    zone = ZONES[1]
    instance, agent = fleet.instances()[zone]["containerInstanceArn"], fleet.agents.pop(zone)
    agent.cli("down")
    assert agent.processes.pop("agent").wait(timeout=60) == 0
    ecs.deregister_container_instance(containerInstance=instance, force=True)
    answer = ecs.update_container_instances_state(containerInstances=[instance], status="DRAINING")
    assert (answer["containerInstances"], answer["failures"]) == ([], [{"arn": instance, "reason": "INACTIVE"}])
