//! The state of one task on its host: what the agent's ledger keeps.

use crate::run::health::Health;
use crate::run::reporting::Reported;
use crate::run::spec::{Spec, SpecError};
use model::Timestamp;
use model::task::HealthStatus;
use serde::{Deserialize, Serialize};

/// One task on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What the task is; never changes.
    pub spec: Spec,
    /// What is wanted. Written by upstream's orders and by the end of an essential container.
    pub desired: Desired,
    /// What was seen on the host. Written by facts.
    pub observed: Observed,
    /// What upstream has acknowledged. Written by acknowledgements.
    pub reported: Reported,
}

/// What is wanted; it only ever goes from `Running` to `Stopped`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Desired {
    /// Run.
    Running,
    /// Stop.
    Stopped,
}

/// What was seen on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The task's cgroup.
    pub cgroup: Resource,
    /// The task's network.
    pub network: Resource,
    /// The task's volumes.
    #[serde(default)]
    pub volumes: Resource,
    /// As many as the spec has.
    pub containers: Vec<Container>,
    /// Why the task as a whole failed, in ECS's words.
    pub failure: Option<String>,
    /// Every container that matters has started: RUNNING was reached.
    pub was_running: bool,
    /// The first pull began.
    pub pull_started_at: Timestamp,
    /// The last pull ended.
    pub pull_stopped_at: Option<Timestamp>,
    /// The last container ended.
    pub execution_stopped_at: Option<Timestamp>,
    /// When STOPPED is reported even if lines are left to ship.
    pub logs_deadline: Option<Timestamp>,
    /// That time has come.
    pub logs_given_up: bool,
}

/// Something that the task holds on its host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resource {
    /// The task needs none.
    #[default]
    Unneeded,
    /// Being made.
    Wanted,
    /// There.
    Ready,
    /// Could not be made; parts of it may be there.
    Failed,
    /// Taken away.
    Released,
}

/// One container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Where it is.
    pub phase: Phase,
    /// Its image is on the host.
    pub image_ready: bool,
    /// Digest of its image's manifest.
    pub image_digest: Option<String>,
    /// Its log stream exists.
    pub log_ready: bool,
    /// Every line was delivered or given up on.
    pub log_finished: bool,
    /// Its program has been executed.
    pub was_started: bool,
    /// When the runtime was last asked to start it. Nobody may have been there to see it start.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When it ended, the last time.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// How often it was started again.
    #[serde(default)]
    pub restarts: u32,
    /// What its health checks say; while it runs, and only when it has any.
    #[serde(default)]
    pub health: Option<Health>,
    /// It may have written lines.
    pub may_have_logged: bool,
    /// The host may have something of it.
    pub on_host: bool,
    /// When those that wait for it give up.
    pub start_deadline: Option<Timestamp>,
    /// They have given up.
    pub given_up_on: bool,
    /// SIGTERM was due; SIGKILL is, at this time.
    pub kill_deadline: Option<Timestamp>,
    /// That time has come.
    pub killed: bool,
}

/// Where a container is. It never goes back, but from running to restarting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// For its image, its log stream, the task's resources, or another container.
    #[default]
    Waiting,
    /// The runtime was asked to start it.
    Starting,
    /// Its program runs.
    Running,
    /// Its program has ended, and the runtime was asked to start it again.
    Restarting,
    /// It has ended, or never will start.
    Ended(End),
}

/// How a container ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The exit status, when there is one.
    pub exit_code: Option<i32>,
    /// `ErrorName: text`, when something went wrong.
    pub reason: Option<String>,
    /// No process of it can be left. Otherwise that is so once its remains were removed.
    pub dead: bool,
}

impl State {
    /// A task that was just accepted.
    pub fn new(spec: Spec, now: Timestamp) -> Result<Self, SpecError> {
        spec.validate()?;
        let observed = Observed {
            cgroup: Resource::Wanted,
            network: Resource::wanted_if(spec.has_network),
            volumes: Resource::wanted_if(spec.has_volumes),
            containers: vec![Container::default(); spec.containers.len()],
            failure: None,
            was_running: false,
            pull_started_at: now,
            pull_stopped_at: None,
            execution_stopped_at: None,
            logs_deadline: None,
            logs_given_up: false,
        };
        let reported = Reported::nothing(&spec);
        Ok(Self { spec, desired: Desired::Running, observed, reported })
    }

    /// Nothing of the task is left on the host, and upstream knows: the ledger may forget it.
    pub fn is_over(&self) -> bool {
        self.all_removed()
            && self.logs_finished()
            && !self.observed.network.is_unreleased()
            && !self.observed.volumes.is_unreleased()
            && !self.observed.cgroup.is_unreleased()
            && self.next_report().is_none()
    }

    /// Whether the runtime was asked to start any of its containers.
    pub fn has_begun(&self) -> bool {
        self.observed.containers.iter().any(|c| c.phase != Phase::Waiting)
    }

    /// Nothing of it runs any more or has a port or an address, and its lines are delivered or were given the time for it.
    pub fn has_left(&self) -> bool {
        self.all_dead()
            && !self.observed.network.is_unreleased()
            && (self.logs_finished() || self.observed.logs_given_up)
    }

    pub(super) fn all_ended(&self) -> bool {
        self.observed.containers.iter().all(Container::has_ended)
    }

    /// No process of any container can be left.
    pub(super) fn all_dead(&self) -> bool {
        self.observed.containers.iter().all(Container::is_dead)
    }

    pub(super) fn all_removed(&self) -> bool {
        self.observed.containers.iter().all(|c| c.has_ended() && !c.on_host)
    }

    pub(super) fn logs_finished(&self) -> bool {
        let containers = self.observed.containers.iter().enumerate();
        containers.into_iter().all(|(n, c)| !self.must_finish_log(n) || c.log_finished)
    }

    pub(super) fn must_finish_log(&self, index: usize) -> bool {
        self.spec.containers[index].has_log && self.observed.containers[index].may_have_logged
    }
}

impl Resource {
    fn wanted_if(needed: bool) -> Self {
        if needed { Self::Wanted } else { Self::Unneeded }
    }

    /// There is something to take away, and nobody is still making it.
    pub(super) fn is_held(self) -> bool {
        matches!(self, Self::Ready | Self::Failed)
    }

    pub(super) fn is_unreleased(self) -> bool {
        self.is_held() || self == Self::Wanted
    }
}

impl Container {
    /// It is over, or never will start.
    pub fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    pub(super) fn is_dead(&self) -> bool {
        matches!(&self.phase, Phase::Ended(end) if end.dead || !self.on_host)
    }

    pub(super) fn exit_code(&self) -> Option<i32> {
        match &self.phase {
            Phase::Ended(end) => end.exit_code,
            _ => None,
        }
    }

    pub(super) fn is(&self, health: HealthStatus) -> bool {
        self.phase == Phase::Running && self.health.as_ref().is_some_and(|h| h.status == health)
    }
}
