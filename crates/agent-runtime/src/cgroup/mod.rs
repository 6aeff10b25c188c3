//! Control groups of tasks and containers: `PARENT/TASK` with the task's limits, `PARENT/TASK/CONTAINER` below it.
//!
//! Version 1, hybrid (version 1's controllers decide) and pure version 2. The whole path shows in the container's
//! `/proc/self/cgroup`, as with ECS; programs find their task's id there. A controller that the host lacks costs one
//! warning, a limit that an existing controller refuses is an error.

mod devices;
mod limits;

use agent_driver::{ContainerSpec, TaskSpec};
use limits::Setting;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Controllers that this runtime sets limits with.
const NEEDED: [&str; 2] = ["cpu", "memory"];
/// Controllers of version 2 that children are given.
const V2_DELEGATED: [&str; 5] = ["cpu", "memory", "pids", "cpuset", "io"];

/// The control groups of this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Hierarchies {
    /// One tree for each controller or pair of controllers; none at all when the host has no cgroups.
    V1(Vec<Tree>),
    /// One tree with all controllers.
    V2(Tree),
}

/// A mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tree {
    /// Where it is mounted.
    pub(crate) mount: PathBuf,
    /// Its controllers; `name=…` when it has none.
    pub(crate) controllers: Vec<String>,
}

impl Tree {
    fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|c| c == controller)
    }
}

impl Hierarchies {
    /// Looks at what is mounted, and warns of what is missing.
    pub(crate) fn observe() -> io::Result<Self> {
        let mountinfo = fs::read_to_string("/proc/self/mountinfo")?;
        let mut found = Self::parse(&mountinfo);
        if let Self::V2(tree) = &mut found {
            let controllers = fs::read_to_string(tree.mount.join("cgroup.controllers"))?;
            tree.controllers = controllers.split_whitespace().map(str::to_owned).collect();
        }
        let missing: Vec<_> =
            NEEDED.into_iter().filter(|c| !found.trees().iter().any(|t| t.has(c))).collect();
        if !missing.is_empty() {
            tracing::warn!(?missing, "cgroup controllers are missing, their limits are not enforced");
        }
        Ok(found)
    }

    fn parse(mountinfo: &str) -> Self {
        let mut v1: Vec<Tree> = Vec::new();
        let mut v2 = None;
        for line in mountinfo.lines() {
            let Some((left, right)) = line.split_once(" - ") else { continue };
            let (mut left, mut right) = (left.split(' ').skip(4), right.split(' '));
            let (Some(mount), Some(kind)) = (left.next(), right.next()) else { continue };
            let mount = PathBuf::from(mount);
            match kind {
                "cgroup" => {
                    let options = right.nth(1).unwrap_or_default();
                    let controllers: Vec<_> =
                        options.split(',').filter(|o| is_controller(o)).map(str::to_owned).collect();
                    if !v1.iter().any(|tree| tree.controllers == controllers) {
                        v1.push(Tree { mount, controllers });
                    }
                }
                "cgroup2" if v2.is_none() => v2 = Some(Tree { mount, controllers: Vec::new() }),
                _ => {}
            }
        }
        match v2 {
            Some(tree) if !v1.iter().any(|t| NEEDED.iter().any(|c| t.has(c))) => Self::V2(tree),
            _ => Self::V1(v1),
        }
    }

    pub(crate) fn trees(&self) -> &[Tree] {
        match self {
            Self::V1(trees) => trees,
            Self::V2(tree) => std::slice::from_ref(tree),
        }
    }

    /// The directories of a group, one in each tree.
    pub(crate) fn dirs(&self, group: &Path) -> impl Iterator<Item = PathBuf> {
        self.trees().iter().map(move |tree| tree.mount.join(group))
    }

    /// Makes `parent` and `parent/task` with the task's limits. Idempotent.
    pub(crate) fn ensure_task(&self, parent: &Path, task: &TaskSpec) -> io::Result<()> {
        match self {
            Self::V1(trees) => {
                for tree in trees {
                    ensure_v1_parent(tree, parent)?;
                    ensure_dir(&tree.mount.join(parent).join(&task.id))?;
                }
            }
            Self::V2(tree) => {
                let mut dir = tree.mount.clone();
                for component in parent.join(&task.id).components() {
                    delegate_v2(&dir, &tree.controllers);
                    dir.push(component);
                    ensure_dir(&dir)?;
                }
                delegate_v2(&dir, &tree.controllers);
            }
        }
        let settings = match self {
            Self::V1(_) => limits::plan_task_v1(task),
            Self::V2(_) => limits::plan_task_v2(task),
        };
        self.apply(&parent.join(&task.id), &settings)
    }

    /// Makes a container's group, below its task's, with its limits and the devices it may use. Idempotent.
    pub(crate) fn ensure_container(&self, group: &Path, spec: &ContainerSpec) -> io::Result<()> {
        for dir in self.dirs(group) {
            ensure_dir(&dir)?;
        }
        let settings = match self {
            Self::V1(_) => limits::plan_container_v1(spec),
            Self::V2(_) => limits::plan_container_v2(spec),
        };
        self.apply(group, &settings)?;
        match self {
            Self::V1(trees) => match trees.iter().find(|tree| tree.has("devices")) {
                Some(tree) => devices::restrict_v1(&tree.mount.join(group)),
                None => Ok(()),
            },
            Self::V2(tree) => devices::restrict_v2(&tree.mount.join(group)),
        }
    }

    fn apply(&self, group: &Path, settings: &[Setting]) -> io::Result<()> {
        for setting in settings {
            let Some(tree) = self.trees().iter().find(|tree| tree.has(setting.controller)) else { continue };
            let file = tree.mount.join(group).join(setting.file);
            match fs::write(&file, &setting.value) {
                Err(_) if setting.optional => {}
                Err(e) => return Err(naming(&file, e)),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// On version 2, the group as `clone3` wants it.
    pub(crate) fn open_v2(&self, group: &Path) -> io::Result<Option<OwnedFd>> {
        match self {
            Self::V1(_) => Ok(None),
            Self::V2(tree) => Ok(Some(File::open(tree.mount.join(group))?.into())),
        }
    }

    /// On version 1, moves the calling process, which has one thread, into the group. Written to `tasks` and naming
    /// itself, a process spares the kernel the lock that stops every fork and exec on the machine.
    pub(crate) fn join_v1(&self, group: &Path) -> io::Result<()> {
        let Self::V1(trees) = self else { return Ok(()) };
        for tree in trees {
            let tasks = tree.mount.join(group).join("tasks");
            fs::write(&tasks, "0").map_err(|e| naming(&tasks, e))?;
        }
        Ok(())
    }

    /// How many of the group's processes the kernel has killed for lack of memory.
    pub(crate) fn oom_kills(&self, group: &Path) -> u64 {
        let file = match self {
            Self::V1(_) => "memory.oom_control",
            Self::V2(_) => "memory.events",
        };
        let memory = self.trees().iter().find(|tree| tree.has("memory"));
        let text = memory.and_then(|tree| fs::read_to_string(tree.mount.join(group).join(file)).ok());
        let text = text.unwrap_or_default();
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok()).unwrap_or(0)
    }

    /// The processes in a group. On version 1 its first tree stands for all.
    pub(crate) fn processes(&self, group: &Path) -> Vec<i32> {
        let Some(dir) = self.dirs(group).next() else { return Vec::new() };
        let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Removes a group that has no children. Idempotent.
    ///
    /// # Errors
    /// `ResourceBusy` while a process is in it.
    pub(crate) fn remove(&self, group: &Path) -> io::Result<()> {
        for dir in self.dirs(group) {
            match fs::remove_dir(&dir) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(naming(&dir, e)),
                _ => {}
            }
        }
        Ok(())
    }
}

fn is_controller(option: &str) -> bool {
    option.starts_with("name=")
        || !matches!(
            option,
            "rw" | "ro" | "xattr" | "noprefix" | "clone_children" | "cpuset_v2_mode" | "favordynmods"
        ) && !option.starts_with("release_agent=")
}

fn ensure_v1_parent(tree: &Tree, parent: &Path) -> io::Result<()> {
    let dir = tree.mount.join(parent);
    fs::create_dir_all(&dir).map_err(|e| naming(&dir, e))?;
    if tree.has("cpuset") {
        // A new cpuset is empty, and takes no process until it is filled. Children of this one are born filled.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            if fs::read_to_string(dir.join(file))?.trim().is_empty() {
                let above = dir.parent().unwrap_or(&tree.mount);
                fs::write(dir.join(file), fs::read_to_string(above.join(file))?)?;
            }
        }
        fs::write(dir.join("cgroup.clone_children"), "1")?;
    }
    Ok(())
}

/// Gives the children of a group each controller that can be given; a group with processes of its own gives none.
fn delegate_v2(dir: &Path, available: &[String]) {
    for controller in V2_DELEGATED.iter().filter(|c| available.iter().any(|a| a == *c)) {
        if let Err(error) = fs::write(dir.join("cgroup.subtree_control"), format!("+{controller}")) {
            tracing::warn!(%error, controller, dir = %dir.display(), "cgroup controller cannot be delegated");
        }
    }
}

fn ensure_dir(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(naming(dir, e)),
        _ => Ok(()),
    }
}

fn naming(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn open_dir(dir: &Path) -> io::Result<impl AsFd> {
    File::open(dir).map_err(|e| naming(dir, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "\
20 1 0:20 / /proc rw,nosuid - proc proc rw
30 1 0:30 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
31 30 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:4 - cgroup cgroup rw,cpu,cpuacct
32 30 0:32 / /sys/fs/cgroup/memory rw - cgroup memory rw,memory,clone_children
33 30 0:33 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/lib/x,name=systemd
34 30 0:32 / /elsewhere rw - cgroup memory rw,memory,clone_children
";
    const UNIFIED: &str = "35 30 0:34 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";
    const V2: &str = "35 30 0:34 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";

    fn tree(mount: &str, controllers: &[&str]) -> Tree {
        let controllers = controllers.iter().map(|c| (*c).to_owned()).collect();
        Tree { mount: mount.into(), controllers }
    }

    #[test]
    fn hybrid_is_version_1_and_duplicates_are_dropped() {
        let expected = Hierarchies::V1(vec![
            tree("/sys/fs/cgroup/cpu,cpuacct", &["cpu", "cpuacct"]),
            tree("/sys/fs/cgroup/memory", &["memory"]),
            tree("/sys/fs/cgroup/systemd", &["name=systemd"]),
        ]);
        assert_eq!(Hierarchies::parse(V1), expected);
        assert_eq!(Hierarchies::parse(&format!("{UNIFIED}{V1}")), expected);
    }

    #[test]
    fn version_2_alone_and_nothing_at_all() {
        assert_eq!(Hierarchies::parse(V2), Hierarchies::V2(tree("/sys/fs/cgroup", &[])));
        assert_eq!(Hierarchies::parse(""), Hierarchies::V1(Vec::new()));
    }
}
