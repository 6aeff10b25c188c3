"""Starting and ending Wharf itself."""

import json
import resource
import signal
import subprocess

import boto3
from tasks import processes
from test_agent_lost import Runner, instance
from test_cli import status
from test_crash import tasks_of
from wharf import BIN, Wharf, eventually


def test_a_client_command_without_a_wharf_says_what_to_do(tmp_path):
    done = subprocess.run([BIN, "ps", "--data-dir", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 1 and "wharf up" in done.stderr


def test_open_files_are_limited_by_the_hard_limit_alone(tmp_path):
    """A task takes some of Wharf's descriptors; a shell's soft limit of 1,024 would end at some hundreds."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Wharf(tmp_path, ["server"]) as wharf:
        assert resource.prlimit(wharf.processes["server"].pid, resource.RLIMIT_NOFILE) == (hard, hard)


def test_tasks_outlive_wharf_and_down_leaves_nothing(tmp_path, images):
    """SIGTERM leaves tasks running and the next start adopts them; `wharf down` ends everything."""
    with Wharf(tmp_path, ["up"], listen="127.0.0.1:4599") as wharf:
        wharf.cli("image", "load", str(images))
        task = wharf.cli("run", "--detach", "busybox", "--", "sh", "-c", "echo one; sleep 2; echo two; trap 'exit 0' TERM; while :; do sleep 0.1; done").stdout.strip()
        eventually("the first line", 10, lambda: "one\n" == wharf.cli("logs", task, check=False).stdout)
        assert wharf.end("up") == 0
        assert list(wharf.shims()), "the task was stopped with Wharf"
        wharf.start(["up"])
        eventually("the second line", 10, lambda: "one\ntwo\n" == wharf.cli("logs", task, check=False).stdout)
        # Lines may be there before the agent has said that their container runs.
        eventually("it is shown as running", 10, lambda: status(wharf, task) == ["RUNNING"])
        wharf.cli("down")
        assert wharf.processes["up"].wait(timeout=30) == 0
        del wharf.processes["up"]
        assert wharf.left_behind() == []
        # What was stopped by `down` is known as stopped, not forgotten.
        wharf.start(["up"])
        (row,) = json.loads(wharf.cli("ps", "--all", "--output", "json").stdout)
        assert (row["task"], row["status"]) == (task, "STOPPED")
        wharf.cli("down")
        wharf.processes.pop("up").wait(timeout=30)


def test_orphans_end_with_wharf_down(tmp_path, images):
    with Wharf(tmp_path, ["up"], listen="127.0.0.1:4580") as wharf:
        wharf.cli("image", "load", str(images))
        tasks = tasks_of(wharf)
        runner = Runner(tasks)
        tasks.ecs.deregister_container_instance(containerInstance=instance(tasks.ecs)["containerInstanceArn"], force=True)
        eventually("the agent says so", 10, lambda: "the container instance was deregistered" in wharf.log("up"))
        assert len(processes(runner.marker)) == 1
        wharf.cli("down")
        assert wharf.processes.pop("up").wait(timeout=60) == 0, wharf.log("up")
        assert (processes(runner.marker), wharf.left_behind()) == ([], [])


def test_ephemeral_leaves_nothing(tmp_path):
    with Wharf(tmp_path, ["up", "--ephemeral"]) as wharf:
        wharf.cli("run", "--detach", "wharf/hello", "--", "sleep", "60")
        process = wharf.processes.pop("up")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert wharf.left_behind() == []
        assert not wharf.data.exists()


def test_ephemeral_takes_no_directory_that_is_used(tmp_path):
    (tmp_path / "precious").write_text("keep me")
    command = [BIN, "up", "--ephemeral", "--data-dir", str(tmp_path), "--listen", "127.0.0.1:0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "not empty" in done.stderr
    assert (tmp_path / "precious").exists()


def test_two_wharfs_do_not_share_a_directory(tmp_path):
    with Wharf(tmp_path, ["server"]) as wharf:
        second = subprocess.run([BIN, "server", "--data-dir", str(wharf.data)], capture_output=True, text=True)
        assert second.returncode == 1 and "already uses" in second.stderr


def test_the_region_is_that_of_the_first_start(tmp_path):
    with Wharf(tmp_path, ["server", "--region", "eu-west-1"]) as wharf:
        assert wharf.environment["AWS_REGION"] == "eu-west-1"
        wharf.end("server")
        command = [BIN, "server", "--data-dir", str(wharf.data), "--listen", "127.0.0.1:0", "--region", "us-east-1"]
        other = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert other.returncode == 1 and "eu-west-1" in other.stderr


def test_a_server_on_all_addresses_tells_each_agent_the_one_at_which_it_calls(tmp_path):
    with Wharf(tmp_path, ["server"], listen="0.0.0.0:0") as wharf:
        # What clients on this host are told, and where its own agent calls.
        assert wharf.listen.startswith("127.0.0.1:")
        wharf.start(["agent"])
        assert wharf.cli("run", "wharf/hello", "--", "echo", "there").stdout == "there\n"
        keys = {name.lower(): wharf.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        for host in ("127.0.0.1", "127.0.0.2", "localhost"):
            url = f"http://{host}:{wharf.listen.rsplit(':')[1]}"
            ecs = boto3.client("ecs", endpoint_url=url, region_name=wharf.environment["AWS_REGION"], **keys)
            answer = ecs.discover_poll_endpoint()
            assert (answer["endpoint"], answer["telemetryEndpoint"]) == (f"{url}/acs", f"{url}/tcs")
        wharf.end("agent")
        wharf.end("server")
        wharf.cli("down")
        assert wharf.left_behind() == []


def test_local_keys_are_trusted_on_loopback_alone(tmp_path):
    command = [BIN, "server", "--data-dir", str(tmp_path), "--listen", "0.0.0.0:0", "--trust-local-keys"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "loopback" in done.stderr
