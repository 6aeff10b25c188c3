"""The command line of the binary itself."""

import json
import signal
import subprocess

from wharf import BIN, Wharf, eventually


def test_run_prints_the_logs_and_returns_the_exit_code(wharf):
    done = wharf.cli("run", "wharf/hello", "--", "echo", "hi there")
    assert done.stdout == "hi there\n"
    assert wharf.cli("run", "wharf/hello", "--", "false", check=False).returncode == 1
    failed = wharf.cli("run", "busybox", "--env", "CODE=42", "--", "sh", "-c", "echo $CODE; exit $CODE", check=False)
    assert (failed.stdout, failed.returncode) == ("42\n", 42)


def test_run_says_why_a_container_never_ran(wharf):
    done = wharf.cli("run", "busybox", "--", "/no/such/program", check=False)
    assert done.returncode == 1
    assert "CannotStartContainerError" in done.stderr


def test_ps_logs_and_stop(wharf):
    task = wharf.cli("run", "--detach", "busybox", "--", "sh", "-c", "echo ready; sleep 60").stdout.strip()
    eventually("the line", 10, lambda: "ready\n" == wharf.cli("logs", task, check=False).stdout)
    rows = json.loads(wharf.cli("ps", "--output", "json").stdout)
    assert [row["status"] for row in rows if row["task"] == task] == ["RUNNING"]
    assert task[:8] in wharf.cli("ps").stdout
    wharf.cli("stop", task[:12], "--reason", "seen enough")
    assert task not in wharf.cli("ps").stdout
    (row,) = [row for row in json.loads(wharf.cli("ps", "--all", "--output", "json").stdout) if row["task"] == task]
    assert (row["status"], row["reason"]) == ("STOPPED", "seen enough")


def test_images_are_loaded_and_listed(wharf):
    rows = json.loads(wharf.cli("image", "ls", "--output", "json").stdout)
    names = {row["reference"] for row in rows}
    assert any("wharf/hello" in name for name in names)
    assert any("hello-world" in name for name in names)
    refused = wharf.cli("image", "load", "/etc/hostname", check=False)
    assert refused.returncode != 0 and "neither" in refused.stderr


def test_a_client_command_without_a_wharf_says_what_to_do(tmp_path):
    done = subprocess.run([BIN, "ps", "--data-dir", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 1 and "wharf up" in done.stderr


def test_tasks_outlive_wharf_and_down_leaves_nothing(tmp_path, images):
    """SIGTERM leaves tasks running and the next start adopts them; `wharf down` ends everything."""
    with Wharf(tmp_path, ["up"], listen="127.0.0.1:4599") as wharf:
        wharf.cli("image", "load", str(images))
        task = wharf.cli("run", "--detach", "busybox", "--", "sh", "-c", "echo one; sleep 2; echo two; exec sleep 60").stdout.strip()
        eventually("the first line", 10, lambda: "one\n" == wharf.cli("logs", task, check=False).stdout)
        assert wharf.end("up") == 0
        assert any("shim" in line for line in wharf.left_behind()), "the task was stopped with Wharf"
        wharf.start(["up"])
        eventually("the second line", 10, lambda: "one\ntwo\n" == wharf.cli("logs", task, check=False).stdout)
        (row,) = json.loads(wharf.cli("ps", "--output", "json").stdout)
        assert (row["task"], row["status"]) == (task, "RUNNING")
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


def test_ephemeral_leaves_nothing(tmp_path):
    with Wharf(tmp_path, ["up", "--ephemeral"]) as wharf:
        wharf.cli("run", "--detach", "wharf/hello", "--", "sleep", "60")
        process = wharf.processes.pop("up")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert wharf.left_behind() == []
        assert not wharf.data.exists()


def test_two_wharfs_do_not_share_a_directory(tmp_path):
    with Wharf(tmp_path, ["server"]) as wharf:
        second = subprocess.run([BIN, "server", "--data-dir", str(wharf.data)], capture_output=True, text=True)
        assert second.returncode == 1 and "already uses" in second.stderr


def test_local_keys_are_trusted_on_loopback_alone(tmp_path):
    command = [BIN, "server", "--data-dir", str(tmp_path), "--listen", "0.0.0.0:0", "--trust-local-keys"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "loopback" in done.stderr
