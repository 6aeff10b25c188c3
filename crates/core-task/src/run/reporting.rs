//! What upstream is told.

use crate::report::{ContainerReport, Report, ReportedStatus};
use crate::run::spec::Spec;
use crate::run::state::{Container, Desired, Phase, State};
use serde::{Deserialize, Serialize};

/// What upstream has acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// How many reports.
    pub count: u64,
    /// The task's status in the last one.
    pub status: ReportedStatus,
    /// The containers' statuses in the last one.
    pub containers: Vec<ReportedStatus>,
}

impl Reported {
    pub(super) fn nothing(spec: &Spec) -> Self {
        let containers = vec![ReportedStatus::Pending; spec.containers.len()];
        Self { count: 0, status: ReportedStatus::Pending, containers }
    }

    pub(super) fn acknowledge(&mut self, spec: &Spec, report: &Report) {
        self.count += 1;
        self.status = self.status.max(report.status.unwrap_or(ReportedStatus::Pending));
        for (known, container) in self.containers.iter_mut().zip(&spec.containers) {
            let told = report.containers.iter().find(|c| c.name.as_str() == container.name);
            *known = told.map_or(*known, |c| c.status.max(*known));
        }
    }
}

impl State {
    /// The report that is due: `None` while upstream knows everything. RUNNING is never left out, however short it
    /// was; while a task stops, its containers' ends wait for the one report that says STOPPED.
    pub fn next_report(&self) -> Option<Report> {
        let mut status = self.status();
        if self.observed.was_running && self.reported.status < ReportedStatus::Running {
            status = ReportedStatus::Running;
        }
        let containers = self.observed.containers.iter().map(container_status);
        let news = containers.clone().ne(self.reported.containers.iter().copied());
        let due = status > self.reported.status || (news && self.desired == Desired::Running);
        due.then(|| self.report(status))
    }

    /// The task's status as the protocol knows it.
    pub fn status(&self) -> ReportedStatus {
        let over = self.all_dead()
            && !self.observed.network.is_unreleased()
            && (self.logs_finished() || self.observed.logs_given_up);
        match (over, self.observed.was_running) {
            (true, _) => ReportedStatus::Stopped,
            (false, true) => ReportedStatus::Running,
            (false, false) => ReportedStatus::Pending,
        }
    }

    fn report(&self, status: ReportedStatus) -> Report {
        let seen = &self.observed;
        let containers = self.spec.containers.iter().zip(&seen.containers);
        Report {
            status: Some(status),
            reason: seen.failure.clone(),
            containers: containers.map(|(spec, c)| container_report(&spec.name, c)).collect(),
            attachments: Vec::new(),
            pull_started_at: Some(seen.pull_started_at),
            pull_stopped_at: seen.pull_stopped_at,
            execution_stopped_at: seen.execution_stopped_at.filter(|_| status == ReportedStatus::Stopped),
        }
    }
}

fn container_status(container: &Container) -> ReportedStatus {
    match container.phase {
        Phase::Waiting | Phase::Starting => ReportedStatus::Pending,
        Phase::Running | Phase::Restarting => ReportedStatus::Running,
        Phase::Ended(_) => ReportedStatus::Stopped,
    }
}

/// The runtime's id and the ports are the shell's to fill in.
fn container_report(name: &str, container: &Container) -> ContainerReport {
    let end = match &container.phase {
        Phase::Ended(end) => Some(end),
        _ => None,
    };
    ContainerReport {
        name: name.into(),
        status: container_status(container),
        exit_code: end.and_then(|e| e.exit_code),
        reason: end.and_then(|e| e.reason.clone()),
        runtime_id: None,
        image_digest: container.image_digest.clone(),
        network_bindings: Vec::new(),
    }
}
