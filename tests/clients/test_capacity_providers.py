"""Capacity providers: machines in groups, tasks shared out over them by base and weight, and those of Fargate."""

from collections import Counter

import pytest
from botocore.exceptions import ClientError

from hosts import Fleet
from tasks import Task, Tasks, container, runtime

pytestmark = pytest.mark.skipif(runtime() != "embedded", reason="one Docker Engine is one machine")

# The Auto Scaling group that each machine counts as one of.
GROUPS = {"us-east-1a": "metal", "us-east-1b": "metal", "us-east-1c": "cloud"}
ARN = "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:11111111-2222-3333-4444-555555555555:autoScalingGroupName/metal"


class Grouped(Fleet):
    """A fleet whose machines are in groups."""

    def join(self, zone, token, **where):
        self.options = ["--auto-scaling-group", GROUPS[zone]]
        return super().join(zone, token, **where)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, images):
    with Grouped(tmp_path_factory.mktemp("fleet"), zones=list(GROUPS), images=[images]) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def tasks(fleet):
    return Tasks(fleet.client, fleet.network)


def put(ecs, *strategy):
    providers = ["FARGATE", "FARGATE_SPOT", "bare-metal", "rented"]
    return ecs.put_cluster_capacity_providers(
        cluster="default", capacityProviders=providers, defaultCapacityProviderStrategy=list(strategy)
    )["cluster"]


@pytest.fixture(scope="module")
def ecs(tasks):
    ecs = tasks.ecs
    for name, group in (("bare-metal", ARN.replace("000000000000", account(ecs))), ("rented", "cloud")):
        created = ecs.create_capacity_provider(name=name, autoScalingGroupProvider={"autoScalingGroupArn": group})
        assert created["capacityProvider"]["status"] == "ACTIVE"
    put(ecs)
    return ecs


def account(ecs):
    return ecs.describe_clusters()["clusters"][0]["clusterArn"].split(":")[4]


def item(name, weight=1, base=0):
    return {"capacityProvider": name, "weight": weight, "base": base}


def finish(tasks, started):
    """They really run, and are stopped."""
    for task in (Task(tasks, task["taskArn"]) for task in started):
        task.running()
        task.stop()


def test_a_machine_shows_the_capacity_provider_of_its_group(fleet, ecs):
    shown = {zone: instance.get("capacityProviderName") for zone, instance in fleet.instances().items()}
    assert shown == {"us-east-1a": "bare-metal", "us-east-1b": "bare-metal", "us-east-1c": "rented"}


def test_tasks_are_shared_out_by_base_and_weight(fleet, tasks, ecs):
    definition = tasks.define(container("exec sleep 300"))
    zones = {instance["containerInstanceArn"]: zone for zone, instance in fleet.instances().items()}
    strategy = [item("bare-metal", weight=1), item("rented", weight=3, base=2)]
    answer = ecs.run_task(taskDefinition=definition, count=6, capacityProviderStrategy=strategy)
    assert answer["failures"] == []
    assert Counter(task["capacityProviderName"] for task in answer["tasks"]) == {"rented": 5, "bare-metal": 1}
    for task in answer["tasks"]:
        group = GROUPS[zones[task["containerInstanceArn"]]]
        assert group == {"bare-metal": "metal", "rented": "cloud"}[task["capacityProviderName"]]
    with pytest.raises(ecs.exceptions.ResourceInUseException):
        ecs.put_cluster_capacity_providers(cluster="default", capacityProviders=["rented"], defaultCapacityProviderStrategy=[])
    finish(tasks, answer["tasks"])


def test_the_cluster_has_a_default(tasks, ecs):
    strategy = [item("rented")]
    assert put(ecs, *strategy)["defaultCapacityProviderStrategy"] == strategy
    definition = tasks.define(container("exec sleep 300"))
    by_default = ecs.run_task(taskDefinition=definition)["tasks"]
    by_launch_type = ecs.run_task(taskDefinition=definition, launchType="EC2")["tasks"]
    assert [task.get("capacityProviderName") for task in by_default + by_launch_type] == ["rented", None]
    finish(tasks, by_default + by_launch_type)
    put(ecs)


def test_fargate_spot_runs_as_fargate_does(fleet, tasks, ecs):
    definition = tasks.define(
        container("exec sleep 300"), networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512"
    )
    strategy = [item("FARGATE", weight=0, base=1), item("FARGATE_SPOT")]
    answer = ecs.run_task(
        taskDefinition=definition, count=2, capacityProviderStrategy=strategy, networkConfiguration=fleet.network
    )
    shown = [(task["launchType"], task["capacityProviderName"]) for task in answer["tasks"]]
    assert sorted(shown) == [("FARGATE", "FARGATE"), ("FARGATE", "FARGATE_SPOT")], answer
    finish(tasks, answer["tasks"])


def test_they_are_described_updated_and_deleted(ecs):
    names = [p["name"] for p in ecs.describe_capacity_providers()["capacityProviders"]]
    assert names == ["FARGATE", "FARGATE_SPOT", "bare-metal", "rented"]
    group = ecs.create_capacity_provider(name="spare", autoScalingGroupProvider={"autoScalingGroupArn": "spare"})
    assert group["capacityProvider"]["autoScalingGroupProvider"]["managedScaling"]["status"] == "DISABLED"
    change = {"managedScaling": {"status": "DISABLED", "targetCapacity": 90}}
    updated = ecs.update_capacity_provider(name="spare", autoScalingGroupProvider=change)["capacityProvider"]
    assert updated["autoScalingGroupProvider"]["managedScaling"]["targetCapacity"] == 90
    with pytest.raises(ClientError, match="managedScaling.status ENABLED"):
        change = {"managedScaling": {"status": "ENABLED"}}
        ecs.update_capacity_provider(name="spare", autoScalingGroupProvider=change)
    kept = ecs.delete_capacity_provider(capacityProvider="rented")["capacityProvider"]
    assert (kept["status"], kept["updateStatus"]) == ("ACTIVE", "DELETE_FAILED")
    assert ecs.delete_capacity_provider(capacityProvider="spare")["capacityProvider"]["status"] == "INACTIVE"
    assert [f["reason"] for f in ecs.describe_capacity_providers(capacityProviders=["spare"])["failures"]] == ["MISSING"]
