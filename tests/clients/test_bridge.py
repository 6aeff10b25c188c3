"""Network mode bridge: ports of the host, links, names; as a client outside and a container inside see them."""

import socket
import urllib.request

import pytest
from tasks import Tasks, container
from wharf import eventually

SERVE = "mkdir -p /www && echo hello from $(hostname) > /www/index.html && exec httpd -f -p 80 -h /www"


@pytest.fixture(scope="module")
def tasks(client, network):
    return Tasks(client, network)


def fetch(address, port):
    try:
        with urllib.request.urlopen(f"http://{address}:{port}/", timeout=2) as answer:
            return answer.read().decode()
    except OSError:
        return None


def served(port, address="127.0.0.1"):
    return eventually(f"{address}:{port} answers", 10, lambda: fetch(address, port))


def refused(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def bindings(task, name="main"):
    return task.container(name)["networkBindings"]


def test_a_static_port(tasks):
    task = tasks.run(container(SERVE, portMappings=[{"containerPort": 80, "hostPort": 8088}]), networkMode="bridge")
    task.running()
    assert served(8088).startswith("hello")
    (binding,) = bindings(task)
    assert binding == {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 8088, "protocol": "tcp"}
    task.stop()
    assert refused(8088)


def test_dynamic_ports_are_different_and_in_the_ephemeral_range(tasks):
    definition = tasks.define(container(SERVE, portMappings=[{"containerPort": 80}]), networkMode="bridge")
    both = [tasks.run(definition=definition) for _ in range(2)]
    for task in both:
        task.running()
    ports = [bindings(task)[0]["hostPort"] for task in both]
    assert len(set(ports)) == 2 and all(32768 <= port <= 65535 for port in ports)
    answers = [served(port) for port in ports]
    assert answers[0] != answers[1], "each port leads to its own container"
    for task in both:
        task.stop()
    assert all(refused(port) for port in ports)


def test_a_range_of_ports(tasks):
    script = "for p in 7001 7002; do (while :; do echo port $p | nc -l -p $p; done) & done; wait"
    task = tasks.run(container(script, portMappings=[{"containerPortRange": "7001-7002"}]), networkMode="bridge")
    task.running()
    (binding,) = bindings(task)
    assert binding["containerPortRange"] == "7001-7002"
    first, last = map(int, binding["hostPortRange"].split("-"))
    assert last == first + 1

    def says(port):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
                return connection.recv(64).decode()
        except OSError:
            return None

    assert eventually("the first port", 10, lambda: says(first)) == "port 7001\n"
    assert eventually("the last port", 10, lambda: says(last)) == "port 7002\n"
    task.stop()


def test_udp(tasks):
    task = tasks.run(container("exec udp-echo 5353", portMappings=[{"containerPort": 5353, "hostPort": 5399, "protocol": "udp"}]), networkMode="bridge")
    task.running()
    assert bindings(task)[0]["protocol"] == "udp"

    def echoed():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.5)
            client.sendto(b"ping", ("127.0.0.1", 5399))
            try:
                return client.recv(64)
            except OSError:
                return None

    assert eventually("an answer", 10, echoed) == b"ping"
    task.stop()


def test_links_are_names_of_containers(tasks):
    server = container(SERVE, name="server", portMappings=[{"containerPort": 80}])
    script = "until wget -q -O - http://web/; do usleep 100000; done"
    task = tasks.run(server, container(script, links=["server:web"]), networkMode="bridge")
    stopped = task.stopped()
    assert task.container()["exitCode"] == 0, stopped
    assert task.lines()[-1].startswith("hello from")


def test_a_container_reaches_a_published_port_by_the_hosts_address(tasks):
    server = tasks.run(container(SERVE, portMappings=[{"containerPort": 80, "hostPort": 8089}]), networkMode="bridge")
    server.running()
    served(8089)
    script = "host=$(ip route | grep default | cut -d ' ' -f 3); wget -q -O - http://$host:8089/"
    assert tasks.lines(script, network_mode="bridge")[0].startswith("hello from")
    server.stop()


def test_host_mode_uses_the_hosts_ports(tasks):
    task = tasks.run(container(SERVE.replace("-p 80 ", "-p 8090 "), portMappings=[{"containerPort": 8090}]), networkMode="host")
    task.running()
    assert served(8090).startswith("hello")
    assert bindings(task) == [], "nothing is bound: the container has the host's own ports"
    task.stop()


def test_containers_of_a_bridge_task_have_networks_of_their_own(tasks):
    see = "ip -o -4 addr show dev eth0; readlink /proc/self/ns/net"
    task = tasks.run(container(see), container(see, name="other"), networkMode="bridge")
    task.stopped()
    mine, others = task.lines(), task.lines("other")
    assert mine[0].split()[3] != others[0].split()[3] and mine[1] != others[1]
