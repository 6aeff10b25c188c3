//! An Engine of its own for each test, with an image of busybox, and the proof that nothing is left in it.

use agent_docker::{DockerConfig, DockerHost};
use agent_driver::{
    Attached, ContainerSpec, Exit, Image, Images, LogOutput, Network, NetworkError, NetworkSpec, PullPolicy,
    Runtime, RuntimeId, SpoolMode, SpoolSpec, TaskSpec, Volumes,
};
use agent_log::spool::{Reader, Record, Stream};
use async_trait::async_trait;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub const TASK: &str = "0123456789abcdef0123456789abcdef";
const PATIENCE: Duration = Duration::from_secs(60);
const APPLETS: &str = "cat cut date dd df echo env false grep head hostname id ifconfig kill ls mount nc nproc od ps \
                       pwd readlink seq setsid sh sleep sort stat sysctl tail test touch true tr tty ulimit wc yes";

pub struct Stage {
    pub host: DockerHost,
    pub runtime: Arc<dyn Runtime>,
    pub images: Arc<dyn Images>,
    pub volumes: Arc<dyn Volumes>,
    pub network: Arc<dyn Network>,
    pub image: Image,
    pub engine: Engine,
}

/// A dockerd in a network namespace of its own.
pub struct Engine {
    pub root: PathBuf,
    process: Option<Child>,
}

/// Runs a test on a stage, and then checks that tearing it down leaves nothing.
pub fn play<F: Future<Output = Stage>>(name: &str, test: impl FnOnce(Stage) -> F) {
    if Command::new("dockerd").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("{name} was skipped: dockerd is not installed (Debian package docker.io)");
        return;
    }
    assert!(nix::unistd::geteuid().is_root(), "{name} starts a Docker Engine: it needs root");
    let temp = tempfile::tempdir().unwrap();
    let engine = Engine::start(temp.path());
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let left = tokio.block_on(async {
        let stage = Stage::connect(engine).await;
        stage.runtime.ensure_task(&TaskSpec { id: TASK.to_owned(), ..TaskSpec::default() }).await.unwrap();
        test(stage).await.strike().await
    });
    assert_eq!(left, Vec::<String>::new());
}

impl Stage {
    /// As a new agent does.
    pub async fn connect(engine: Engine) -> Self {
        let host = DockerHost::connect(DockerConfig {
            address: engine.address(),
            data_dir: engine.root.join("agent"),
            cgroup_parent: engine.cgroup_parent(),
            dynamic_ports: None,
        });
        let host = host.await.unwrap();
        let images = host.images();
        let image = images.ensure("busybox:test", PullPolicy::Default).await.unwrap();
        let network = host.network(Arc::new(NoNetwork)).unwrap();
        let (runtime, volumes) = (host.runtime(), host.volumes());
        Self { runtime, images, volumes, network, image, engine, host }
    }

    /// As an agent that was killed, and another one that was started.
    pub async fn restart_agent(self) -> Self {
        let Self { host, runtime, images, volumes, network, engine, .. } = self;
        drop((host, runtime, images, volumes, network));
        Self::connect(engine).await
    }

    async fn strike(self) -> Vec<String> {
        self.host.teardown().await.unwrap();
        let mut left =
            self.engine.docker(&["ps", "--all", "--quiet"]).lines().map(str::to_owned).collect::<Vec<_>>();
        left.extend(self.engine.docker(&["volume", "ls", "--quiet"]).lines().map(str::to_owned));
        left.extend(self.engine.groups().iter().map(|group| group.display().to_string()));
        left.extend(self.engine.root.join("agent").exists().then(|| "the data directory".to_owned()));
        left
    }

    pub fn spec(&self, name: &str, args: &[&str]) -> ContainerSpec {
        let dir = self.engine.root.join("spools").join(name);
        ContainerSpec {
            id: RuntimeId(format!("{TASK}-{name}")),
            task: TASK.to_owned(),
            image: self.image.id.clone(),
            args: args.iter().map(|a| (*a).to_owned()).collect(),
            env: vec!["PATH=/bin".to_owned()],
            log: LogOutput::Spool(SpoolSpec { dir, mode: SpoolMode::Blocking { max_bytes: 1 << 20 } }),
            ..ContainerSpec::default()
        }
    }

    pub fn shell(&self, name: &str, script: &str) -> ContainerSpec {
        self.spec(name, &["sh", "-c", script])
    }

    pub fn spooled(&self, name: &str) -> String {
        spooled(&self.engine.root.join("spools").join(name))
    }

    /// Starts a container, waits for its end, and reads what it wrote.
    pub async fn run(&self, spec: ContainerSpec) -> (Exit, String) {
        let id = spec.id.clone();
        let LogOutput::Spool(spool) = spec.log.clone() else { panic!("{id} has no spool") };
        self.runtime.start(spec).await.unwrap();
        let exit = self.runtime.wait(&id).await.unwrap();
        assert!(!Reader::open(&spool.dir).unwrap().has_writer().unwrap(), "more may come");
        (exit, spooled(&spool.dir))
    }

    /// What a shell script wrote; it must have succeeded.
    pub async fn output(&self, spec: ContainerSpec) -> String {
        let (exit, output) = self.run(spec).await;
        assert_eq!(exit.code, 0, "{output}");
        output
    }
}

impl Engine {
    fn start(root: &Path) -> Self {
        let mut engine = Self { root: root.to_owned(), process: None };
        engine.revive();
        let archive = engine.archive();
        let archive = archive.to_str().unwrap();
        engine.docker(&[
            "import",
            "--change",
            "CMD [\"sh\"]",
            "--change",
            "ENV PATH=/bin",
            archive,
            "busybox:test",
        ]);
        engine
    }

    /// Starts dockerd on what an earlier one left.
    pub fn revive(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.root.join("dockerd.log")).unwrap();
        let options = "ip link set lo up && exec dockerd --storage-driver overlay2 --exec-opt native.cgroupdriver=cgroupfs \
                       --data-root $0/data --exec-root $0/exec --pidfile $0/pid --host unix://$0/docker.sock";
        // A dead one's file would be taken for a living one's by its number.
        let _ = fs::remove_file(self.root.join("pid"));
        let child = Command::new("unshare")
            .args(["--net", "sh", "-c", options])
            .arg(&self.root)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.process = Some(child.unwrap());
        eventually("dockerd answers", || self.try_docker(&["version"]).is_some());
    }

    /// Kill -9, of dockerd and of the containerd that it has started.
    pub fn kill(&mut self) {
        let mut child = self.process.take().unwrap();
        let containerd = fs::read_to_string(self.root.join("exec/containerd/containerd.pid")).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let containerd = nix::unistd::Pid::from_raw(containerd.trim().parse().unwrap());
        let _ = nix::sys::signal::kill(containerd, nix::sys::signal::Signal::SIGKILL);
        eventually("containerd is gone", || nix::sys::signal::kill(containerd, None).is_err());
    }

    pub fn address(&self) -> String {
        format!("unix://{}/docker.sock", self.root.display())
    }

    pub fn cgroup_parent(&self) -> String {
        format!("wharf-test-{}", self.root.file_name().unwrap().to_str().unwrap().replace('.', ""))
    }

    /// The tasks' parent group, in each tree that has it.
    fn groups(&self) -> Vec<PathBuf> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let trees = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(Path::new);
        let groups = trees
            .filter(|tree| tree.starts_with("/sys/fs/cgroup"))
            .map(|tree| tree.join(self.cgroup_parent()));
        groups.filter(|group| group.is_dir()).collect()
    }

    pub fn docker(&self, args: &[&str]) -> String {
        self.try_docker(args).unwrap_or_else(|| panic!("docker {args:?}"))
    }

    fn try_docker(&self, args: &[&str]) -> Option<String> {
        let output = Command::new("docker").args(["--host", &self.address()]).args(args).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// What `docker inspect` says of a container or volume.
    pub fn inspect(&self, name: &str, format: &str) -> String {
        self.docker(&["inspect", "--format", format, name]).trim().to_owned()
    }

    /// The network namespace that the Engine is in.
    pub fn inside(&self, command: &[&str]) -> String {
        let pid = self.process.as_ref().unwrap().id().to_string();
        let output =
            Command::new("nsenter").args(["--net", "--target", &pid]).args(command).output().unwrap();
        assert!(output.status.success(), "{command:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The file system of an image.
    fn archive(&self) -> PathBuf {
        let layer = self.root.join("layer");
        for dir in ["bin", "etc", "tmp", "srv/data"] {
            fs::create_dir_all(layer.join(dir)).unwrap();
        }
        let copied = Command::new("cp").arg("/bin/busybox").arg(layer.join("bin/busybox")).status().unwrap();
        assert!(copied.success(), "busybox is missing: install the Debian package busybox-static");
        for applet in APPLETS.split_whitespace() {
            symlink("busybox", layer.join("bin").join(applet)).unwrap();
        }
        fs::write(layer.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nweb:x:101:102::/srv:/bin/sh\n")
            .unwrap();
        fs::write(layer.join("etc/group"), "root:x:0:\nweb:x:102:\n").unwrap();
        fs::write(layer.join("srv/data/seed"), "seed").unwrap();
        let archive = self.root.join("layer.tar");
        let made =
            Command::new("tar").arg("-C").arg(&layer).arg("-cf").arg(&archive).arg(".").status().unwrap();
        assert!(made.success());
        archive
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some(mut child) = self.process.take() else { return };
        if let Some(left) = self.try_docker(&["ps", "--all", "--quiet"]) {
            let left: Vec<_> = left.split_whitespace().collect();
            if !left.is_empty() {
                self.try_docker(&[&["rm", "--force", "--volumes"], &*left].concat());
            }
        }
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = child.wait();
        // One that was killed has left its mounts, and a test that failed its groups.
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        for mount in mounts.lines().filter_map(|line| line.split(' ').nth(1)).rev() {
            if Path::new(mount).starts_with(&self.root) {
                let _ = nix::mount::umount2(mount, nix::mount::MntFlags::MNT_DETACH);
            }
        }
        for group in self.groups() {
            for dir in [group.join(TASK), group] {
                let _ = fs::remove_dir(dir);
            }
        }
    }
}

/// For tests that have no awsvpc.
struct NoNetwork;

#[async_trait]
impl Network for NoNetwork {
    async fn attach(&self, _: &NetworkSpec) -> Result<Attached, NetworkError> {
        Err(NetworkError::Host("no network".to_owned()))
    }

    async fn detach(&self, _: &str) -> Result<(), NetworkError> {
        Ok(())
    }

    async fn list(&self) -> Result<Vec<String>, NetworkError> {
        Ok(Vec::new())
    }
}

/// The lines so far, those of standard error with `! ` before them.
pub fn spooled(dir: &Path) -> String {
    let Ok(mut reader) = Reader::open(dir) else { return String::new() };
    let mut text = String::new();
    while let Some(record) = reader.next_record().unwrap() {
        match record {
            Record::Line { stream, bytes, .. } => {
                let mark = if stream == Stream::Stderr { "! " } else { "" };
                text += &format!("{mark}{}\n", String::from_utf8_lossy(&bytes));
            }
            other => panic!("{other:?}"),
        }
    }
    text
}

/// Looks again until it is so.
pub fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::yield_now();
    }
}
