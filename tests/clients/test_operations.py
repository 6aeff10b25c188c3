"""Operations beside RunTask, by boto3: StartTask, attributes, account settings, task protection, the life of a deleted revision,
every filter of ListTasks."""

import pytest
from botocore.exceptions import ClientError
from tasks import Task, Tasks, container
from wharf import eventually


@pytest.fixture(scope="module")
def tasks(client, network):
    return Tasks(client, network)


@pytest.fixture(scope="module")
def instance(tasks):
    (arn,) = tasks.ecs.list_container_instances()["containerInstanceArns"]
    return arn


def test_start_task_starts_on_the_instance_that_is_named(tasks, instance):
    definition = tasks.define(container("echo started"))
    answer = tasks.ecs.start_task(taskDefinition=definition, containerInstances=[instance], startedBy="me", enableECSManagedTags=True)
    assert answer["failures"] == []
    arn = answer["tasks"][0]["taskArn"]
    Task(tasks, arn).stopped()
    (task,) = tasks.ecs.describe_tasks(tasks=[arn], include=["TAGS"])["tasks"]
    assert (task["containers"][0]["exitCode"], task["containerInstanceArn"], task["startedBy"]) == (0, instance, "me")
    assert {"key": "aws:ecs:clusterName", "value": "default"} in task["tags"]


def test_every_filter_of_list_tasks(tasks, instance):
    family = "listed"
    definition = tasks.define(container("exec sleep 300"), family=family)
    task = tasks.run(definition=definition, request={"startedBy": "lister"})
    task.running()
    for filters in (
        {"family": family},
        {"startedBy": "lister"},
        {"family": family, "desiredStatus": "RUNNING"},
        {"family": family, "launchType": "EC2"},
        {"family": family, "containerInstance": instance},
        {"family": family, "maxResults": 1},
    ):
        assert tasks.ecs.list_tasks(**filters)["taskArns"] == [task.arn], filters
    for filters in ({"family": "other"}, {"startedBy": "other"}, {"family": family, "launchType": "FARGATE"}, {"family": family, "desiredStatus": "STOPPED"}):
        assert tasks.ecs.list_tasks(**filters)["taskArns"] == [], filters
    with pytest.raises(tasks.ecs.exceptions.ServiceNotFoundException):
        tasks.ecs.list_tasks(serviceName="none")
    task.stop()
    assert tasks.ecs.list_tasks(family=family, desiredStatus="STOPPED")["taskArns"] == [task.arn]


def test_a_deleted_revision_is_in_deletion_while_a_task_runs_it_and_then_gone(tasks):
    definition = tasks.define(container("exec sleep 300"))
    task = tasks.run(definition=definition)
    task.running()
    tasks.ecs.deregister_task_definition(taskDefinition=definition)
    answer = tasks.ecs.delete_task_definitions(taskDefinitions=[definition])
    assert [d["status"] for d in answer["taskDefinitions"]] == ["DELETE_IN_PROGRESS"]
    assert tasks.ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]["status"] == "DELETE_IN_PROGRESS"
    assert tasks.ecs.list_task_definitions(status="DELETE_IN_PROGRESS")["taskDefinitionArns"] == [definition]
    with pytest.raises(ClientError):
        tasks.ecs.run_task(taskDefinition=definition, launchType="EC2")
    task.stop()


def test_attributes(tasks, instance):
    attribute = {"name": "stack", "value": "production", "targetType": "container-instance", "targetId": instance}
    tasks.ecs.put_attributes(attributes=[attribute])
    assert tasks.ecs.list_attributes(targetType="container-instance", attributeName="stack")["attributes"] == [attribute]
    (described,) = tasks.ecs.describe_container_instances(containerInstances=[instance])["containerInstances"]
    assert {"name": "stack", "value": "production"} in described["attributes"]
    tasks.ecs.delete_attributes(attributes=[attribute])
    assert tasks.ecs.list_attributes(targetType="container-instance", attributeName="stack")["attributes"] == []


def test_an_instance_says_what_its_agent_is_and_how_it_is(tasks, instance):
    def healthy():
        (described,) = tasks.ecs.describe_container_instances(containerInstances=[instance], include=["CONTAINER_INSTANCE_HEALTH"])["containerInstances"]
        return described if described.get("healthStatus", {}).get("overallStatus") == "OK" else None

    described = eventually("the agent has said how it is", 30, healthy)
    assert described["agentConnected"] and described["versionInfo"]["agentVersion"]
    with pytest.raises(tasks.ecs.exceptions.NoUpdateAvailableException):
        tasks.ecs.update_container_agent(containerInstance=instance)


def test_only_a_services_tasks_can_be_protected(tasks):
    task = tasks.run(container("exec sleep 300"))
    answer = tasks.ecs.update_task_protection(cluster="default", tasks=[task.arn], protectionEnabled=True)
    assert [f["reason"] for f in answer["failures"]] == ["TASK_NOT_VALID"]
    answer = tasks.ecs.get_task_protection(cluster="default", tasks=[task.arn])
    assert [f["reason"] for f in answer["failures"]] == ["TASK_NOT_VALID"]
    task.stop()


def test_account_settings(tasks):
    before = tasks.ecs.list_account_settings(name="defaultLogDriverMode", effectiveSettings=True)["settings"]
    assert [s["value"] for s in before] == ["non-blocking"]
    tasks.ecs.put_account_setting_default(name="defaultLogDriverMode", value="blocking")
    after = tasks.ecs.list_account_settings(name="defaultLogDriverMode", effectiveSettings=True)["settings"]
    assert [s["value"] for s in after] == ["blocking"]
    tasks.ecs.delete_account_setting(name="defaultLogDriverMode")
