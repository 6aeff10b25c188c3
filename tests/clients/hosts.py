"""Several machines: each a network namespace with a cable to one switch; and a Wharf whose agents joined from them.

The switch is a bridge in the namespace of the tests themselves, which are a machine on it, too."""

import json
import os
import pathlib
import subprocess

import boto3
from botocore.config import Config

from wharf import Wharf

NETWORK = "10.99.0"
SWITCH = "switch0"
# The machine on which the tests run.
OUTSIDE = f"{NETWORK}.254"


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


class Host:
    """A machine. Its cable can be cut."""

    def __init__(self, number):
        self.number = number
        self.namespace = f"wharf-test-{os.getpid()}-{number}"
        self.cable = f"cable{number}"
        self.address = f"{NETWORK}.{number}"
        # Not `ip netns exec`: that would mount another /sys, and hide the control groups.
        self.command = ["nsenter", f"--net=/run/netns/{self.namespace}", "--"]

    def plug_in(self):
        run("ip", "netns", "add", self.namespace)
        run("ip", "link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        run("ip", "link", "set", self.cable, "master", SWITCH, "up")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")
        self.run("ip", "route", "add", "default", "via", OUTSIDE)

    def remove(self):
        subprocess.run(["ip", "link", "delete", self.cable], capture_output=True)
        subprocess.run(["ip", "netns", "delete", self.namespace], capture_output=True)

    def run(self, *command):
        run(*self.command, *command)

    def cut(self):
        """Nothing passes any more, and nobody is told."""
        run("ip", "link", "set", self.cable, "down")

    def mend(self):
        run("ip", "link", "set", self.cable, "up")


class Fleet:
    """A control plane on a machine of its own, and an agent on each of some others, in a zone each, joined by one token.

    with Fleet(directory, zones=["us-east-1a", "us-east-1b"], images=[archive]) as fleet:
        fleet.client("ecs").list_container_instances()
        fleet.agents["us-east-1b"].kill("agent")
        fleet.hosts["us-east-1b"].cut()
    """

    PORT = 4566

    def __init__(self, directory, zones=("us-east-1a", "us-east-1b", "us-east-1c"), images=(), options=()):
        self.directory = pathlib.Path(directory)
        self.zones, self.images, self.options = zones, images, options
        self.server_host = Host(1)
        self.hosts = {zone: Host(2 + n) for n, zone in enumerate(zones)}
        self.server = Wharf(self._make("server"), ["server"], listen=f"0.0.0.0:{self.PORT}", host=self.server_host)
        self.agents = {}

    def __enter__(self):
        try:
            self._enter()
        except BaseException as failure:
            self.__exit__(type(failure), failure, None)
            raise
        return self

    def _enter(self):
        run("ip", "link", "add", SWITCH, "type", "bridge")
        run("ip", "address", "add", f"{OUTSIDE}/24", "dev", SWITCH)
        run("ip", "link", "set", SWITCH, "up")
        for host in [self.server_host, *self.hosts.values()]:
            host.plug_in()
        self.server.start(["server"])
        token = self.token()
        for zone in self.zones:
            self.join(zone, token)

    def __exit__(self, failure, *_):
        left = []
        try:
            for agent in self.agents.values():
                agent.cli("down", check=not failure)
                process = agent.processes.pop("agent", None)
                assert failure or process is None or process.wait(timeout=60) == 0, agent.log("agent")
                left += [] if failure else agent.left_behind()
            if "server" in self.server.processes:
                self.server.end("server")
        finally:
            for wharf in [*self.agents.values(), self.server]:
                for name in list(wharf.processes):
                    wharf.kill(name)
            for host in [self.server_host, *self.hosts.values()]:
                host.remove()
            subprocess.run(["ip", "link", "delete", SWITCH], capture_output=True)
        assert left == []

    def _make(self, name):
        directory = self.directory / name
        directory.mkdir()
        return directory

    @property
    def url(self):
        """Where every machine reaches the control plane."""
        return f"https://{self.server_host.address}:{self.PORT}"

    def token(self, *options):
        """A new token, and where to join with it."""
        return json.loads(self.server.cli("join-token", "--output", "json", *options).stdout)["token"]

    def join(self, zone, token, url=None, name=None):
        """Starts the agent of a zone's machine, which joins; answers it once it is connected."""
        agent = Wharf(self._make(name or zone), host=self.hosts[zone])
        self.agents[zone] = agent
        for archive in self.images:
            agent.cli("image", "load", str(archive))
        join = ["--join", token, "--server", url or self.url]
        agent.start(["agent", *join, "--availability-zone", zone, *self.options])
        return agent

    def client(self, service):
        """A boto3 client of the administrator, over TLS."""
        environment = self.server.environment
        return boto3.client(
            service,
            endpoint_url=self.url,
            verify=str(self.server.data / "ca.pem"),
            region_name=environment["AWS_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"max_attempts": 0}, inject_host_prefix=False),
        )

    def instances(self):
        """Container instances of the default cluster, by zone."""
        ecs = self.client("ecs")
        arns = ecs.list_container_instances()["containerInstanceArns"]
        described = ecs.describe_container_instances(containerInstances=arns)["containerInstances"] if arns else []
        zone = lambda i: next(a["value"] for a in i["attributes"] if a["name"] == "ecs.availability-zone")
        return {zone(instance): instance for instance in described}

    @property
    def network(self):
        """The default subnets and group, as RunTask takes them."""
        environment = self.server.environment
        subnets, group = environment["WHARF_SUBNETS"].split(","), environment["WHARF_SECURITY_GROUP"]
        return {"awsvpcConfiguration": {"subnets": subnets, "securityGroups": [group]}}
