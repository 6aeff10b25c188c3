"""Task definitions as people have them: a one-liner, two containers that wait for each other, and a service with a health check."""

import json

import pytest
from conftest import EXAMPLES
from tasks import Tasks
from wharf import eventually


@pytest.fixture(scope="module")
def tasks(client, network):
    return Tasks(client, network)


DEFINITIONS = sorted(EXAMPLES.glob("task-definitions/*.json"))
# Those whose program ends by itself.
ONE_SHOT = {"hello-world"}


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.stem)
def test_the_definition_runs(tasks, client, path):
    request = json.loads(path.read_text())
    for container in request["containerDefinitions"]:
        options = container.get("logConfiguration", {}).get("options", {})
        if "awslogs-group" in options and options.get("awslogs-create-group") != "true":
            client("logs", region=options["awslogs-region"]).create_log_group(logGroupName=options["awslogs-group"])
    definition = tasks.ecs.register_task_definition(**request)["taskDefinition"]["taskDefinitionArn"]
    task = tasks.run(definition=definition, request={"launchType": "FARGATE"})
    if path.stem in ONE_SHOT:
        assert [c["exitCode"] for c in task.stopped()["containers"]] == [0]
        return
    task.running()
    if any("healthCheck" in c for c in request["containerDefinitions"]):
        eventually("it is healthy", 60, lambda: task.describe()["healthStatus"] == "HEALTHY")
    assert {c["lastStatus"] for c in task.describe()["containers"]} == {"RUNNING"}
    task.stop()


def test_there_are_examples():
    assert len(DEFINITIONS) == 3
