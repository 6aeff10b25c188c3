"""Volumes, read from inside the containers and on the host."""

import os

import pytest
from botocore.exceptions import ClientError
from tasks import Tasks, container
from wharf import eventually


@pytest.fixture(scope="module")
def tasks(client, network):
    return Tasks(client, network)


def mount(path, volume="v", **more):
    return {"mountPoints": [{"sourceVolume": volume, "containerPath": path, **more}]}


def two(first, second, volumes, first_members, second_members):
    """A container that runs to its end, and one that runs after it."""
    after = {"dependsOn": [{"containerName": "first", "condition": "COMPLETE"}]}
    return container(first, name="first", essential=False, **first_members), container(second, **after, **second_members), {"volumes": volumes}


def run_two(tasks, *args):
    first, second, members = two(*args)
    task = tasks.run(first, second, networkMode="none", **members)
    stopped = task.stopped()
    assert [c.get("exitCode") for c in stopped["containers"]] == [0, 0], (stopped, task.lines("first"), task.lines())
    return task.lines()


def left(wharf, name):
    """Files of this name that Wharf keeps anywhere. What is being removed meanwhile is no concern."""
    return [name for _, _, files in os.walk(wharf.data) if name in files]


def test_a_directory_of_the_host(tasks, tmp_path):
    (tmp_path / "in").write_text("from the host")
    volumes = [{"name": "v", "host": {"sourcePath": str(tmp_path)}}]
    assert tasks.lines("cat /data/in; echo back > /data/out", task={"volumes": volumes}, **mount("/data")) == ["from the host"]
    assert (tmp_path / "out").read_text() == "back\n"


def test_a_directory_of_the_host_that_is_missing_is_made(tasks, tmp_path):
    volumes = [{"name": "v", "host": {"sourcePath": str(tmp_path / "new/deep")}}]
    tasks.lines("echo x > /data/x", task={"volumes": volumes}, **mount("/data"))
    assert (tmp_path / "new/deep/x").exists()


def test_a_read_only_mount(tasks, tmp_path):
    volumes = [{"name": "v", "host": {"sourcePath": str(tmp_path)}}]
    seen = tasks.lines("echo x > /data/x || echo refused", task={"volumes": volumes}, **mount("/data", readOnly=True))
    assert "refused" in seen and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "source",
    [{}, {"host": {}}, {"dockerVolumeConfiguration": {"scope": "task", "driver": "local", "labels": {"a": "b"}}}],
    ids=["nothing", "host", "docker"],
)
def test_a_volume_of_the_task_is_shared_by_its_containers_and_gone_with_it(tasks, wharf, source):
    seen = run_two(tasks, "echo shared > /a/passed-on", "cat /b/passed-on; ls -ld /b", [{"name": "v", **source}], mount("/a"), mount("/b"))
    assert seen[0] == "shared"
    assert seen[1].startswith("drwxr-xr-x") and " root " in seen[1]
    eventually("its files are gone", 10, lambda: not left(wharf, "passed-on"))


def test_a_new_volume_gets_what_the_image_has_there(tasks):
    # /seeded belongs to 1234:1234 with mode 0750 in the image, and holds a file.
    seen = tasks.lines("cat /seeded/file; stat -c '%u %g %a' /seeded", image="seeded:latest", task={"volumes": [{"name": "v"}]}, **mount("/seeded"))
    assert seen == ["seed", "1234 1234 750"]


def test_volumes_from(tasks):
    first = mount("/a")
    second = {"volumesFrom": [{"sourceContainer": "first", "readOnly": True}]}
    seen = run_two(tasks, "echo shared > /a/file", "cat /a/file; echo x > /a/x || echo refused", [{"name": "v"}], first, second)
    assert "shared" in seen and "refused" in seen


def test_a_shared_docker_volume_outlives_its_task(tasks):
    shared = {"scope": "shared", "autoprovision": True, "driver": "local"}
    volumes = [{"name": "kept", "dockerVolumeConfiguration": shared}]
    tasks.lines("echo kept > /data/file", task={"volumes": volumes}, **mount("/data", "kept"))
    assert tasks.lines("cat /data/file", task={"volumes": volumes}, **mount("/data", "kept")) == ["kept"]


def test_a_shared_docker_volume_that_is_missing_and_not_to_be_made_stops_the_task(tasks):
    volumes = [{"name": "missing", "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": False}}]
    stopped = tasks.run(container("true", **mount("/data", "missing")), networkMode="none", volumes=volumes).stopped()
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert "missing" in stopped["stoppedReason"] + str(stopped["containers"][0].get("reason"))


def test_options_of_the_local_driver(tasks):
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=8m"}
    volumes = [{"name": "v", "dockerVolumeConfiguration": {"scope": "task", "driver": "local", "driverOpts": options}}]
    (line,) = tasks.lines("grep ' /data ' /proc/mounts", task={"volumes": volumes}, **mount("/data"))
    assert line.startswith("tmpfs /data tmpfs") and "size=8192k" in line


def test_a_mount_never_leaves_the_containers_root(tasks, tmp_path):
    # /escape is a link to /../../../../etc in the image.
    volumes = [{"name": "v", "host": {"sourcePath": str(tmp_path)}}]
    (tmp_path / "mark").write_text("mine")
    assert tasks.lines("cat /etc/deep/mark", image="seeded:latest", task={"volumes": volumes}, **mount("/escape/deep")) == ["mine"]
    assert not os.path.exists("/etc/deep")


@pytest.mark.parametrize(
    ("volumes", "members", "said"),
    [
        ([], mount("/data", "nowhere"), "nowhere"),
        ([{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}], mount("/data"), "efsVolumeConfiguration"),
        ([{"name": "v", "dockerVolumeConfiguration": {"scope": "task", "autoprovision": True}}], mount("/data"), "utoprovision"),
        ([{"name": "v", "dockerVolumeConfiguration": {"driver": "rexray/ebs"}}], mount("/data"), "driver"),
        ([], {"volumesFrom": [{"sourceContainer": "nobody"}]}, "nobody"),
    ],
    ids=["unknown volume", "EFS", "autoprovision of a task's", "driver", "unknown container"],
)
def test_what_is_not_honoured_is_refused_by_name(tasks, volumes, members, said):
    with pytest.raises(ClientError) as refused:
        tasks.define(container("true", **members), volumes=volumes)
    assert refused.value.response["Error"]["Code"] in ("ClientException", "InvalidParameterException")
    assert said in refused.value.response["Error"]["Message"]


def test_nothing_of_a_tasks_volumes_is_left(tasks, wharf):
    names = ["one", "two"]
    points = [{"sourceVolume": name, "containerPath": f"/{name}"} for name in names]
    volumes = [{"name": name} for name in names]
    tasks.lines("echo x > /one/left; echo x > /two/left", task={"volumes": volumes}, mountPoints=points)
    eventually("they are gone", 10, lambda: not left(wharf, "left"))
