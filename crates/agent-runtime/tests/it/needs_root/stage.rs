//! A runtime of its own for each test, on an image of one layer, and the proof that nothing is left of it.

use agent_driver::{
    ContainerSpec, Exit, LogOutput, Networking, Runtime, RuntimeId, SpoolMode, SpoolSpec, TaskSpec,
};
use agent_log::spool::{Reader, Record, Stream};
use agent_runtime::{OciRuntime, OciRuntimeConfig, ShimCommand};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

pub const TASK: &str = "0123456789abcdef0123456789abcdef";
const APPLETS: &str = "cat chroot echo env grep head hostname id ifconfig kill ls mkdir mknod mount od pwd sh sleep stat tail \
                       test touch true ulimit umount unshare wc yes dd chmod ps \
                       chown cut mkfifo readlink rm stty tr tty uniq";

/// Where a test's runtime works; another one can be made on the same place.
#[derive(Clone)]
pub struct Place {
    pub root: PathBuf,
    pub parent: String,
}

pub struct Stage {
    pub runtime: OciRuntime,
    pub place: Place,
}

/// Runs a test on a stage, and then checks that removing its containers leaves nothing.
pub fn play<F: Future<Output = ()>>(name: &str, limits: TaskSpec, test: impl FnOnce(Stage) -> F) {
    assert!(nix::unistd::geteuid().is_root(), "{name} runs real containers: it needs root");
    let temp = tempfile::tempdir().unwrap();
    let parent = format!("wharf-test-{}-{name}", std::process::id());
    let place = Place { root: temp.path().to_owned(), parent };
    make_layer(&place.root.join("layer"));
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        tokio.block_on(async {
            let runtime = place.runtime();
            let task = TaskSpec { id: TASK.to_owned(), ..limits };
            runtime.ensure_task(&task).await.unwrap();
            runtime.ensure_task(&task).await.unwrap();
            test(Stage { runtime, place: place.clone() }).await;
        });
    }));
    let leftovers = tokio.block_on(strike(&place));
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
    assert_eq!(leftovers, Vec::<String>::new());
}

/// Removes everything and lists what is there nevertheless.
async fn strike(place: &Place) -> Vec<String> {
    let runtime = place.runtime();
    for seen in runtime.list().await.unwrap() {
        runtime.remove(&seen.id).await.unwrap();
        runtime.remove(&seen.id).await.unwrap();
    }
    runtime.remove_task(TASK).await.unwrap();
    runtime.remove_task(TASK).await.unwrap();
    let mut left = Vec::new();
    for group in place.groups() {
        let is_group = |entry: &fs::DirEntry| entry.path().is_dir();
        left.extend(fs::read_dir(&group).unwrap().map(Result::unwrap).filter(is_group).map(|e| e.path()));
        fs::remove_dir(&group).unwrap();
    }
    let skeleton = place.root.join("data/.skeleton");
    for path in ["proc", "dev", "sys", "etc/hosts", "etc/hostname", "etc/resolv.conf", "etc"] {
        let path = skeleton.join(path);
        if path.is_dir() { fs::remove_dir(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    fs::remove_dir(skeleton).unwrap();
    for dir in ["state", "data", "logs"] {
        left.extend(fs::read_dir(place.root.join(dir)).into_iter().flatten().map(|e| e.unwrap().path()));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mounts = mounts.lines().filter(|line| line.contains(place.root.to_str().unwrap())).map(str::to_owned);
    left.into_iter().map(|path| path.display().to_string()).chain(mounts).collect()
}

impl Place {
    pub fn runtime(&self) -> OciRuntime {
        OciRuntime::new(OciRuntimeConfig {
            state_dir: self.root.join("state"),
            data_dir: self.root.join("data"),
            shim: ShimCommand { program: env!("CARGO_BIN_EXE_wharf-shim").into(), args: Vec::new() },
            cgroup_parent: self.parent.clone().into(),
            // So that every test has shims that rest.
            silence_ms: 20,
        })
        .unwrap()
    }

    /// The parent group in each hierarchy.
    pub fn groups(&self) -> Vec<PathBuf> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let dirs = mounts
            .lines()
            .filter_map(|line| line.split(' ').nth(1))
            .map(|dir| Path::new(dir).join(&self.parent));
        dirs.filter(|dir| dir.starts_with("/sys/fs/cgroup") && dir.is_dir()).collect()
    }

    pub fn spec(&self, name: &str, args: &[&str]) -> ContainerSpec {
        ContainerSpec {
            id: RuntimeId(format!("{TASK}-{name}")),
            task: TASK.to_owned(),
            layers: vec![self.root.join("layer")],
            args: args.iter().map(|a| (*a).to_owned()).collect(),
            network: Networking { hostname: "harbour".to_owned(), ..Networking::default() },
            log: LogOutput::Spool(SpoolSpec {
                dir: self.root.join("logs").join(name),
                mode: SpoolMode::Blocking { max_bytes: 1 << 20 },
            }),
            ..ContainerSpec::default()
        }
    }

    /// The shim of a container that runs, and its init.
    pub fn pids(&self, id: &RuntimeId) -> (i32, i32) {
        let state = fs::read_to_string(self.root.join("state").join(&id.0).join("state.json")).unwrap();
        let number = |key: &str| -> i32 {
            let (_, rest) = state.split_once(&format!("\"{key}\":")).unwrap();
            rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
        };
        (number("shim"), number("init"))
    }

    pub fn shell(&self, name: &str, script: &str) -> ContainerSpec {
        self.spec(name, &["sh", "-c", script])
    }
}

impl Stage {
    /// Starts a container, waits for its end, and reads what it wrote.
    pub async fn run(&self, spec: ContainerSpec) -> (Exit, String) {
        let (id, dir) = (spec.id.clone(), spool_dir(&spec));
        self.runtime.start(spec).await.unwrap();
        let exit = self.runtime.wait(&id).await.unwrap();
        let (output, ended) = spooled(&dir);
        assert!(ended, "the spool of {id} is still held: {output:?}");
        (exit, output)
    }

    /// What a shell script wrote; it must have succeeded.
    pub async fn output(&self, spec: ContainerSpec) -> String {
        let (exit, output) = self.run(spec).await;
        assert_eq!(exit.code, 0, "{output}");
        output
    }
}

pub fn spool_dir(spec: &ContainerSpec) -> PathBuf {
    let LogOutput::Spool(spool) = &spec.log else { panic!("{:?}", spec.log) };
    spool.dir.clone()
}

pub fn set_spool_mode(spec: &mut ContainerSpec, mode: SpoolMode) {
    let LogOutput::Spool(spool) = &mut spec.log else { panic!("{:?}", spec.log) };
    spool.mode = mode;
}

/// The lines so far, those of standard error with `! ` before them, and whether that is all that its shim wrote.
pub fn spooled(dir: &Path) -> (String, bool) {
    let Ok(mut reader) = Reader::open(dir) else { return (String::new(), false) };
    let mut text = String::new();
    while let Some(record) = reader.next_record().unwrap() {
        match record {
            Record::Line { stream, bytes, .. } => {
                let mark = if stream == Stream::Stderr { "! " } else { "" };
                text += &format!("{mark}{}\n", String::from_utf8_lossy(&bytes));
            }
            Record::Dropped { lines, .. } => text += &format!("{lines} dropped\n"),
            Record::End { .. } => panic!("a container that could be restarted has not ended for good"),
        }
    }
    (text, !reader.has_writer().unwrap())
}

/// Looks again until it is so.
pub fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !so() {
        assert!(Instant::now() < deadline, "not within 10 s: {what}");
        std::thread::yield_now();
    }
}

fn make_layer(layer: &Path) {
    for dir in ["bin", "etc", "tmp", "srv"] {
        fs::create_dir_all(layer.join(dir)).unwrap();
    }
    fs::set_permissions(layer.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
    let copied = Command::new("cp").arg("/bin/busybox").arg(layer.join("bin/busybox")).status().unwrap();
    assert!(copied.success(), "busybox is missing: install the Debian package busybox-static");
    for applet in APPLETS.split_whitespace() {
        symlink("busybox", layer.join("bin").join(applet)).unwrap();
    }
    fs::write(layer.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nweb:x:101:102::/srv:/bin/sh\n").unwrap();
    fs::write(layer.join("etc/group"), "root:x:0:\nweb:x:102:\nlogs:x:7:web\n").unwrap();
    fs::write(layer.join("etc/plain"), "not a program").unwrap();
}
