"""`wharf bench million` in small: the plumbing of what it measures, not its figures."""

import json
import re
import subprocess

from wharf import BIN


def bench(tmp_path, *options):
    command = [BIN, "bench", "million", "--scratch", str(tmp_path), "--output", "json", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return {row["measured"]: row for row in json.loads(done.stdout)}


def test_every_task_is_placed_acknowledged_and_listed_once(tmp_path):
    rows = bench(tmp_path, "--tasks", "2000", "--agents", "50", "--clusters", "2")
    assert rows["tasks that the API lists"]["figure"] == "2000"
    assert rows["tasks that the API lists"]["note"] == "nothing odd"
    placed = rows["tasks placed, durable, acknowledged"]
    assert float(placed["figure"].removesuffix("/s")) > 0
    assert re.search(r"2000 in [0-9.]+ s; gate a million in 100 s: (met|missed)", placed["note"])
    assert re.search(r"gate 0.9: (met|missed)", rows["rate of the last tenth"]["note"])
    assert re.search(r"gate 2 KiB: (met|missed)", rows["memory of the control plane"]["note"])
    assert re.search(r"\(n=200\)", rows["RunTask"]["figure"])
    assert re.search(r"\(n=2000\)", rows["RunTask to acknowledged"]["figure"])
    assert list(tmp_path.iterdir()) == [], "the data directory is removed"


def test_tasks_with_addresses_of_their_own_take_the_same_way(tmp_path):
    rows = bench(tmp_path, "--tasks", "100", "--agents", "50", "--network", "awsvpc")
    assert rows["tasks that the API lists"]["figure"] == "100"


def test_nothing_is_measured_in_memory():
    done = subprocess.run([BIN, "bench", "million", "--scratch", "/dev/shm"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "is in memory" in done.stderr
