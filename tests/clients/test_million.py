"""`wharf bench million` refuses what would not be a measurement."""

import subprocess

from wharf import BIN


def test_nothing_is_measured_in_memory():
    done = subprocess.run([BIN, "bench", "million", "--scratch", "/dev/shm"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "is in memory" in done.stderr
