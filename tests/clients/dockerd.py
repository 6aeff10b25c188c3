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
        try:
            eventually("dockerd answers", 60, lambda: self.process.poll() is not None or self.call("version", check=False).returncode == 0)
            assert self.process.poll() is None, (self.where / "dockerd.log").read_text(errors="replace")[-4000:]
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        try:
            left = self.call("ps", "--all", "--quiet").stdout.split()
            if left:
                self.call("rm", "--force", "--volumes", *left)
        finally:
            self.end()

    def end(self):
        """Ends the Engine, and takes away what it leaves mounted: its own network namespace, at the least."""
        self.process.terminate()
        self.process.wait(timeout=120)
        mounts = [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
        for mount in reversed([path for path in mounts if path.startswith(f"{self.where}/")]):
            subprocess.run(["umount", "--lazy", mount], check=True)

    def call(self, *args, check=True):
        return subprocess.run(["docker", "--host", self.address, *args], capture_output=True, text=True, check=check, timeout=60)

    def load(self, archive):
        self.call("load", "--input", str(archive))
