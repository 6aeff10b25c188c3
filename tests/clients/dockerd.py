"""A Docker Engine of the tests' own."""

import pathlib
import subprocess

from wharf import eventually


class Docker:
    """dockerd with a data directory, a socket and a bridge of its own."""

    def __init__(self, where):
        self.where = pathlib.Path(where)
        self.address = f"unix://{self.where}/docker.sock"

    def __enter__(self):
        options = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
        command = ["dockerd", "--host", self.address, "--storage-driver", "overlay2"]
        command += [word for name, path in options.items() for word in (f"--{name}", str(self.where / path))]
        self.log = open(self.where / "dockerd.log", "wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT)
        eventually("dockerd answers", 60, lambda: self.process.poll() is None and self.call("version", check=False).returncode == 0)
        return self

    def __exit__(self, *_):
        left = self.call("ps", "--all", "--quiet").stdout.split()
        if left:
            self.call("rm", "--force", "--volumes", *left)
        self.process.terminate()
        self.process.wait(timeout=60)
        # The Engine leaves its own network namespace bound.
        mounts = [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
        for mount in reversed([path for path in mounts if path.startswith(str(self.where))]):
            subprocess.run(["umount", "--lazy", mount], check=True)

    def call(self, *args, check=True):
        return subprocess.run(["docker", "--host", self.address, *args], capture_output=True, text=True, check=check, timeout=60)

    def load(self, archive):
        self.call("load", "--input", str(archive))
