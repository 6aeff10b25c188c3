"""Images from a real registry, and what a task's network really is: read from inside the container and from the host."""

import json
import socket
import subprocess
import urllib.request

import pytest
from test_boto3 import definition, describe, ecs, messages, run, wait  # noqa: F401
from wharf import eventually


@pytest.fixture(scope="module")
def registry(tmp_path_factory, images):
    """Debian's docker-registry on loopback, with the busybox image pushed by skopeo; answers the image's reference."""
    directory = tmp_path_factory.mktemp("registry")
    # Below those that the kernel gives to connections: nobody else takes it.
    port = 5005
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(directory / "data")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (directory / "config.yml").write_text(json.dumps(config))
    server = subprocess.Popen(["docker-registry", "serve", str(directory / "config.yml")], stderr=subprocess.DEVNULL)
    try:
        eventually("the registry answers", 20, lambda: not socket.socket().connect_ex(("127.0.0.1", port)))
        reference = f"127.0.0.1:{port}/team/app:v1"
        source = f"docker-archive:{images}:docker.io/library/busybox:latest"
        command = ["skopeo", "copy", "--dest-tls-verify=false", "--insecure-policy", source, f"docker://{reference}"]
        subprocess.run(command, check=True, capture_output=True)
        yield reference
    finally:
        server.terminate()
        server.wait()


def test_a_task_pulls_its_image_from_a_registry(ecs, client, network, registry):
    ecs.register_task_definition(**definition("pulled", ["echo", "pulled"], image=registry))
    (arn,) = run(ecs, network, "pulled")
    wait(ecs, "tasks_stopped", arn)
    task = describe(ecs, arn)
    assert (task["containers"][0]["exitCode"], messages(client, arn)) == (0, ["pulled"])
    manifest = f"http://{registry.replace('/team', '/v2/team').replace(':v1', '/manifests/v1')}"
    accept = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
    with urllib.request.urlopen(urllib.request.Request(manifest, headers={"Accept": accept})) as answer:
        assert task["containers"][0]["imageDigest"] == answer.headers["Docker-Content-Digest"]


def test_the_host_reaches_a_task_at_its_private_address(ecs, network):
    ecs.register_task_definition(**definition("served", ["serve"], image="wharf/hello:latest"))
    (arn,) = run(ecs, network, "served")
    wait(ecs, "tasks_running", arn)
    task = describe(ecs, arn)
    address = task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
    answer = eventually("the task answers", 10, lambda: fetch(f"http://{address}/"))
    assert arn.rsplit("/", 1)[1] in answer and address in answer
    ecs.stop_task(cluster="boto3", task=arn)
    wait(ecs, "tasks_stopped", arn)


def fetch(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.read().decode()
    except OSError:
        return None


def test_an_awsvpc_task_has_the_interface_that_describe_tasks_shows(ecs, client, network):
    ecs.register_task_definition(**definition("inside", ["sh", "-c", "ip addr show dev eth0; hostname"]))
    (arn,) = run(ecs, network, "inside")
    wait(ecs, "tasks_stopped", arn)
    details = {d["name"]: d["value"] for d in describe(ecs, arn)["attachments"][0]["details"]}
    seen = "\n".join(messages(client, arn))
    assert f"inet {details['privateIPv4Address']}/20" in seen
    assert f"link/ether {details['macAddress']}" in seen
    assert details["privateDnsName"].split(".")[0] in seen
    assert details["subnetId"] in network["awsvpcConfiguration"]["subnets"]


def test_network_mode_none_has_loopback_alone(client, ecs):
    default = client("ecs")
    request = definition("alone", ["sh", "-c", "ls /sys/class/net"])
    request |= {"networkMode": "none", "requiresCompatibilities": ["EC2"]}
    default.register_task_definition(**request)
    (task,) = default.run_task(cluster="default", taskDefinition="alone", launchType="EC2")["tasks"]
    arn = task["taskArn"]
    wait(default, "tasks_stopped", arn, cluster="default")
    assert messages(client, arn) == ["lo"]


def test_a_container_over_its_memory_is_killed_and_says_so(ecs, network):
    eat = "x=a; while :; do x=$x$x; done"
    ecs.register_task_definition(**definition("hungry", ["sh", "-c", eat], memory=32))
    (arn,) = run(ecs, network, "hungry")
    wait(ecs, "tasks_stopped", arn)
    (container,) = describe(ecs, arn)["containers"]
    assert container["exitCode"] == 137
    assert container["reason"].startswith("OutOfMemoryError: ")


def test_a_task_that_fits_nowhere_is_a_failure_not_a_task(ecs, network):
    request = definition("huge", ["true"]) | {"cpu": "16384", "memory": "122880"}
    ecs.register_task_definition(**request)
    answer = ecs.run_task(cluster="boto3", taskDefinition="huge", launchType="FARGATE", networkConfiguration=network)
    assert answer["tasks"] == []
    assert answer["failures"][0]["reason"].startswith("Capacity is unavailable at this time")
