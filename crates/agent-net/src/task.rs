//! One task's network: where it is on disk, and how it is made and taken away. Blocking; one caller a task at a time.

use crate::config::HostNetworkConfig;
use crate::error::{HostError, Step};
use crate::firewall;
use crate::netns;
use crate::plan::{Plan, PlannedWire};
use crate::pool::Pool;
use crate::reaper::Reaper;
use crate::wire::{self, NETNS_FILE, Wire};
use agent_driver::{Attached, Endpoint, Namespace, NetworkSpec, RuntimeId};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Holds the [`Plan`]: written first, deleted last.
const PLAN_FILE: &str = "plan.json";
/// Says that everything planned is there: written last, deleted first.
const COMPLETE_FILE: &str = "complete";

/// Where a task's network is: a directory with its plan and a directory for each of its wires.
#[derive(Debug)]
pub struct Place<'a> {
    config: &'a HostNetworkConfig,
    task: String,
    dir: PathBuf,
}

impl<'a> Place<'a> {
    /// Refuses ids that are not usable as a directory's name.
    pub fn of(config: &'a HostNetworkConfig, task: &str) -> Result<Self, HostError> {
        check_name(task).step(|| format!("use {task:?} as a task's id"))?;
        Ok(Self { config, task: task.to_owned(), dir: config.tasks_dir().join(task) })
    }

    /// What was decided for the task; `None` when nothing was, or it cannot be read.
    pub fn plan(&self) -> Option<Plan> {
        serde_json::from_slice(&fs::read(self.dir.join(PLAN_FILE)).ok()?).ok()
    }

    /// Whether everything was there once.
    pub fn was_complete(&self) -> bool {
        self.dir.join(COMPLETE_FILE).exists()
    }

    /// The answer to this spec, when all of its network is there.
    pub fn observe(&self, spec: &NetworkSpec) -> Result<Option<Attached>, HostError> {
        let Some(plan) = self.plan().filter(|plan| plan.spec == *spec && self.was_complete()) else {
            return Ok(None);
        };
        for wire in &plan.wires {
            let dir = self.dir.join(&wire.name);
            let bound = plan.sandbox().is_some() || netns::is_bound(&dir.join(NETNS_FILE));
            if !bound || !wire::stands(&dir).step(|| self.step("look up the interface"))? {
                return Ok(None);
            }
        }
        Ok(Some(self.answer(&plan)))
    }

    /// Makes everything that is planned. Nothing of it is there before.
    pub fn build(&self, plan: &Plan, pool: &Pool, reaper: &Reaper) -> Result<Attached, HostError> {
        for wire in &plan.wires {
            check_name(&wire.name).step(|| format!("use {:?} as a container's id", wire.name))?;
        }
        self.write_plan(plan).step(|| self.step("write down the network"))?;
        for wire in &plan.wires {
            let mut made = self
                .make_wire(wire, plan.sandbox(), pool, reaper)
                .step(|| self.step("make the namespace"))?;
            let alias = format!("{}{}", self.config.alias_prefix(), self.task);
            made.connect(&wire.ends, &alias).step(|| self.step("connect the interface"))?;
        }
        firewall::publish(self.config, &plan.publications()).step(|| self.step("publish the ports"))?;
        fs::write(self.dir.join(COMPLETE_FILE), "").step(|| self.step("write down the network"))?;
        Ok(self.answer(plan))
    }

    /// Takes away whatever is there. Idempotent. What the plan names is free when this answers.
    pub fn remove(&self, plan: Option<&Plan>, reaper: &Reaper) -> Result<(), HostError> {
        missing_is_fine(fs::remove_file(self.dir.join(COMPLETE_FILE)))
            .step(|| self.step("forget the network"))?;
        let published = plan.map(Plan::publications).unwrap_or_default();
        firewall::unpublish(self.config, &published).step(|| self.step("unpublish the ports"))?;
        for dir in wire::all_in(&self.dir).step(|| self.step("list the interfaces"))? {
            wire::cut(&dir).step(|| self.step("disconnect the interface"))?;
            reaper.take(&dir).step(|| self.step("remove the namespace"))?;
        }
        missing_is_fine(fs::remove_dir_all(&self.dir)).step(|| self.step("forget the network"))
    }

    /// A spare becomes the task's, unless the namespace is somebody else's.
    fn make_wire(
        &self,
        planned: &PlannedWire,
        sandbox: Option<&PathBuf>,
        pool: &Pool,
        reaper: &Reaper,
    ) -> io::Result<Wire> {
        let dir = self.dir.join(&planned.name);
        if let Some(sandbox) = sandbox {
            fs::create_dir(&dir)?;
            return Wire::make(self.config, &dir, sandbox, netns::enter(sandbox)?);
        }
        let spare = pool.take()?;
        if let Err(error) = fs::rename(&spare.dir, &dir) {
            reaper.take(&spare.dir)?;
            return Err(error);
        }
        Ok(spare.wire)
    }

    fn answer(&self, plan: &Plan) -> Attached {
        let namespace = |wire: &PlannedWire| match plan.sandbox() {
            Some(_) => Namespace::Sandbox,
            None => Namespace::Path(self.dir.join(&wire.name).join(NETNS_FILE)),
        };
        if let (NetworkSpec::Awsvpc(_), [wire]) = (&plan.spec, plan.wires.as_slice()) {
            return Attached::Task(namespace(wire));
        }
        let endpoint = |wire: &PlannedWire| {
            let (address, bindings) = (Some(wire.ends.address), wire.bindings.clone());
            (RuntimeId(wire.name.clone()), Endpoint { namespace: namespace(wire), address, bindings })
        };
        Attached::Containers(plan.wires.iter().map(endpoint).collect())
    }

    fn write_plan(&self, plan: &Plan) -> io::Result<()> {
        fs::create_dir(&self.dir)?;
        let fresh = self.dir.join("plan.new");
        fs::write(&fresh, serde_json::to_vec(plan)?)?;
        fs::rename(fresh, self.dir.join(PLAN_FILE))
    }

    fn step(&self, what: &str) -> String {
        format!("{what} of task {}", self.task)
    }
}

/// The tasks that have a directory.
pub fn list(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

fn check_name(name: &str) -> io::Result<()> {
    let usable = !name.is_empty()
        && name.len() <= 128
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if usable { Ok(()) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

fn missing_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_leave_the_directory() {
        let config = HostNetworkConfig::new([172, 31, 0, 0].into(), 16, vec![]);
        for bad in ["", ".", "..", "a/b", "a b", "ä"] {
            assert!(Place::of(&config, bad).is_err(), "{bad}");
        }
        assert!(Place::of(&config, "0123456789abcdef0123456789abcdef").is_ok());
    }
}
