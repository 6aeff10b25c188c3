"""boto3: waiters, pagination, errors, accounts and regions, idempotency."""

import uuid

import pytest
from botocore.exceptions import ClientError
from wharf import eventually


def definition(family, command, image="busybox:latest", **more):
    return {
        "family": family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {
                "name": "main",
                "image": image,
                "command": command,
                "stopTimeout": 2,
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": "/ecs/boto3",
                        "awslogs-create-group": "true",
                        "awslogs-region": "us-east-1",
                        "awslogs-stream-prefix": "ecs",
                    },
                },
                **more,
            }
        ],
    }


@pytest.fixture(scope="module")
def ecs(client):
    ecs = client("ecs")
    ecs.create_cluster(clusterName="boto3")
    return ecs


def run(ecs, network, family, **more):
    answer = ecs.run_task(cluster="boto3", taskDefinition=family, launchType="FARGATE", networkConfiguration=network, **more)
    assert answer["failures"] == []
    return [task["taskArn"] for task in answer["tasks"]]


def describe(ecs, arn):
    return ecs.describe_tasks(cluster="boto3", tasks=[arn])["tasks"][0]


def wait(ecs, state, arn, cluster="boto3"):
    """Waits by boto3's own waiter, with a bound that only ends what hangs."""
    ecs.get_waiter(state).wait(cluster=cluster, tasks=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 240})


def messages(client, arn, container="main"):
    stream = f"ecs/{container}/{arn.rsplit('/', 1)[1]}"
    events = client("logs").get_log_events(logGroupName="/ecs/boto3", logStreamName=stream, startFromHead=True)["events"]
    return [event["message"] for event in events]


def test_waiters_and_the_whole_life_of_a_task(ecs, client, network):
    ecs.register_task_definition(**definition("sleeper", ["sh", "-c", "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.1; done"], stopTimeout=60))
    (arn,) = run(ecs, network, "sleeper", startedBy="life")
    wait(ecs, "tasks_running", arn)
    running = describe(ecs, arn)
    assert running["connectivity"] == "CONNECTED"
    assert running["createdAt"] <= running["pullStartedAt"] <= running["pullStoppedAt"] <= running["startedAt"]
    details = {d["name"]: d["value"] for d in running["attachments"][0]["details"]}
    assert details["privateIPv4Address"].startswith("172.31.")
    assert running["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] == details["privateIPv4Address"]
    # Lines are visible while the task runs; `wharf bench lines` says how soon.
    eventually("the first line", 10, lambda: messages(client, arn) == ["up"])

    stopping = ecs.stop_task(cluster="boto3", task=arn, reason="enough")["task"]
    assert stopping["desiredStatus"] == "STOPPED"
    wait(ecs, "tasks_stopped", arn)
    stopped = describe(ecs, arn)
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "enough")
    assert stopped["containers"][0]["exitCode"] == 7
    assert stopped["startedAt"] <= stopped["stoppingAt"] <= stopped["executionStoppedAt"] <= stopped["stoppedAt"]
    assert stopped["attachments"][0]["status"] == "DELETED"
    assert messages(client, arn) == ["up", "bye"]


def test_sigkill_follows_stop_timeout(ecs, network):
    ecs.register_task_definition(**definition("deaf", ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], stopTimeout=2))
    (arn,) = run(ecs, network, "deaf")
    wait(ecs, "tasks_running", arn)
    ecs.stop_task(cluster="boto3", task=arn)
    wait(ecs, "tasks_stopped", arn)
    assert describe(ecs, arn)["containers"][0]["exitCode"] == 137


def test_no_line_is_lost_when_the_task_exits(ecs, client, network):
    ecs.register_task_definition(**definition("counter", ["seq", "1", "5000"]))
    (arn,) = run(ecs, network, "counter")
    wait(ecs, "tasks_stopped", arn)
    assert messages(client, arn) == [str(n) for n in range(1, 5001)]


def test_an_image_that_is_nowhere_fails_the_task_in_ecs_words(ecs, network):
    ecs.register_task_definition(**definition("nowhere", ["true"], image="127.0.0.1:1/nowhere:latest"))
    (arn,) = run(ecs, network, "nowhere")
    wait(ecs, "tasks_stopped", arn)
    task = describe(ecs, arn)
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError: ")
    assert "exitCode" not in task["containers"][0]


def test_what_is_not_honoured_is_refused_by_name(ecs):
    with pytest.raises(ClientError) as refusal:
        ecs.register_task_definition(**definition("checked", ["true"], secrets=[{"name": "A", "valueFrom": "a"}]))
    assert "containerDefinitions[0].secrets" in str(refusal.value)
    with pytest.raises(ClientError) as refusal:
        ecs.create_service(cluster="boto3", serviceName="web", taskDefinition="sleeper", desiredCount=1)
    assert "CreateService" in str(refusal.value)


@pytest.mark.parametrize(
    ("service", "call"),
    [("ec2", "describe_subnets"), ("ecr", "describe_repositories"), ("s3", "list_buckets")],
)
def test_services_that_are_not_there_say_so(client, service, call):
    with pytest.raises(ClientError) as refusal:
        getattr(client(service), call)()
    assert f"Wharf does not serve the {service} API yet" in str(refusal.value)


def test_the_same_client_token_runs_one_task(ecs, network):
    ecs.register_task_definition(**definition("once", ["true"]))
    token = str(uuid.uuid4())
    first, second = (run(ecs, network, "once", clientToken=token) for _ in range(2))
    assert first == second
    with pytest.raises(ClientError) as refusal:
        run(ecs, network, "once", clientToken=token, count=2)
    assert refusal.value.response["Error"]["Code"] == "ConflictException"


def test_lists_page_and_filter(ecs, network):
    ecs.register_task_definition(**definition("paged", ["sleep", "60"]))
    arns = sorted(run(ecs, network, "paged", count=3, startedBy="paging"))
    pages = ecs.get_paginator("list_tasks").paginate(cluster="boto3", startedBy="paging", PaginationConfig={"PageSize": 1})
    pages = [page["taskArns"] for page in pages]
    assert [len(page) for page in pages] == [1, 1, 1]
    assert sorted(arn for page in pages for arn in page) == arns
    for arn in arns:
        ecs.stop_task(cluster="boto3", task=arn)


def test_accounts_and_regions_are_separate(client):
    keys = ("111122223333", "test")
    other = client("ecs", keys=keys)
    other.create_cluster(clusterName="mine")
    assert other.describe_clusters(clusters=["mine"])["clusters"][0]["clusterArn"] == "arn:aws:ecs:us-east-1:111122223333:cluster/mine"
    for stranger in (client("ecs"), client("ecs", region="eu-west-1", keys=keys)):
        assert stranger.describe_clusters(clusters=["mine"])["failures"][0]["reason"] == "MISSING"


@pytest.mark.parametrize(
    ("keys", "code"),
    [(("AKIAIOSFODNN7EXAMPLE", "x" * 40), "UnrecognizedClientException"), (("111122223333", "wrong"), "InvalidSignatureException")],
)
def test_wrong_keys_get_awss_errors(client, keys, code):
    with pytest.raises(ClientError) as refusal:
        client("ecs", keys=keys).list_clusters()
    assert refusal.value.response["Error"]["Code"] == code


def test_two_containers_share_localhost(ecs, client, network):
    request = definition("pair", ["sh", "-c", "until wget -qO- http://127.0.0.1/; do sleep 0.1; done"])
    server = {"name": "server", "image": "wharf/hello:latest", "command": ["serve"], "essential": False}
    request["containerDefinitions"][0]["dependsOn"] = [{"containerName": "server", "condition": "START"}]
    request["containerDefinitions"].append(server)
    ecs.register_task_definition(**request)
    (arn,) = run(ecs, network, "pair")
    wait(ecs, "tasks_stopped", arn)
    task = describe(ecs, arn)
    assert {c["name"]: c.get("exitCode") for c in task["containers"]}["main"] == 0
    assert arn.rsplit("/", 1)[1] in "\n".join(messages(client, arn))


def test_ec2_launch_type_in_the_hosts_network(client, ecs):
    default = client("ecs")
    request = definition("on-ec2", ["sleep", "60"])
    request |= {"networkMode": "host", "requiresCompatibilities": ["EC2"]}
    default.register_task_definition(**request)
    (task,) = default.run_task(cluster="default", taskDefinition="on-ec2", launchType="EC2")["tasks"]
    wait(default, "tasks_running", task["taskArn"], cluster="default")
    described = default.describe_tasks(cluster="default", tasks=[task["taskArn"]])["tasks"][0]
    instances = default.describe_container_instances(cluster="default", containerInstances=[described["containerInstanceArn"]])
    assert instances["containerInstances"][0]["runningTasksCount"] >= 1
    assert instances["containerInstances"][0]["agentConnected"] is True
    default.stop_task(cluster="default", task=task["taskArn"])
    with pytest.raises(ClientError) as refusal:
        ecs.run_task(cluster="boto3", taskDefinition="on-ec2", launchType="EC2")
    assert "No Container Instances were found in your cluster" in str(refusal.value)
