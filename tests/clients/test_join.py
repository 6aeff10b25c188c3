"""Agents on other machines: joining by token, everything over TLS, and machines that stay out of each other's way."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from hosts import OUTSIDE, Fleet, Host
from tasks import Task, Tasks, container, runtime
from wharf import BIN, Wharf, eventually

pytestmark = pytest.mark.skipif(runtime() != "embedded", reason="one Docker Engine is one machine")

SERVE = "mkdir /www; hostname > /www/index.html; httpd -p 80 -h /www; trap 'exit 0' TERM; while :; do sleep 0.1; done"


class Recorder:
    """A TCP proxy that keeps all that passes."""

    def __init__(self, port, to):
        self.to, self.bytes = to, bytearray()
        self.listener = socket.create_server((OUTSIDE, port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.to)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    def pump(self, source, sink):
        try:
            while chunk := source.recv(65536):
                self.bytes += chunk
                sink.sendall(chunk)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                end.close()


@pytest.fixture(scope="module")
def recorder():
    recorder = Recorder(5000, ("10.99.0.1", Fleet.PORT))
    yield recorder
    recorder.listener.close()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, images):
    with Fleet(tmp_path_factory.mktemp("fleet"), images=[images]) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def tasks(fleet):
    return Tasks(fleet.client, fleet.network)


def start_on(tasks, fleet, zone, *containers, **members):
    """StartTask on the machine of a zone."""
    definition = tasks.define(*containers, **members)
    network = {"networkConfiguration": fleet.network} if members.get("networkMode") == "awsvpc" else {}
    answer = tasks.ecs.start_task(
        taskDefinition=definition, containerInstances=[fleet.instances()[zone]["containerInstanceArn"]], **network
    )
    assert answer["failures"] == []
    return Task(tasks, answer["tasks"][0]["taskArn"])


def test_an_instance_for_each_machine(fleet):
    instances = fleet.instances()
    assert sorted(instances) == list(fleet.zones)
    assert all(instance["agentConnected"] for instance in instances.values())


def test_tasks_run_on_every_machine_and_their_logs_arrive(fleet, tasks):
    started = {zone: start_on(tasks, fleet, zone, container(f"echo I am in {zone}")) for zone in fleet.zones}
    for zone, task in started.items():
        task.stopped()
        assert task.lines() == [f"I am in {zone}"]
        assert task.describe()["containerInstanceArn"] == fleet.instances()[zone]["containerInstanceArn"]


def test_tasks_are_spread_over_the_machines(fleet, tasks):
    definition = tasks.define(container("sleep 60"))
    spread = [{"type": "spread", "field": "attribute:ecs.availability-zone"}]
    answer = tasks.ecs.run_task(
        taskDefinition=definition, count=3, launchType="EC2", placementStrategy=spread, placementConstraints=[{"type": "distinctInstance"}]
    )
    assert answer["failures"] == []
    arns = {instance["containerInstanceArn"] for instance in fleet.instances().values()}
    assert {task["containerInstanceArn"] for task in answer["tasks"]} == arns
    for task in answer["tasks"]:
        tasks.ecs.stop_task(task=task["taskArn"])


def test_every_network_mode_works_within_a_machine(fleet, tasks):
    """The same host port on each machine, and awsvpc tasks that reach each other."""
    servers = {}
    for zone in fleet.zones:
        published = container(SERVE, portMappings=[{"containerPort": 80, "hostPort": 8080}])
        servers[zone] = start_on(tasks, fleet, zone, published, networkMode="bridge")
    for zone, task in servers.items():
        task.running()
        fetch = ["wget", "-q", "-O", "-", f"http://{fleet.hosts[zone].address}:8080/"]
        eventually("the page", 10, lambda: subprocess.run(["busybox", *fetch], capture_output=True).stdout)  # noqa: B023
    first = fleet.zones[0]
    server = start_on(tasks, fleet, first, container(SERVE), networkMode="awsvpc")
    (interface,) = server.running()["containers"][0]["networkInterfaces"]
    fetch = f"until wget -q -O /dev/null http://{interface['privateIpv4Address']}/; do sleep 0.1; done; echo fetched"
    client = start_on(tasks, fleet, first, container(fetch), networkMode="awsvpc")
    client.stopped()
    assert client.lines() == ["fetched"]
    host = start_on(tasks, fleet, first, container("ip address show eth0"), networkMode="host")
    host.stopped()
    assert any(fleet.hosts[first].address in line for line in host.lines())
    for task in (server, *servers.values()):
        task.stop()


def test_nothing_secret_is_on_the_wire(fleet, tasks, recorder):
    """One agent leaves, and another takes its place through a proxy, at an address that no certificate names."""
    zone = fleet.zones[-1]
    old, instance = fleet.agents.pop(zone), fleet.instances()[zone]["containerInstanceArn"]
    old.cli("down")
    assert old.processes.pop("agent").wait(timeout=60) == 0
    assert old.left_behind() == []
    tasks.ecs.deregister_container_instance(containerInstance=instance, force=True)
    token = fleet.token()
    agent = fleet.join(zone, token, url=f"https://{OUTSIDE}:5000", name="recorded")
    assert fleet.instances()[zone]["containerInstanceArn"] != instance
    line = "a line that nobody else may read"
    task = start_on(tasks, fleet, zone, container(f"echo {line}"))
    task.stopped()
    assert task.lines() == [line]
    identity = json.loads((agent.data / "endpoint.json").read_text())
    seen = bytes(recorder.bytes)
    # What a handshake shows is there, so it is this agent that was listened to.
    assert b"server.wharf.internal" in seen
    for secret in (token, token.split(".")[2], identity["secret_access_key"], identity["access_key_id"], line, task.id):
        assert secret.encode() not in seen
    for name, mode in (("endpoint.json", 0o600), ("ca.pem", 0o644)):
        assert (agent.data / name).stat().st_mode & 0o777 == mode


def refused(fleet, tmp_path, token, url=None):
    """What an agent says whom nobody lets in."""
    zone = fleet.zones[0]
    command = [*fleet.hosts[zone].command, BIN, "agent", "--join", token, "--server", url or fleet.url, "--data-dir", str(tmp_path / "refused")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and not (tmp_path / "refused" / "endpoint.json").exists()
    assert token.split(".")[2] not in done.stderr
    return done.stderr


def test_a_wrong_token_lets_nobody_in(fleet, tmp_path):
    token = fleet.token()
    version, name, secret, fingerprint = token.split(".")
    assert "no join token" in refused(fleet, tmp_path, token[:-1])
    assert "not known here" in refused(fleet, tmp_path, ".".join([version, name, "a" * len(secret), fingerprint]))
    assert "is not the Wharf that made this token" in refused(fleet, tmp_path, ".".join([version, name, secret, "0" * 64]))
    assert "https://HOST:PORT" in refused(fleet, tmp_path, token, url=fleet.url.replace("https", "http"))
    assert "cannot reach" in refused(fleet, tmp_path, token, url=f"https://{fleet.server_host.address}:1")


def test_a_token_is_listed_and_revoked(fleet, tmp_path):
    token = fleet.token("--hours", "2")
    name = token.split(".")[1]
    listed = json.loads(fleet.server.cli("join-token", "ls", "--output", "json").stdout)
    assert [known["isExpired"] for known in listed if known["id"] == name] == [False]
    fleet.server.cli("join-token", "revoke", name)
    assert "revoked" in refused(fleet, tmp_path, token)
    again = fleet.server.cli("join-token", "revoke", name, check=False)
    assert again.returncode == 1 and name in again.stderr


def test_an_expired_token_lets_nobody_in(fleet, tmp_path):
    token = fleet.token()
    file = fleet.server.data / "join-tokens" / f"{token.split('.')[1]}.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"expires_at": 1}))
    assert "has expired" in refused(fleet, tmp_path, token)


def test_a_machine_that_has_joined_needs_no_token_any_more(fleet, tasks):
    """Its tasks run on while it is away, and it comes back as the same instance, in the zone that it had."""
    zone = fleet.zones[1]
    agent, instance = fleet.agents[zone], fleet.instances()[zone]["containerInstanceArn"]
    task = start_on(tasks, fleet, zone, container("echo one; sleep 3; echo two; trap 'exit 0' TERM; while :; do sleep 0.1; done"))
    task.line("one")
    assert agent.end("agent") == 0
    for token in fleet.server.cli("join-token", "revoke", "--all").stdout.splitlines():
        assert "revoked" in token
    agent.start(["agent"])
    task.line("two")
    assert task.running()["containerInstanceArn"] == instance == fleet.instances()[zone]["containerInstanceArn"]
    task.stop()


def test_clients_on_a_machine_that_has_joined(fleet):
    """`wharf env` there is for any SDK: the certificate is good for the server's address."""
    agent = fleet.agents[fleet.zones[0]]
    environment = agent.environment
    assert environment["AWS_ENDPOINT_URL"] == fleet.url
    assert environment["AWS_CA_BUNDLE"] == str(agent.data / "ca.pem")
    caller = boto3.client(
        "sts",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        verify=environment["AWS_CA_BUNDLE"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    ).get_caller_identity()
    assert caller["Account"] == "000000000000"
    assert environment["AWS_ACCESS_KEY_ID"] != fleet.server.environment["AWS_ACCESS_KEY_ID"]
    agent.cli("ps", "--all")
    # From the environment, as an SDK would.
    words = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    done = subprocess.run([BIN, "ps"], env={"PATH": "/bin"} | words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    del words["AWS_CA_BUNDLE"]
    done = subprocess.run([BIN, "ps"], env={"PATH": "/bin"} | words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "AWS_CA_BUNDLE" in done.stderr
    refused = agent.cli("join-token", check=False)
    assert refused.returncode == 1 and "server's machine" in refused.stderr


def plain(fleet, host):
    environment = fleet.server.environment
    return boto3.client(
        "ecs",
        endpoint_url=f"http://{host}:{fleet.PORT}",
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"max_attempts": 0}),
    )


def test_plain_http_is_for_the_servers_machine(fleet):
    with pytest.raises(ClientError) as failure:
        plain(fleet, fleet.server_host.address).list_clusters()
    error = failure.value.response
    assert error["Error"]["Code"] == "AccessDeniedException"
    assert f"https://{fleet.server_host.address}:{fleet.PORT}" in error["Error"]["Message"]
    fleet.server.cli("ps")
    # By its own address, too.
    words = {name: value for name, value in fleet.server.environment.items() if name.startswith("AWS_")}
    words["AWS_ENDPOINT_URL"] = f"http://{fleet.server_host.address}:{fleet.PORT}"
    command = [*fleet.server_host.command, BIN, "ps"]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]} | words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


def test_a_link_that_is_cut_is_noticed_and_mended(fleet, tasks):
    zone = fleet.zones[0]
    host, agent = fleet.hosts[zone], fleet.agents[zone]
    task = start_on(tasks, fleet, zone, container("i=0; while :; do echo $i; i=$((i+1)); sleep 0.2; done"))
    task.line("3")
    connected = lambda: fleet.instances()[zone]["agentConnected"]  # noqa: E731
    host.cut()
    cut_at = time.monotonic()
    try:
        eventually("the agent is missed", 3, lambda: not connected())
        assert agent.processes["agent"].poll() is None
    finally:
        host.mend()
    eventually("the agent is back", 30, connected)
    # What its task wrote meanwhile comes, once.
    last = int((time.monotonic() - cut_at) / 0.3)
    task.line(f"^{last}$", seconds=30)
    numbers = [int(line) for line in task.lines()]
    assert numbers == list(range(len(numbers)))
    task.stop()


def test_a_machine_is_thrown_out(fleet, tmp_path):
    """Its key is deleted as IAM deletes one, and says nothing any more: its link ends at once, and no other is let in."""
    iam = fleet.client("iam")
    own = [key["AccessKeyId"] for key in iam.list_access_keys()["AccessKeyMetadata"]]
    assert own == [fleet.server.environment["AWS_ACCESS_KEY_ID"]]
    host = Host(20)
    agent = Wharf(tmp_path, host=host)
    host.plug_in()
    try:
        zone = ["--availability-zone", "us-east-1x", "--name", "thrown-out"]
        process, _ = agent.launch(["agent", "--join", fleet.token(), "--server", fleet.url, *zone])
        assert b"ready" in process.stdout.readline(), agent.log("agent")
        (key,) = iam.list_access_keys(UserName="thrown-out")["AccessKeyMetadata"]
        assert key["AccessKeyId"] == json.loads((agent.data / "endpoint.json").read_text())["access_key_id"]
        connected = lambda: "us-east-1x" in fleet.instances() and fleet.instances()["us-east-1x"]["agentConnected"]
        assert connected()
        iam.delete_access_key(UserName="thrown-out", AccessKeyId=key["AccessKeyId"])
        eventually("its link ends", 1, lambda: not connected())
        eventually("no other is let in", 15, lambda: "UnrecognizedClientException" in agent.log("agent"))
        assert not connected()
        done = agent.cli("ps", check=False)
        assert done.returncode == 1 and "UnrecognizedClientException" in done.stderr
        with pytest.raises(iam.exceptions.NoSuchEntityException):
            iam.list_access_keys(UserName="thrown-out")
    finally:
        agent.kill("agent")
        agent.cli("down")
        left = agent.left_behind()
        host.remove()
    assert left == []
    instance = fleet.instances()["us-east-1x"]["containerInstanceArn"]
    fleet.client("ecs").deregister_container_instance(containerInstance=instance)


def test_up_takes_other_machines_too(fleet, tmp_path):
    """Another Wharf on the same switch, whose own machine runs tasks as well."""
    hosts = Host(21), Host(22)
    (tmp_path / "up").mkdir()
    (tmp_path / "joined").mkdir()
    up = Wharf(tmp_path / "up", listen=f"{hosts[0].address}:4566", host=hosts[0])
    joined = Wharf(tmp_path / "joined", host=hosts[1])
    for host in hosts:
        host.plug_in()
    try:
        up.start(["up", "--attribute", "rack=near", "--auto-scaling-group", "asg-1"])
        token = json.loads(up.cli("join-token", "--output", "json").stdout)
        assert token["server"] == f"https://{hosts[0].address}:4566"
        joined.start(["agent", "--join", token["token"], "--server", token["server"], "--attribute", "rack=far"])
        command = ["ecs", "list-attributes", "--target-type", "container-instance", "--output", "json"]
        aws = [str(pathlib.Path(sys.executable).parent / "aws")]
        listed = {}
        for name in ("rack", "wharf.auto-scaling-group"):
            words = [*hosts[1].command, *aws, *command, "--attribute-name", name]
            done = subprocess.run(words, env=joined.environment, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
            listed[name] = sorted(a["value"] for a in json.loads(done.stdout)["attributes"])
        assert listed == {"rack": ["far", "near"], "wharf.auto-scaling-group": ["asg-1"]}
    finally:
        # The agent that joined ends while its control plane is there.
        for wharf in (joined, up):
            wharf.cli("down", check=False)
            for name in list(wharf.processes):
                wharf.processes.pop(name).wait(timeout=60)
        left = joined.left_behind() + up.left_behind()
        for host in hosts:
            host.remove()
    assert left == []


def test_a_second_agent_in_one_network_namespace_is_refused_and_breaks_nothing(fleet, tasks, tmp_path):
    zone = fleet.zones[1]
    published = container(SERVE, portMappings=[{"containerPort": 80, "hostPort": 8081}])
    task = start_on(tasks, fleet, zone, published, networkMode="bridge")
    task.running()
    fetch = ["busybox", "wget", "-q", "-O", "-", f"http://{fleet.hosts[zone].address}:8081/"]
    eventually("the page", 10, lambda: subprocess.run(fetch, capture_output=True).stdout)
    command = [*fleet.hosts[zone].command, BIN]
    data = ["--data-dir", str(tmp_path / "second")]
    second = subprocess.run(
        [*command, "agent", "--join", fleet.token(), "--server", fleet.url, *data], capture_output=True, text=True, timeout=60
    )
    assert second.returncode == 1 and "another Wharf has its networks" in second.stderr, second.stderr
    down = subprocess.run([*command, "down", *data], capture_output=True, text=True, timeout=60)
    assert down.returncode == 0, down.stderr
    assert subprocess.run(fetch, capture_output=True).stdout
    task.stop()
