//! Control groups of tasks. The Engine puts the containers' own groups below them.
//!
//! Under the Engine's cgroupfs driver they are directories that are made here; under its systemd driver, slices whose
//! properties systemd is told. Only CPU and memory are limited for a task as a whole
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#task_size>).

use agent_driver::TaskSpec;
use bollard::models::{SystemInfo, SystemInfoCgroupDriverEnum};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The kernel's and Docker's default, in microseconds.
const CPU_PERIOD_US: u64 = 100_000;
/// The kernel refuses less.
const CPU_QUOTA_US_MIN: u64 = 1_000;
/// How long processes that were killed may take to leave a group.
const PATIENCE: Duration = Duration::from_secs(10);
const RECHECK: Duration = Duration::from_millis(10);

/// Where tasks' groups are, and who makes them.
#[derive(Clone, Debug)]
pub(crate) struct TaskGroups {
    parent: String,
    maker: Maker,
}

#[derive(Clone, Debug)]
enum Maker {
    /// Version 1: trees by controller, and the one of version 2 beside them.
    V1(Vec<Tree>),
    /// Version 2: where its tree is mounted.
    V2(PathBuf),
    Systemd,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Tree {
    mount: PathBuf,
    controllers: Vec<String>,
}

impl TaskGroups {
    /// As the Engine has them.
    pub(crate) fn of(info: &SystemInfo, parent: &str) -> io::Result<Self> {
        let maker = match info.cgroup_driver {
            Some(SystemInfoCgroupDriverEnum::SYSTEMD) => Maker::Systemd,
            _ => Maker::parse(&fs::read_to_string("/proc/self/mountinfo")?),
        };
        Ok(Self { parent: parent.trim_matches('/').to_owned(), maker })
    }

    /// What a container's `CgroupParent` is.
    pub(crate) fn of_task(&self, task: &str) -> String {
        match self.maker {
            Maker::Systemd => self.slice(task),
            _ => format!("/{}/{task}", self.parent),
        }
    }

    /// Makes a task's group with its limits. Blocks. Idempotent.
    pub(crate) fn ensure(&self, task: &TaskSpec) -> io::Result<()> {
        let below = Path::new(&self.parent).join(&task.id);
        match &self.maker {
            Maker::V1(trees) => trees.iter().try_for_each(|tree| ensure_v1(tree, &below, task)),
            Maker::V2(mount) => ensure_v2(mount, &below, task),
            Maker::Systemd => {
                let properties = properties(task);
                match properties.is_empty() {
                    true => Ok(()),
                    false => systemctl(
                        &[
                            &["set-property", "--runtime", &self.slice(&task.id)],
                            &*properties.iter().map(String::as_str).collect::<Vec<_>>(),
                        ]
                        .concat(),
                    ),
                }
            }
        }
    }

    /// Removes a task's group, which has no process any more. Blocks. Idempotent.
    pub(crate) fn remove(&self, task: &str) -> io::Result<()> {
        if let Maker::Systemd = self.maker {
            let slice = self.slice(task);
            // One that systemd does not know has nothing to stop.
            let _ = systemctl(&["stop", &slice]);
            return systemctl(&["revert", &slice]);
        }
        self.remove_below(&Path::new(&self.parent).join(task))
    }

    /// Removes the group that the tasks' groups were in.
    pub(crate) fn remove_parent(&self) -> io::Result<()> {
        self.remove_below(Path::new(&self.parent))
    }

    fn remove_below(&self, group: &Path) -> io::Result<()> {
        let mounts = match &self.maker {
            Maker::V1(trees) => trees.iter().map(|tree| tree.mount.clone()).collect(),
            Maker::V2(mount) => vec![mount.clone()],
            Maker::Systemd => Vec::new(),
        };
        let deadline = Instant::now() + PATIENCE;
        for dir in mounts.into_iter().map(|mount| mount.join(group)) {
            while let Err(error) = remove_tree(&dir) {
                if error.kind() != ErrorKind::ResourceBusy || Instant::now() > deadline {
                    return Err(naming(&dir, error));
                }
                sleep(RECHECK);
            }
        }
        Ok(())
    }

    /// Hyphens nest slices, and none is wanted within a task's id.
    fn slice(&self, task: &str) -> String {
        format!("{}-{}.slice", self.parent.replace(['/', '-'], "_"), task.replace('-', "_"))
    }
}

impl Maker {
    fn parse(mountinfo: &str) -> Self {
        let mut v1: Vec<Tree> = Vec::new();
        let mut v2 = None;
        for line in mountinfo.lines() {
            let Some((left, right)) = line.split_once(" - ") else { continue };
            let Some(mount) = left.split(' ').nth(4).map(PathBuf::from) else { continue };
            let mut right = right.split(' ');
            match right.next() {
                Some("cgroup") => {
                    let options = right.nth(1).unwrap_or_default();
                    let tree = Tree { mount, controllers: options.split(',').map(str::to_owned).collect() };
                    if !v1.iter().any(|other| other.controllers == tree.controllers) {
                        v1.push(tree);
                    }
                }
                Some("cgroup2") if v2.is_none() => v2 = Some(mount),
                _ => {}
            }
        }
        match v2 {
            Some(mount) if v1.is_empty() => Self::V2(mount),
            v2 => {
                // The Engine makes groups there too, but no controller is in it.
                v1.extend(v2.map(|mount| Tree { mount, controllers: Vec::new() }));
                Self::V1(v1)
            }
        }
    }
}

fn ensure_v1(tree: &Tree, group: &Path, task: &TaskSpec) -> io::Result<()> {
    let has = |controller: &str| tree.controllers.iter().any(|c| c == controller);
    // The Engine makes the others when it makes a container, and fills the new cpusets.
    if !has("cpu") && !has("memory") {
        return Ok(());
    }
    let dir = tree.mount.join(group);
    fs::create_dir_all(&dir).map_err(|e| naming(&dir, e))?;
    if let Some(units) = task.cpu_units.filter(|_| has("cpu")) {
        set(&dir, "cpu.cfs_period_us", CPU_PERIOD_US)?;
        set(&dir, "cpu.cfs_quota_us", quota_us(units))?;
    }
    if let Some(mib) = task.memory_mib.filter(|_| has("memory")) {
        // Before Linux 5.11 a parent's limit bound its children only when it was told to.
        let _ = set(&dir, "memory.use_hierarchy", 1);
        set(&dir, "memory.limit_in_bytes", bytes(mib))?;
        // Not there without swap accounting.
        let _ = set(&dir, "memory.memsw.limit_in_bytes", 2 * bytes(mib));
    }
    Ok(())
}

fn ensure_v2(mount: &Path, group: &Path, task: &TaskSpec) -> io::Result<()> {
    let mut dir = mount.to_owned();
    for component in group.components() {
        // What cannot be delegated shows where a limit is set.
        for controller in ["+cpu", "+memory", "+pids"] {
            let _ = fs::write(dir.join("cgroup.subtree_control"), controller);
        }
        dir.push(component);
        fs::create_dir_all(&dir).map_err(|e| naming(&dir, e))?;
    }
    if let Some(units) = task.cpu_units {
        set(&dir, "cpu.max", format!("{} {CPU_PERIOD_US}", quota_us(units)))?;
    }
    if let Some(mib) = task.memory_mib {
        set(&dir, "memory.max", bytes(mib))?;
        let _ = set(&dir, "memory.swap.max", bytes(mib));
    }
    Ok(())
}

/// A slice's limits in systemd's words.
fn properties(task: &TaskSpec) -> Vec<String> {
    let cpu = task.cpu_units.map(|units| {
        let percent = quota_us(units) as f64 * 100.0 / CPU_PERIOD_US as f64;
        format!("CPUQuota={percent:.2}%")
    });
    let memory = task
        .memory_mib
        .map(|mib| [format!("MemoryMax={}", bytes(mib)), format!("MemorySwapMax={}", bytes(mib))]);
    cpu.into_iter().chain(memory.into_iter().flatten()).collect()
}

fn systemctl(args: &[&str]) -> io::Result<()> {
    let output = Command::new("systemctl").args(args).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}

/// 1024 units are one core.
fn quota_us(units: u32) -> u64 {
    (u64::from(units) * CPU_PERIOD_US / 1024).max(CPU_QUOTA_US_MIN)
}

fn bytes(mib: u32) -> u64 {
    u64::from(mib) << 20
}

fn set(dir: &Path, file: &str, value: impl ToString) -> io::Result<()> {
    let path = dir.join(file);
    fs::write(&path, value.to_string()).map_err(|e| naming(&path, e))
}

fn remove_tree(dir: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path())?;
        }
    }
    match fs::remove_dir(dir) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn naming(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The processes in the groups of a process, itself among them.
pub(crate) fn neighbours(pid: i64) -> io::Result<Vec<i32>> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let mounted = Maker::parse(&fs::read_to_string("/proc/self/mountinfo")?);
    let dir = groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, group) = (fields.next()?, fields.next()?.trim_start_matches('/'));
        let mount = match &mounted {
            Maker::V1(trees) => {
                &trees
                    .iter()
                    .find(|t| controllers == "pids" && t.controllers.iter().any(|c| c == "pids"))?
                    .mount
            }
            Maker::V2(mount) if controllers.is_empty() => mount,
            _ => return None,
        };
        Some(mount.join(group))
    });
    let dir = dir.ok_or_else(|| io::Error::other("the process is in no control group"))?;
    let text = fs::read_to_string(dir.join("cgroup.procs"))?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(cpu_units: u32, memory_mib: u32) -> TaskSpec {
        TaskSpec {
            id: "a-1".to_owned(),
            cpu_units: Some(cpu_units),
            memory_mib: Some(memory_mib),
            ..TaskSpec::default()
        }
    }

    #[test]
    fn slices_are_named_and_limited_in_systemds_words() {
        let groups = TaskGroups { parent: "wharf".to_owned(), maker: Maker::Systemd };
        assert_eq!(groups.of_task("a-1"), "wharf-a_1.slice");
        assert_eq!(
            properties(&task(512, 1)),
            ["CPUQuota=50.00%", "MemoryMax=1048576", "MemorySwapMax=1048576"]
        );
        assert_eq!(properties(&TaskSpec::default()), Vec::<String>::new());
    }

    #[test]
    fn files_of_version_2() {
        let root = tempfile::tempdir().unwrap();
        let groups = TaskGroups { parent: "wharf".to_owned(), maker: Maker::V2(root.path().to_owned()) };
        groups.ensure(&task(512, 1)).unwrap();
        let value = |file: &str| fs::read_to_string(root.path().join("wharf/a-1").join(file)).unwrap();
        assert_eq!(value("cpu.max"), "50000 100000");
        assert_eq!(value("memory.max"), "1048576");
        assert_eq!(groups.of_task("a-1"), "/wharf/a-1");
    }

    #[test]
    fn mounts_tell_the_version() {
        let v2 = "35 30 0:34 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";
        let v1 = "31 30 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n";
        assert!(matches!(Maker::parse(v2), Maker::V2(mount) if mount == Path::new("/sys/fs/cgroup")));
        let Maker::V1(trees) = Maker::parse(&format!("{v1}{v1}{v2}")) else { panic!("hybrid is version 1") };
        assert_eq!(trees.len(), 2);
        assert!(trees[0].controllers.contains(&"cpuacct".to_owned()));
    }
}
