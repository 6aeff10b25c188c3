"""The cluster query language in the filter of ListContainerInstances, by the real `aws` command."""

import json

import pytest
from tasks import Tasks, container

# What the second host says of itself; it has no agent.
RESOURCES = [{"name": name, "type": "INTEGER", "integerValue": 1024} for name in ("CPU", "MEMORY")]
ATTRIBUTES = [{"name": "ecs.instance-type", "value": "t2.small"}, {"name": "stack", "value": "prod"}, {"name": "bare"}]


@pytest.fixture(scope="module")
def agent(aws):
    """The instance of the agent that Wharf itself starts."""
    (arn,) = aws("ecs", "list-container-instances")["containerInstanceArns"]
    return arn


@pytest.fixture(scope="module")
def lone(aws, agent):
    """A registered host whose agent never connects."""
    resources, attributes = json.dumps(RESOURCES), json.dumps(ATTRIBUTES)
    answer = aws("ecs", "register-container-instance", "--total-resources", resources, "--attributes", attributes)
    arn = answer["containerInstance"]["containerInstanceArn"]
    yield arn
    aws("ecs", "deregister-container-instance", "--container-instance", arn, "--force")


@pytest.fixture(scope="module")
def listed(aws, agent, lone):
    """listed(filter, more arguments) -> which of the two instances, in a set of `agent` and `lone`."""
    names = {agent: "agent", lone: "lone"}
    return lambda text, *more: {names[arn] for arn in aws("ecs", "list-container-instances", "--filter", text, *more)["containerInstanceArns"]}


@pytest.mark.parametrize(
    "text, expected",
    [
        ("attribute:stack == prod", {"lone"}),
        ("attribute:stack != prod", set()),
        ("not(attribute:stack == prod)", {"agent"}),
        ("attribute:ecs.instance-type =~ t2.* and attribute:bare exists", {"lone"}),
        ("attribute:ecs.instance-type in [t2.small, t2.medium]", {"lone"}),
        ("attribute:ecs.os-type == linux || attribute:stack exists", {"agent", "lone"}),
        ("attribute:bare !exists", {"agent"}),
        ("agentConnected == true", {"agent"}),
        ("agentConnected == false", {"lone"}),
        ("registeredAt > 2018-02-13", {"agent", "lone"}),
        ("registeredAt < 2018-02-13T12:00:00Z", set()),
    ],
)
def test_instances_are_listed_by_what_they_are(listed, text, expected):
    assert listed(text) == expected


def test_instances_are_listed_by_their_tasks(listed, client, network):
    tasks = Tasks(client, network)
    assert listed("runningTasksCount == 0") == {"agent", "lone"}
    task = tasks.run(container("exec sleep 300"), request={"group": "databases"})
    task.running()
    assert listed("runningTasksCount >= 1") == {"agent"}
    assert listed("task:group == databases") == {"agent"}
    assert listed("not(task:group == databases)") == {"lone"}
    task.stop()
    assert listed("task:group == databases or runningTasksCount > 0") == set()


def test_a_filter_goes_with_a_status(listed):
    assert listed("attribute:stack exists", "--status", "ACTIVE") == {"lone"}
    assert listed("attribute:stack exists", "--status", "DRAINING") == set()


@pytest.mark.parametrize(
    "text, message",
    [
        ("attribute:stack = prod", "Invalid expression: expected an operator such as ==, found '=' (at character 17)"),
        ("attribute:stack =~ '(?=p).*'", "Invalid expression: the pattern (?=p).*: look-ahead is not supported (at character 20)"),
        ("(attribute:stack exists", "Invalid expression: expected &&, || or ')', found the end (at character 24)"),
    ],
)
def test_what_is_no_expression_is_refused(aws, text, message):
    done = aws("ecs", "list-container-instances", "--filter", text, check=False)
    assert done.returncode != 0
    assert f"An error occurred (InvalidParameterException) when calling the ListContainerInstances operation: {message}" in done.stderr
