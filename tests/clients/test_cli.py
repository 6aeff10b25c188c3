"""The client commands of the binary."""

import json
import subprocess

from wharf import BIN, eventually


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


def status(wharf, task):
    """What `wharf ps` shows of a task: one status, or none."""
    return [row["status"] for row in json.loads(wharf.cli("ps", "--output", "json").stdout) if row["task"] == task]


def test_ps_logs_and_stop(wharf):
    task = wharf.cli("run", "--detach", "busybox", "--", "sh", "-c", "echo ready; trap 'exit 0' TERM; while :; do sleep 0.1; done").stdout.strip()
    eventually("the line", 10, lambda: "ready\n" == wharf.cli("logs", task, check=False).stdout)
    # A line may be there before the agent has said that its container runs.
    eventually("it is shown as running", 10, lambda: status(wharf, task) == ["RUNNING"])
    assert task[:8] in wharf.cli("ps").stdout
    wharf.cli("stop", task[:12], "--reason", "seen enough")
    assert task not in wharf.cli("ps").stdout
    (row,) = [row for row in json.loads(wharf.cli("ps", "--all", "--output", "json").stdout) if row["task"] == task]
    assert (row["status"], row["reason"]) == ("STOPPED", "seen enough")


def test_logs_follow_a_task_to_its_end(wharf):
    task = wharf.cli("run", "--detach", "busybox", "--", "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.3; done").stdout.strip()
    assert wharf.cli("logs", "--follow", task).stdout == "1\n2\n3\n"


def test_images_are_loaded_and_listed(wharf):
    rows = json.loads(wharf.cli("image", "ls", "--output", "json").stdout)
    names = {row["reference"] for row in rows}
    assert any("wharf/hello" in name for name in names)
    assert any("hello-world" in name for name in names)
    refused = wharf.cli("image", "load", "/etc/hostname", check=False)
    assert refused.returncode != 0 and "neither" in refused.stderr


def test_a_reader_that_goes_away_is_no_crash(wharf):
    """As `wharf ... | head -1`: no panic, and the task of `wharf run` is not left to run for nobody."""
    command = ["sh", "-c", "trap 'exit 0' TERM; while :; do echo y; done"]
    run = subprocess.Popen(
        [BIN, "run", "--data-dir", str(wharf.data), "busybox", "--", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert run.stdout.readline() == b"y\n"
    run.stdout.close()
    assert (run.wait(timeout=90), run.stderr.read()) == (141, b"")
    tasks = json.loads(wharf.cli("ps", "--all", "--output", "json").stdout)
    assert [t["status"] for t in tasks if t["reason"] == "nobody reads what wharf run prints"] == ["STOPPED"]
