"""Starting, killing and inspecting a Wharf process; and the images that tests load."""

import fnmatch
import hashlib
import io
import json
import os
import pathlib
import signal
import subprocess
import tarfile
import time

BIN = os.environ["WHARF_BIN"]
# How many times slower than a quiet machine a busy one may be: no bound is there to measure, only to end what hangs.
SLOWNESS = 4


def eventually(what, seconds, condition):
    """Waits for a condition that a quiet machine fulfils within these seconds; answers what the condition answered."""
    bound = seconds * SLOWNESS
    deadline = time.monotonic() + bound
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {bound} s: {what}")
        time.sleep(0.02)


class Wharf:
    """One Wharf: a data directory and the processes that serve it, on this host or on another one (hosts.py)."""

    def __init__(self, directory, *parts, listen="127.0.0.1:0", host=None):
        self.on_host = host.command if host else []
        self.directory = pathlib.Path(directory)
        self.data = self.directory / "data"
        self.parts = parts or (["up"],)
        self.listen = listen
        self.processes = {}
        self.environment = {}

    def __enter__(self):
        for part in self.parts:
            self.start(part)
        return self

    def __exit__(self, failure, *_):
        codes = {name: self.end(name) for name in list(self.processes)}
        assert failure or not any(codes.values()), f"ended badly: {codes} {[self.log(name) for name in codes]}"

    @property
    def name(self):
        """What this Wharf's run directory and cgroup are called: FNV-1a of the data directory's path."""
        value = 0x811C9DC5
        for byte in str(self.data.resolve()).encode():
            value = (value ^ byte) * 0x01000193 % (1 << 32)
        return f"{value:08x}"

    def find(self, pattern):
        """Files of the data directory by their name; what goes away meanwhile is passed over."""
        walked = [pathlib.Path(directory) / file for directory, _, files in os.walk(self.data) for file in files]
        return sorted(path for path in walked if fnmatch.fnmatch(path.name, pattern))

    def start(self, part):
        """Starts `wharf up`, `wharf server` or `wharf agent` and waits for its ready line."""
        name = part[0]
        process, environment = self.launch(part)
        ready = process.stdout.readline().decode()
        assert "ready" in ready, f"wharf {name} did not become ready: {self.log(name)}"
        if name != "agent" or "--join" in part:
            exports = self.cli("env", "--output", "json").stdout
            self.environment = environment | json.loads(exports) | {"AWS_PAGER": "", "HOME": str(self.directory)}
        if name != "agent":
            # A restart must be found where it was.
            self.listen = self.environment["AWS_ENDPOINT_URL"].removeprefix("http://")

    def launch(self, part):
        """Starts without waiting; answers the process and its environment."""
        name = part[0]
        log = open(self.directory / f"{name}.log", "ab")
        command = [*self.on_host, BIN, *part, "--data-dir", str(self.data)]
        command += ["--listen", self.listen] if name != "agent" else []
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | {"RUST_BACKTRACE": "1"}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment)
        self.processes[name] = process
        return process, environment

    def log(self, name):
        """The end of a part's log, for failures."""
        return (self.directory / f"{name}.log").read_text(errors="replace")[-4000:]

    def kill(self, name):
        """kill -9."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def end(self, name):
        """SIGTERM, and the exit code."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=90)

    def cli(self, *args, check=True, timeout=90):
        """A client command of the binary."""
        command = [*self.on_host, *([BIN, *args, "--data-dir", str(self.data)] if "--" not in args else self._before_dashes(args))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        assert not check or done.returncode == 0, f"wharf {' '.join(args)}: {done.stderr}"
        return done

    def cli_in_region(self, region, *args):
        """A client command with AWS_REGION set."""
        command = [BIN, *args, "--data-dir", str(self.data)]
        environment = os.environ | {"AWS_REGION": region}
        return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True, env=environment)

    def _before_dashes(self, args):
        at = args.index("--")
        return [BIN, *args[:at], "--data-dir", str(self.data), *args[at:]]

    def left_behind(self):
        """Everything on this host that this Wharf made and has not removed: mounts, cgroups, links, rules of the firewall,
        directories, and the processes that keep containers and what they share."""
        run = pathlib.Path("/run/wharf") / self.name
        mounts = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
        found = [line.split()[4] for line in mounts if str(self.data) in line or str(run) in line]
        found += [str(path) for path in self.cgroups()]
        links = json.loads(self._printed("ip", "-j", "link"))
        found += [link["ifname"] for link in links if link["ifname"].startswith("w")]
        found += [line for line in self._printed("nft", "list", "tables").splitlines() if line.endswith(" wharf")]
        found += [line for line in self._printed("iptables", "-S").splitlines() if line.startswith("-A DOCKER-USER") and " wharf-+ " in line]
        found += [str(run)] if run.exists() else []
        return found + [f"shim {pid}" for pid in self.shims()]

    def _printed(self, *command):
        return subprocess.run([*self.on_host, *command], capture_output=True, text=True, check=True).stdout

    def cgroups(self):
        """The groups that hold all tasks of this Wharf, one in each hierarchy."""
        roots = pathlib.Path("/sys/fs/cgroup")
        return [path for path in (roots / f"wharf-{self.name}", *roots.glob(f"*/wharf-{self.name}")) if path.is_dir()]

    def shims(self):
        """Processes that keep a container of this Wharf, or what the containers of a task share."""
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[1:2] == [b"shim"] and self.name.encode() in b" ".join(words):
                yield int(process.name)


APPLETS = (
    "sh echo sleep cat env id hostname ip ps nc wget httpd true false kill mount ls yes head seq trap pwd stat grep touch tty tail cut cp mkdir "
    "wc df readlink tr test rm chmod date nslookup ping stty sort uniq dd mknod usleep setsid expr printf"
)


def directory(name, mode=0o755, owner=0):
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, mode, owner, owner
    return entry, None


def link(name, target):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    return entry, None


def file(name, content, mode=0o644, owner=0):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.uid, entry.gid = len(content), mode, owner, owner
    return entry, content


def busybox_archive(path, names, config=None, more=()):
    """A docker archive of Debian's static busybox with a link for each applet that tests use."""
    passwd = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"
    busybox = pathlib.Path("/bin/busybox").read_bytes()
    entries = [
        *(directory(name) for name in ("bin", "etc")),
        directory("tmp", 0o1777),
        file("bin/busybox", busybox, 0o755),
        *(link(f"bin/{applet}", "busybox") for applet in APPLETS.split()),
        file("etc/passwd", passwd),
        *more,
    ]
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for entry, content in entries:
            tar.addfile(entry, content and io.BytesIO(content))
    layer_bytes = layer.getvalue()
    image = json.dumps(
        {
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine],
            "os": "linux",
            "config": {"Env": ["PATH=/bin"], "Cmd": ["sh"]} | (config or {}),
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer_bytes).hexdigest()]},
        }
    ).encode()
    image_name = hashlib.sha256(image).hexdigest() + ".json"
    manifest = json.dumps([{"Config": image_name, "RepoTags": names, "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(path, "w") as tar:
        for name, content in ((image_name, image), ("layer.tar", layer_bytes), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path
