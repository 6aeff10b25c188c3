"""kill -9 the control plane, the agent, or both, at random moments while tasks start and stop.

WHARF_CRASH_ROUNDS says how often (1,000 with ./x test-long); WHARF_CRASH_SEED repeats a failure.
"""

import os
import random
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from wharf import Wharf, eventually

ROUNDS = int(os.environ.get("WHARF_CRASH_ROUNDS", "100"))
SEED = int(os.environ.get("WHARF_CRASH_SEED", str(random.randrange(1 << 32))))
CLUSTER, GROUP = "crash", "/ecs/crash"

# Every start of a container prints a fresh UUID, so that a second start of one task would show.
SCRIPT = "cat /proc/sys/kernel/random/uuid; sleep {secs}; exit {code}"


class Load(threading.Thread):
    """Runs and stops tasks until told to end; remembers what was acknowledged."""

    def __init__(self, wharf, rng):
        super().__init__(daemon=True)
        self.wharf, self.rng, self.over = wharf, rng, threading.Event()
        self.ran, self.stopped, self.failure = {}, set(), None

    def run(self):
        try:
            while not self.over.is_set():
                try:
                    self.one()
                except (ClientError, BotoCoreError):
                    time.sleep(0.05)  # the control plane is down: nothing was acknowledged
        except Exception as failure:
            self.failure = failure

    def one(self):
        ecs = client(self.wharf, "ecs")
        code = self.rng.randrange(4)
        answer = ecs.run_task(
            cluster=CLUSTER,
            taskDefinition=f"crash-{code}",
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": self.wharf.environment["WHARF_SUBNETS"].split(",")}},
        )
        for task in answer["tasks"]:
            self.ran[task["taskArn"]] = code
        if self.ran and self.rng.random() < 0.3:
            arn = self.rng.choice(list(self.ran))
            ecs.stop_task(cluster=CLUSTER, task=arn, reason="crash test")
            self.stopped.add(arn)
        time.sleep(self.rng.random() * 0.2)


def client(wharf, service):
    environment = wharf.environment
    return boto3.client(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"max_attempts": 0}, connect_timeout=2, read_timeout=10),
    )


def register(ecs):
    for code in range(4):
        ecs.register_task_definition(
            family=f"crash-{code}",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[
                {
                    "name": "main",
                    "image": "busybox:latest",
                    "command": ["sh", "-c", SCRIPT.format(secs=0.2 + code * 0.3, code=code)],
                    "stopTimeout": 2,
                    "logConfiguration": {
                        "logDriver": "awslogs",
                        "options": {
                            "awslogs-group": GROUP,
                            "awslogs-create-group": "true",
                            "awslogs-region": "us-east-1",
                            "awslogs-stream-prefix": "ecs",
                        },
                    },
                }
            ],
        )


def test_crash_at_random_moments(tmp_path, images):
    print(f"WHARF_CRASH_SEED={SEED} WHARF_CRASH_ROUNDS={ROUNDS}")
    rng = random.Random(SEED)
    with Wharf(tmp_path, ["server"], ["agent"], listen="127.0.0.1:4577") as wharf:
        wharf.cli("image", "load", str(images))
        ecs = client(wharf, "ecs")
        ecs.create_cluster(clusterName=CLUSTER)
        register(ecs)
        load = Load(wharf, random.Random(rng.random()))
        load.start()
        for _ in range(ROUNDS):
            time.sleep(rng.random() * 0.8)
            victims = rng.choice([["server"], ["agent"], ["server", "agent"]])
            for victim in victims:
                wharf.kill(victim)
            for victim in victims:
                wharf.start([victim])
        load.over.set()
        load.join(timeout=30)
        assert load.failure is None
        print(f"{len(load.ran)} tasks were acknowledged, {len(load.stopped)} of them stopped")
        check_tasks(wharf, load)
        wharf.end("agent")
        wharf.end("server")
        wharf.cli("down")
        assert wharf.left_behind() == []


def check_tasks(wharf, load):
    """Every acknowledged task is there, has ended as its script says, and was started at most once."""
    assert load.ran, "no task was ever acknowledged"
    ecs = client(wharf, "ecs")

    def stopped():
        found = describe(ecs, list(load.ran))
        return found if all(task["lastStatus"] == "STOPPED" for task in found.values()) else None

    tasks = eventually("every acknowledged task is STOPPED", 120, stopped)
    assert set(tasks) == set(load.ran), "acknowledged tasks were lost"
    logs = client(wharf, "logs")
    wrong = []
    for arn, code in load.ran.items():
        container = tasks[arn]["containers"][0]
        starts = started(logs, arn)
        if [a["status"] for a in tasks[arn]["attachments"]] != ["DELETED"]:
            wrong.append(f"{arn} still holds its address")
        if len(starts) > 1:
            wrong.append(f"{arn} was started {len(starts)} times")
        if arn in load.stopped:
            continue
        if container.get("exitCode") != code or len(starts) != 1:
            wrong.append(f"{arn}: wanted exit code {code} and one start: {tasks[arn]} {starts}")
    assert wrong == []


def describe(ecs, arns):
    found = {}
    for at in range(0, len(arns), 100):
        for task in ecs.describe_tasks(cluster=CLUSTER, tasks=arns[at : at + 100])["tasks"]:
            found[task["taskArn"]] = task
    return found


def started(logs, arn):
    """The UUIDs that the task printed. A line may be delivered twice when the agent was killed between delivering it and
    remembering so; a second start would print another UUID."""
    try:
        stream = f"ecs/main/{arn.rsplit('/', 1)[1]}"
        events = logs.get_log_events(logGroupName=GROUP, logStreamName=stream, startFromHead=True)["events"]
    except ClientError:
        return set()
    return {event["message"] for event in events}
