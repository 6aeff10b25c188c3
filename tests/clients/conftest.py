"""Real clients against a real Wharf. Everything runs in one network namespace of its own (see ./x), as root.

WHARF_RUNTIME=docker runs the tasks on a Docker Engine that the tests start."""

import json
import os
import pathlib
import subprocess
import sys

import boto3
import pytest
from botocore.config import Config

from dockerd import Docker
from tasks import runtime
from wharf import Wharf, busybox_archive, directory, file, link

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXAMPLES = ROOT / "examples"

# What the health check of the examples calls; the image of a user has the real one.
CURL = b"#!/bin/sh\nexec wget -q -O /dev/null http://localhost/health\n"


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """A docker archive of busybox that answers to the names that the tests use."""
    where = tmp_path_factory.mktemp("images")
    subprocess.run(["gcc", "-static", "-O", "-o", str(where / "udp-echo"), str(HERE / "udp_echo.c")], check=True)
    echo = file("bin/udp-echo", (where / "udp-echo").read_bytes(), 0o755)
    return busybox_archive(where / "busybox.tar", ["hello-world:latest", "busybox:latest"], more=[echo])


@pytest.fixture(scope="session")
def more_images(tmp_path_factory):
    """Docker archives of images that say something in their configuration or have something in their files."""
    directory_of = tmp_path_factory.mktemp("images")
    app = [directory("www"), file("www/health", b"well\n"), file("bin/curl", CURL, 0o755)]
    seeded = [
        directory("seeded", 0o750, owner=1234),
        file("seeded/file", b"seed\n", owner=1234),
        
        link("escape", "/../../../../etc"),
    ]
    serve = "trap 'exit 0' TERM; httpd -p 80 -h /www; while :; do usleep 100000; done"
    names = ["my-app:latest", "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-app:latest"]
    return [
        busybox_archive(directory_of / "app.tar", names, {"Cmd": ["sh", "-c", serve]}, app),
        busybox_archive(directory_of / "sidecar.tar", ["sidecar:latest"], {"Cmd": ["sh", "-c", serve.replace("httpd -p 80 -h /www; ", "")]}),
        busybox_archive(directory_of / "seeded.tar", ["seeded:latest"], more=seeded),
        busybox_archive(directory_of / "interrupted.tar", ["interrupted:latest"], {"StopSignal": "SIGINT"}),
    ]


@pytest.fixture(scope="session")
def docker(tmp_path_factory, images, more_images):
    """A Docker Engine with the images, when the tests are to use one."""
    if runtime() != "docker":
        yield None
        return
    with Docker(tmp_path_factory.mktemp("docker")) as docker:
        for archive in [images, *more_images]:
            docker.load(archive)
        yield docker


@pytest.fixture(scope="module")
def wharf(tmp_path_factory, images, more_images, docker):
    """One Wharf for all tests of a file. One at a time: two would want the same bridge."""
    options = ["--runtime", "docker", "--docker-host", docker.address] if docker else []
    with Wharf(tmp_path_factory.mktemp("wharf"), ["up", "--ephemeral", *options]) as wharf:
        if not docker:
            for archive in [images, *more_images]:
                wharf.cli("image", "load", str(archive))
        yield wharf
    assert wharf.left_behind() == []


@pytest.fixture(scope="module")
def aws(wharf):
    """The real `aws` command: aws("ecs", "list-clusters") -> what it printed, decoded."""

    def call(*args, region=None, check=True):
        environment = dict(wharf.environment)
        if region:
            environment |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
        command = [str(pathlib.Path(sys.executable).parent / "aws"), "--output", "json", *args]
        done = subprocess.run(command, env=environment, cwd=EXAMPLES, capture_output=True, text=True, timeout=60)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(args)}: {done.stderr}")
        return (json.loads(done.stdout) if done.stdout.strip() else None) if check else done

    return call


@pytest.fixture(scope="module")
def client(wharf):
    """boto3 clients: client("ecs"), client("logs", region="eu-west-1"), client("ecs", keys=("111122223333", "test"))."""

    def make(service, region=None, keys=None, **options):
        key, secret = keys or (wharf.environment["AWS_ACCESS_KEY_ID"], wharf.environment["AWS_SECRET_ACCESS_KEY"])
        return boto3.client(
            service,
            endpoint_url=wharf.environment["AWS_ENDPOINT_URL"],
            region_name=region or wharf.environment["AWS_REGION"],
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 0}, **options),
        )

    return make


@pytest.fixture(scope="module")
def network(wharf):
    """The default subnets and group, as RunTask takes them."""
    return {
        "awsvpcConfiguration": {
            "subnets": wharf.environment["WHARF_SUBNETS"].split(","),
            "securityGroups": [wharf.environment["WHARF_SECURITY_GROUP"]],
        }
    }


def pytest_configure(config):
    if os.geteuid() != 0:
        raise pytest.UsageError("these tests run real containers: they need root")
