//! What a task is made of, as far as its order of events depends on it.

use serde::{Deserialize, Serialize};

/// A task. Containers are named by their place in `containers` everywhere in [`super`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// In the order of the definition.
    pub containers: Vec<ContainerSpec>,
    /// Whether the task has a network to attach (awsvpc, bridge).
    pub has_network: bool,
    /// Whether the task has volumes to make.
    #[serde(default)]
    pub has_volumes: bool,
}

/// One container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// Its name in the definition.
    pub name: String,
    /// The task stops when it ends.
    pub essential: bool,
    /// What must have happened before it starts.
    pub depends_on: Vec<Dependency>,
    /// Whether its log stream has to be made, followed and finished.
    pub has_log: bool,
    /// SIGTERM to SIGKILL.
    pub stop_timeout_ms: i64,
    /// How long others wait for it.
    pub start_timeout_ms: Option<i64>,
    /// How its health is checked.
    #[serde(default)]
    pub health_check: Option<HealthCheck>,
    /// When it is started again instead of being over.
    #[serde(default)]
    pub restart: Option<RestartPolicy>,
}

/// When a container's health is checked, and what follows (Docker Engine: `HEALTHCHECK`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// From the start, and then from the end of each check, to the next one.
    pub interval_ms: i64,
    /// Failures in a row that make it unhealthy.
    pub retries: u32,
    /// A check that began sooner after the start, and fails, does not count, unless one has passed already.
    pub start_period_ms: i64,
}

/// When an exited container is started again (Amazon ECS: restart individual containers with container restart
/// policies).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartPolicy {
    /// Exit codes that are no reason to restart.
    pub ignored_exit_codes: Vec<i32>,
    /// It must have run this long since it was last started.
    pub attempt_period_ms: i64,
}

/// One `dependsOn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The container waited for.
    pub on: usize,
    /// What it must have reached.
    pub condition: Condition,
}

/// `condition` of a `dependsOn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// Started.
    Start,
    /// Exited, with whatever code.
    Complete,
    /// Exited with 0.
    Success,
    /// A health check has passed.
    Healthy,
}

impl Condition {
    /// As a task definition writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::Complete => "COMPLETE",
            Self::Success => "SUCCESS",
            Self::Healthy => "HEALTHY",
        }
    }
}

/// Why a task can never run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No container is essential, or there is none at all: nothing would end the task.
    #[error("the task has no essential container")]
    NoEssential,
    /// A dependency on a container that is not there.
    #[error("container {0} depends on a container that does not exist")]
    UnknownDependency(String),
    /// HEALTHY of a container without a health check.
    #[error("container {0} waits for the health of a container that has no health check")]
    NoHealthCheck(String),
    /// Containers that wait for each other.
    #[error("container {0} depends on itself, directly or through others")]
    Cycle(String),
}

impl Spec {
    /// Whether the task can run at all.
    pub fn validate(&self) -> Result<(), SpecError> {
        if !self.containers.iter().any(|c| c.essential) {
            return Err(SpecError::NoEssential);
        }
        let count = self.containers.len();
        let dangling = |c: &&ContainerSpec| c.depends_on.iter().any(|d| d.on >= count);
        if let Some(c) = self.containers.iter().find(dangling) {
            return Err(SpecError::UnknownDependency(c.name.clone()));
        }
        let blind = |d: &Dependency| {
            d.condition == Condition::Healthy && self.containers[d.on].health_check.is_none()
        };
        if let Some(c) = self.containers.iter().find(|c| c.depends_on.iter().any(blind)) {
            return Err(SpecError::NoHealthCheck(c.name.clone()));
        }
        match self.unordered().first() {
            Some(&index) => Err(SpecError::Cycle(self.containers[index].name.clone())),
            None => Ok(()),
        }
    }

    /// The containers that depend on this one.
    pub fn dependants(&self, index: usize) -> impl Iterator<Item = (usize, Condition)> {
        let of = move |(n, c): (usize, &ContainerSpec)| {
            c.depends_on.iter().filter(|d| d.on == index).map(|d| (n, d.condition)).collect::<Vec<_>>()
        };
        self.containers.iter().enumerate().flat_map(of)
    }

    /// What is left when containers with nothing left to wait for are taken away again and again.
    fn unordered(&self) -> Vec<usize> {
        let mut left: Vec<usize> = (0..self.containers.len()).collect();
        loop {
            let waits = |n: &usize| self.containers[*n].depends_on.iter().any(|d| left.contains(&d.on));
            let rest: Vec<usize> = left.iter().copied().filter(waits).collect();
            if rest.len() == left.len() {
                return left;
            }
            left = rest;
        }
    }
}
