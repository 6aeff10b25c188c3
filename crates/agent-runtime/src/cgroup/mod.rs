//! Control groups of tasks and containers: `PARENT/TASK` with the task's limits, `PARENT/TASK/CONTAINER` below it. A task
//! that has nothing to limit has no group, and its containers' groups are `PARENT/CONTAINER`: a group costs memory, and an
//! idle task needs half as many.
//!
//! Version 1, hybrid (version 1's controllers decide) and pure version 2. The whole path shows in the container's
//! `/proc/self/cgroup`, as with ECS; programs find their task's id there, with which each container's id begins. A
//! controller that the host lacks costs one warning, a limit that an existing controller refuses is an error.

mod devices;
mod limits;
mod stats;

use crate::device::Node;
use crate::dir::{PATIENCE, RECHECK};
use agent_driver::{ContainerSpec, TaskSpec};
use limits::{Demand, Setting};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

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

    pub(crate) fn is_v2(&self) -> bool {
        matches!(self, Self::V2(_))
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

    /// Makes the group that the groups of tasks and containers are made in. Idempotent.
    pub(crate) fn ensure_parent(&self, parent: &Path) -> io::Result<()> {
        match self {
            Self::V1(trees) => trees.iter().try_for_each(|tree| ensure_v1_parent(tree, parent)),
            Self::V2(tree) => {
                let mut dir = tree.mount.clone();
                for component in parent.components() {
                    delegate_v2(&dir, &tree.controllers);
                    dir.push(component);
                    ensure_dir(&dir)?;
                }
                delegate_v2(&dir, &tree.controllers);
                Ok(())
            }
        }
    }

    /// Makes a task's group with the task's limits. Idempotent.
    pub(crate) fn ensure_task(&self, group: &Path, task: &TaskSpec) -> io::Result<()> {
        self.ensure_plain(group)?;
        let settings = match self {
            Self::V1(_) => limits::plan_task_v1(task),
            Self::V2(tree) => {
                delegate_v2(&tree.mount.join(group), &tree.controllers);
                limits::plan_task_v2(task)
            }
        };
        self.apply(group, &settings)
    }

    /// Whether it is there in every tree: one that is not is what an agent left that was killed.
    pub(crate) fn exists(&self, group: &Path) -> bool {
        self.dirs(group).all(|dir| dir.exists())
    }

    /// Makes a container's group, with its limits and the devices it may use. Idempotent.
    pub(crate) fn ensure_container(
        &self,
        group: &Path,
        spec: &ContainerSpec,
        devices: &[Node],
    ) -> io::Result<()> {
        self.ensure_plain(group)?;
        let settings = match self {
            Self::V1(_) => limits::plan_container_v1(spec),
            Self::V2(_) => limits::plan_container_v2(spec),
        };
        self.apply(group, &settings)?;
        // A new group has what its parent has: everything.
        if spec.security.privileged {
            return Ok(());
        }
        match self {
            Self::V1(trees) => match trees.iter().find(|tree| tree.has("devices")) {
                Some(tree) => devices::restrict_v1(&tree.mount.join(group), devices),
                None => Ok(()),
            },
            Self::V2(tree) => devices::restrict_v2(&tree.mount.join(group), devices),
        }
    }

    /// # Errors
    /// Limits that these groups cannot give.
    pub(crate) fn check(&self, spec: &ContainerSpec) -> Result<(), String> {
        limits::check(&spec.limits, self.is_v2())
    }

    /// Makes a group without limits. Idempotent.
    pub(crate) fn ensure_plain(&self, group: &Path) -> io::Result<()> {
        self.dirs(group).try_for_each(|dir| ensure_dir(&dir))
    }

    fn apply(&self, group: &Path, settings: &[Setting]) -> io::Result<()> {
        for setting in settings {
            let tree = self.trees().iter().find(|tree| tree.has(setting.controller));
            let written = match tree {
                None if setting.demand == Demand::Explicit => Err(ErrorKind::NotFound.into()),
                None => continue,
                Some(tree) => {
                    let file = tree.mount.join(group).join(setting.file);
                    File::options()
                        .write(true)
                        .open(file)
                        .and_then(|mut f| f.write_all(setting.value.as_bytes()))
                }
            };
            match written {
                Err(_) if setting.demand == Demand::Optional => {}
                Err(e) if e.kind() == ErrorKind::NotFound && setting.demand == Demand::Explicit => {
                    let why = format!("{} cannot be set: this kernel has no such limit", setting.file);
                    return Err(io::Error::new(e.kind(), why));
                }
                Err(e) => return Err(naming(&group.join(setting.file), e)),
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

    /// The processes in a group and below it. On version 1 its first tree stands for all.
    pub(crate) fn processes(&self, group: &Path) -> Vec<i32> {
        let mut found = Vec::new();
        if let Some(dir) = self.dirs(group).next() {
            visit(&dir, &mut |dir| {
                let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
                found.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
                Ok(())
            })
            .unwrap_or_default();
        }
        found
    }

    /// Kills the processes in a group and below it, once. Look again: they may have had children meanwhile.
    pub(crate) fn kill(&self, group: &Path) {
        if let Self::V2(tree) = self
            && fs::write(tree.mount.join(group).join("cgroup.kill"), "1").is_ok()
        {
            return;
        }
        for pid in self.processes(group) {
            // It may be gone by now. 0 is a process that this namespace does not show.
            if pid > 0 {
                let _ = signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }

    /// Kills what is in a group, and removes it with those below it. Blocks. Idempotent.
    ///
    /// # Errors
    /// A process is still there after all patience.
    pub(crate) fn end(&self, group: &Path) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.remove(group) {
                Err(e) if e.kind() == ErrorKind::ResourceBusy && Instant::now() < deadline => {
                    self.kill(group);
                    sleep(RECHECK);
                }
                other => return other,
            }
        }
    }

    /// As [`end`](Self::end), of a group that has none below it.
    ///
    /// # Errors
    /// It has one.
    pub(crate) fn end_alone(&self, group: &Path) -> io::Result<()> {
        if !self.below(group)?.is_empty() {
            return Err(naming(group, ErrorKind::DirectoryNotEmpty.into()));
        }
        self.end(group)
    }

    /// The names of the groups right below this one, whichever tree they are in.
    pub(crate) fn below(&self, group: &Path) -> io::Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for dir in self.dirs(group) {
            let entries = match fs::read_dir(&dir) {
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                other => other.map_err(|e| naming(&dir, e))?,
            };
            for entry in entries {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    names.extend(entry.file_name().into_string());
                }
            }
        }
        Ok(names)
    }

    /// Kills what is in a group until there is nothing more. Blocks for as long as one of them is stuck, but not for
    /// ever.
    pub(crate) fn empty(&self, group: &Path) {
        let deadline = Instant::now() + PATIENCE;
        while !self.processes(group).is_empty() && Instant::now() < deadline {
            self.kill(group);
            sleep(Duration::from_micros(200));
        }
    }

    /// Removes a group, and those below it. Idempotent.
    ///
    /// # Errors
    /// `ResourceBusy` while a process is in one.
    fn remove(&self, group: &Path) -> io::Result<()> {
        self.trees().iter().try_for_each(|tree| {
            visit(&tree.mount.join(group), &mut |dir| {
                if tree.has("memory") {
                    give_back(dir);
                }
                match fs::remove_dir(dir) {
                    Err(e) if e.kind() != ErrorKind::NotFound => Err(naming(dir, e)),
                    _ => Ok(()),
                }
            })
        })
    }

    /// Makes a group below a container's, for a program that is executed in it: one whose processes can be told from
    /// the others'. On version 1 it is in one tree only, the last.
    pub(crate) fn make_inner(&self, group: &Path, name: &str) -> io::Result<Inner> {
        let Some(tree) = self.trees().last() else { return Ok(Inner { dir: None }) };
        let dir = tree.mount.join(group).join(name);
        ensure_dir(&dir)?;
        Ok(Inner { dir: Some(dir) })
    }
}

/// A group of a program that is executed in a container.
#[derive(Debug)]
pub(crate) struct Inner {
    dir: Option<PathBuf>,
}

impl Inner {
    /// As `clone3` wants it, on version 2.
    pub(crate) fn open(&self) -> io::Result<Option<OwnedFd>> {
        self.dir.as_ref().map(|dir| File::open(dir).map(OwnedFd::from)).transpose()
    }

    /// Moves the calling process into the group, on version 1.
    pub(crate) fn join_v1(&self) -> io::Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        let tasks = dir.join("tasks");
        fs::write(&tasks, "0").map_err(|e| naming(&tasks, e))
    }

    /// Kills what is in it and removes it.
    pub(crate) fn end(&self) -> io::Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        let deadline = Instant::now() + PATIENCE;
        loop {
            match fs::remove_dir(dir) {
                Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
                Err(e) if e.kind() == ErrorKind::ResourceBusy && Instant::now() < deadline => {}
                other => return other,
            }
            let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
            for pid in text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 0) {
                let _ = signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            sleep(Duration::from_micros(200));
        }
    }
}

/// Gives back the pages that are charged to a group of the memory controller: the kernel keeps a removed group, some hundred
/// kilobytes on a host with many mounts, for as long as one is. What cannot be given back now stays until memory is short.
fn give_back(dir: &Path) {
    // Version 1's, and version 2's since Linux 5.19.
    for (file, all) in [("memory.force_empty", "0"), ("memory.reclaim", "1G")] {
        let written =
            File::options().write(true).open(dir.join(file)).and_then(|mut f| f.write_all(all.as_bytes()));
        if written.is_ok() {
            return;
        }
    }
}

/// Calls for the groups below a directory and then for itself. Not deep: who makes groups in its own, makes few.
fn visit(dir: &Path, each: &mut dyn FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|e| naming(dir, e))?,
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            visit(&entry.path(), each)?;
        }
    }
    each(dir)
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
    fn a_group_that_a_killed_agent_left_half_made_is_none() {
        let mounts = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let trees = mounts.each_ref().map(|mount| tree(mount.path().to_str().unwrap(), &["any"]));
        let (hierarchies, group) = (Hierarchies::V1(trees.to_vec()), Path::new("task"));
        for is_made in [false, true] {
            fs::create_dir(mounts[usize::from(is_made)].path().join(group)).unwrap();
            assert_eq!(hierarchies.exists(group), is_made);
        }
    }

    #[test]
    fn version_2_alone_and_nothing_at_all() {
        assert_eq!(Hierarchies::parse(V2), Hierarchies::V2(tree("/sys/fs/cgroup", &[])));
        assert_eq!(Hierarchies::parse(""), Hierarchies::V1(Vec::new()));
    }
}
