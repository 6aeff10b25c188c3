"""Health checks and what waits for them; and containers that are started again."""

import datetime

import pytest
from tasks import Tasks, container
from wharf import eventually


@pytest.fixture(scope="module")
def tasks(client, network):
    return Tasks(client, network)


@pytest.fixture(scope="module")
def restarting(tasks):
    """Starts first and is looked at last: a restart takes a minute at the least."""
    policy = {"enabled": True, "ignoredExitCodes": [9], "restartAttemptPeriod": 60}
    script = "test -e /once && echo again && exec sleep 300; touch /once; echo first; sleep 61; exit 5"
    return tasks.run(container(script, restartPolicy=policy), networkMode="none")


def check(command, **more):
    return {"healthCheck": {"command": command, "interval": 5, "timeout": 2, "retries": 1} | more}


def health(task):
    described = task.describe()
    return described["healthStatus"], described["containers"][0]["healthStatus"]


def test_health_follows_the_check(restarting, tasks, tmp_path):
    members = check(["CMD-SHELL", "test -e /told/well"], startPeriod=300) | {"mountPoints": [{"sourceVolume": "told", "containerPath": "/told"}]}
    volumes = [{"name": "told", "host": {"sourcePath": str(tmp_path)}}]
    task = tasks.run(container("exec sleep 300", **members), networkMode="none", volumes=volumes)
    task.running()
    assert health(task) == ("UNKNOWN", "UNKNOWN")
    (tmp_path / "well").touch()
    eventually("it is healthy", 15, lambda: health(task) == ("HEALTHY", "HEALTHY"))
    task.stop()


def test_a_check_that_fails_makes_it_unhealthy_and_does_not_stop_it(restarting, tasks):
    task = tasks.run(container("exec sleep 300", **check(["CMD", "false"])), networkMode="none")
    eventually("it is unhealthy", 20, lambda: health(task) == ("UNHEALTHY", "UNHEALTHY"))
    assert task.describe()["lastStatus"] == "RUNNING"
    task.stop()


def test_a_check_that_takes_too_long_has_failed(restarting, tasks):
    task = tasks.run(container("exec sleep 300", **check(["CMD", "sleep", "97531"])), networkMode="none")
    eventually("it is unhealthy", 25, lambda: health(task)[0] == "UNHEALTHY")
    task.stop()


def test_failures_in_the_start_period_do_not_count(restarting, tasks):
    task = tasks.run(container("exec sleep 300", **check(["CMD", "false"], startPeriod=300)), networkMode="none")
    other = tasks.run(container("exec sleep 300", **check(["CMD", "false"])), networkMode="none")
    eventually("the one without is unhealthy", 20, lambda: health(other)[0] == "UNHEALTHY")
    assert health(task)[0] == "UNKNOWN"
    task.stop()
    other.stop()


def test_no_check_is_unknown(restarting, tasks):
    task = tasks.run(container("exec sleep 300"), networkMode="none")
    task.running()
    assert health(task) == ("UNKNOWN", "UNKNOWN")
    task.stop()


def test_depends_on_healthy_waits(restarting, tasks):
    first = container("exec sleep 300", name="first", essential=False, **check(["CMD", "true"], timeout=60))
    task = tasks.run(first, container("echo started", dependsOn=[{"containerName": "first", "condition": "HEALTHY"}]), networkMode="none")
    stopped = task.stopped()
    assert task.lines() == ["started"], stopped
    # The first check comes after 5 s.
    assert stopped["executionStoppedAt"] - stopped["createdAt"] >= datetime.timedelta(seconds=5)


@pytest.mark.parametrize(("condition", "code"), [("COMPLETE", 3), ("SUCCESS", 0)])
def test_depends_on_an_end(restarting, tasks, condition, code):
    first = container(f"sleep 1; cat /proc/uptime; exit {code}", name="first", essential=False)
    task = tasks.run(first, container("cat /proc/uptime", dependsOn=[{"containerName": "first", "condition": condition}]), networkMode="none")
    task.stopped()
    assert float(task.lines()[0].split()[0]) >= float(task.lines("first")[0].split()[0])


def test_a_container_is_started_again_in_the_file_system_that_it_left(restarting):
    eventually("it runs again", 90, lambda: restarting.lines() == ["first", "again"])
    described = restarting.describe()
    assert described["lastStatus"] == "RUNNING"
    assert restarting.container()["lastStatus"] == "RUNNING"
    restarting.stop()
