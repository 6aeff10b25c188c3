"""An agent that goes without a word, or dies, is missed within three seconds; when it is back, its tasks are the same."""

import signal
import time

import pytest

from hosts import Fleet
from tasks import MARKERS, Tasks, container, processes, runtime
from test_crash import START, tasks_of
from wharf import Wharf, eventually

MISSED_WITHIN = 3.0


@pytest.fixture(scope="module")
def apart(tmp_path_factory, images):
    with Wharf(tmp_path_factory.mktemp("lost"), ["server"], ["agent"], listen="127.0.0.1:4579") as wharf:
        wharf.cli("image", "load", str(images))
        yield wharf
        wharf.end("agent")
        wharf.end("server")
        wharf.cli("down")
        assert wharf.left_behind() == []


@pytest.fixture(scope="module")
def tasks(apart):
    return tasks_of(apart)


class Runner:
    """A task that runs until it is stopped, and shows how often it was started."""

    def __init__(self, tasks):
        self.marker = next(MARKERS)
        self.task = tasks.run(container(f"{START}; exec sleep {self.marker}"))
        self.task.running()

    def check(self):
        """It is RUNNING as one process, which was started once."""
        described = self.task.describe()
        assert (described["lastStatus"], described["desiredStatus"]) == ("RUNNING", "RUNNING"), described
        assert len(processes(self.marker)) == 1
        self.task.line("-")
        # A line whose agent was killed before it wrote down that it was taken is sent again.
        assert len(set(self.task.lines())) == 1, self.task.lines()


def instance(ecs):
    (arn,) = ecs.list_container_instances()["containerInstanceArns"]
    return ecs.describe_container_instances(containerInstances=[arn])["containerInstances"][0]


def missed(ecs, since):
    """Asks until the agent counts as gone. What the machine that asks is late itself does not count."""
    last, longest = since, 0.0
    while instance(ecs)["agentConnected"]:
        now = time.monotonic()
        last, longest = now, max(longest, now - last)
        assert now - since < 60, "the agent is never missed"
        time.sleep(0.02)
    now = time.monotonic()
    took, late = now - since, max(longest, now - last)
    print(f"missed after {took:.2f} s, {late:.2f} s between two looks at most")
    assert took - late <= MISSED_WITHIN


def back(ecs, runners):
    eventually("the agent is back", 15, lambda: instance(ecs)["agentConnected"])
    for runner in runners:
        described = runner.task.describe()
        assert described["connectivity"] == "CONNECTED", described
        runner.check()
    assert instance(ecs)["runningTasksCount"] == len(runners)
    assert len(ecs.list_tasks()["taskArns"]) == len(runners)


def test_an_agent_that_is_silent_is_missed_and_returns(apart, tasks):
    kept, stopped = Runner(tasks), Runner(tasks)
    agent = apart.processes["agent"]
    try:
        agent.send_signal(signal.SIGSTOP)
        missed(tasks.ecs, time.monotonic())
        for runner in (kept, stopped):
            described = runner.task.describe()
            assert (described["connectivity"], described["lastStatus"]) == ("DISCONNECTED", "RUNNING"), described
        tasks.ecs.stop_task(task=stopped.task.arn)
        failures = tasks.ecs.run_task(taskDefinition=tasks.define(container("true")), launchType="EC2")["failures"]
        assert [failure["reason"] for failure in failures] == ["AGENT"], "nothing is given to an agent that is gone"
    finally:
        agent.send_signal(signal.SIGCONT)
    assert stopped.task.stopped()["stopCode"] == "UserInitiated"
    back(tasks.ecs, [kept])
    kept.task.stop()


def test_an_agent_that_is_killed_is_missed_and_adopts(apart, tasks):
    runners = [Runner(tasks), Runner(tasks)]
    apart.kill("agent")
    missed(tasks.ecs, time.monotonic())
    for runner in runners:
        described = runner.task.describe()
        assert (described["connectivity"], described["lastStatus"]) == ("DISCONNECTED", "RUNNING"), described
    apart.start(["agent"])
    back(tasks.ecs, runners)
    for runner in runners:
        runner.task.stop()


def test_an_agent_that_is_well_is_never_missed(apart, tasks):
    """Over some heartbeats, and while it takes on many tasks at once."""
    before = instance(tasks.ecs)
    definition = tasks.define(container("true"))
    for _ in range(4):
        request = {"taskDefinition": definition, "launchType": "EC2", "count": 10}
        assert tasks.ecs.run_task(**request)["failures"] == []
    deadline = time.monotonic() + 25
    while time.monotonic() < deadline:
        assert instance(tasks.ecs)["agentConnected"]
        time.sleep(0.1)
    eventually("all have ended", 60, lambda: tasks.ecs.list_tasks()["taskArns"] == [])
    assert instance(tasks.ecs)["containerInstanceArn"] == before["containerInstanceArn"]


def test_a_forced_deregistration_leaves_orphans_until_the_agent_starts_again(apart, tasks):
    """What runs then runs on, and nobody follows it; the machine is not a new instance before somebody says so."""
    runner, old = Runner(tasks), instance(tasks.ecs)["containerInstanceArn"]
    answer = tasks.ecs.deregister_container_instance(containerInstance=old, force=True)
    assert answer["containerInstance"]["status"] == "INACTIVE"
    stopped = eventually("it is written off", 10, lambda: (t := runner.task.describe())["lastStatus"] == "STOPPED" and t)
    assert stopped["stoppedReason"] == "Container instance deregistration forced by user"
    eventually("the agent says so", 10, lambda: "the container instance was deregistered" in apart.log("agent"))
    assert len(processes(runner.marker)) == 1
    assert tasks.ecs.list_container_instances()["containerInstanceArns"] == []
    (shown,) = tasks.ecs.describe_container_instances(containerInstances=[old])["containerInstances"]
    assert (shown["status"], shown["agentConnected"]) == ("INACTIVE", False)

    apart.end("agent")
    assert len(processes(runner.marker)) == 1
    apart.start(["agent"])
    assert instance(tasks.ecs)["containerInstanceArn"] != old
    eventually("the orphan ends", 40, lambda: processes(runner.marker) == [])
    again = Runner(tasks)
    again.check()
    again.task.stop()


@pytest.mark.skipif(runtime() != "embedded", reason="one Docker Engine is one machine")
def test_a_machine_without_power_is_missed_and_its_agent_finds_back(tmp_path, images):
    """Nothing passes the cable, and nobody says so: both ends have to find out."""
    with Fleet(tmp_path, zones=["us-east-1a"], images=[images]) as fleet:
        tasks = Tasks(fleet.client, fleet.network)
        runner = Runner(tasks)
        fleet.hosts["us-east-1a"].cut()
        missed(tasks.ecs, time.monotonic())
        assert runner.task.describe()["connectivity"] == "DISCONNECTED"
        # Longer than the agent waits for a ping.
        time.sleep(12)
        fleet.hosts["us-east-1a"].mend()
        eventually("the agent is back", 15, lambda: instance(tasks.ecs)["agentConnected"])
        assert runner.task.describe()["connectivity"] == "CONNECTED"
        runner.check()
        runner.task.stop()
