"""The lines that Wharf exists for, typed as an ECS user types them."""

import json

import pytest


def run_args(wharf):
    subnet, group = wharf.environment["WHARF_SUBNETS"].split(",")[0], wharf.environment["WHARF_SECURITY_GROUP"]
    return [
        "ecs", "run-task", "--cluster", "hello-world-cluster", "--launch-type", "FARGATE",
        "--network-configuration", f"awsvpcConfiguration={{subnets={subnet},securityGroups={group},assignPublicIp=ENABLED}}",
        "--propagate-tags", "TASK_DEFINITION", "--task-definition", "hello-world-task-definition",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def tokyo(wharf, aws):
    """The example logs to ap-northeast-1, so everything is done there. Region-scoped: its subnets are other ones."""
    exports = {"WHARF_SUBNETS", "WHARF_SECURITY_GROUP"}
    environment = json.loads(wharf.cli_in_region("ap-northeast-1", "env", "--output", "json").stdout)
    saved = {name: wharf.environment[name] for name in exports}
    wharf.environment.update({name: environment[name] for name in exports})
    definition = aws("ecs", "register-task-definition", "--cli-input-json", "file://task-definitions/hello-world.json",
                     region="ap-northeast-1")["taskDefinition"]  # fmt: skip
    aws("ecs", "create-cluster", "--cluster-name", "hello-world-cluster", region="ap-northeast-1")
    yield definition
    wharf.environment.update(saved)


@pytest.mark.parametrize(
    ("extra", "line"),
    [
        ([], "Hello World!"),
        (["--overrides", '{"containerOverrides":[{"name":"HelloWorld","command":["echo","Welcome"]}]}'], "Welcome"),
    ],
)
def test_run_task_prints_its_line(wharf, aws, tokyo, extra, line):
    region = "ap-northeast-1"
    answer = aws(*run_args(wharf), *extra, region=region)
    assert answer["failures"] == []
    (task,) = answer["tasks"]
    assert task["lastStatus"] == "PROVISIONING"
    assert task["desiredStatus"] == "RUNNING"
    task_id = task["taskArn"].rsplit("/", 1)[1]

    aws("ecs", "wait", "tasks-stopped", "--cluster", "hello-world-cluster", "--tasks", task_id, region=region)
    described = aws("ecs", "describe-tasks", "--cluster", "hello-world-cluster", "--tasks", task_id, "--include", "TAGS",
                    region=region)["tasks"][0]  # fmt: skip
    assert described["lastStatus"] == "STOPPED"
    assert described["stopCode"] == "EssentialContainerExited"
    assert described["stoppedReason"] == "Essential container in task exited"
    assert described["containers"][0]["exitCode"] == 0
    assert described["tags"] == [{"key": "team", "value": "hello"}]
    assert "containerInstanceArn" not in described

    events = aws("logs", "get-log-events", "--log-group-name", "/ecs/example", "--log-stream-name",
                 f"ecs/HelloWorld/{task_id}", region=region)["events"]  # fmt: skip
    assert [event["message"] for event in events] == [line]


def test_the_definition_is_what_was_registered(tokyo):
    assert tokyo["revision"] == 1
    assert tokyo["status"] == "ACTIVE"
    assert tokyo["compatibilities"] == ["EC2", "FARGATE"]
    assert tokyo["containerDefinitions"][0]["command"] == ["echo", "Hello World!"]


def test_get_caller_identity(aws, wharf):
    identity = aws("sts", "get-caller-identity")
    assert identity["Account"] == "000000000000"
