//! Random lives: a host that does what it is asked in any order, fails, forgets, and crashes the agent anywhere.
//! It tries to break INV-RUN-1 (`started twice`, but for restarts that were decided), INV-RUN-2 (`STOPPED was told`) and INV-RUN-3 (the end of `drain`).

use super::spec;
use crate::report::ReportedStatus;
use crate::run::{Command, Desired, Exit, Fact, Outcome, Signal, Spec, StartError, State, Timer, step};
use model::Timestamp;
use model::reason::ContainerError;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What the host has of one container.
#[derive(Clone, Default)]
struct Remains {
    state: Option<Process>,
    /// How often a process was really made.
    made: u32,
    /// The last restart that was carried out.
    restarts: u32,
    asked_to_end: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Process {
    Runs,
    Exited(i32),
    Lost,
}

/// The machine, the agent's memory around it, the ledger's last state, and the host.
struct World {
    state: State,
    ledger: State,
    /// Begun by this agent, and not ended: never begun again.
    issued: BTreeSet<Command>,
    /// Of these, what has not been carried out yet.
    going: BTreeSet<Command>,
    told: Vec<Fact>,
    containers: Vec<Remains>,
    network: bool,
    cgroup: bool,
    volumes: bool,
    now: i64,
    upstream: ReportedStatus,
}

impl World {
    fn new(spec: Spec) -> Self {
        let containers = vec![Remains::default(); spec.containers.len()];
        let state = State::new(spec, Timestamp(0)).unwrap();
        let mut world = Self {
            ledger: state.clone(),
            issued: state.outstanding(),
            going: state.outstanding(),
            state,
            told: Vec::new(),
            containers,
            network: false,
            cgroup: false,
            volumes: false,
            now: 0,
            upstream: ReportedStatus::Pending,
        };
        world.check();
        world
    }

    fn tell(&mut self, fact: Fact) {
        self.now += 1;
        let stopping = self.state.desired == Desired::Stopped;
        let restarts = self.restarts();
        let delta = step(&mut self.state, fact.clone(), Timestamp(self.now));
        assert!(!stopping || restarts == self.restarts(), "a restart of a task that stops");
        if delta.persist {
            self.ledger = self.state.clone();
        }
        for command in delta.end {
            assert!(self.issued.remove(&command));
            self.going.remove(&command);
        }
        for command in delta.begin {
            assert!(self.issued.insert(command));
            self.going.insert(command);
        }
        self.told.push(fact);
        self.check();
    }

    /// Carries out one command, and, unless the agent dies before it hears of it, tells the machine.
    fn carry_out(&mut self, command: Command, luck: u8) {
        let fails = luck.is_multiple_of(5);
        let fact = match command {
            Command::EnsureTask | Command::AttachNetwork | Command::EnsureVolumes => {
                Some(self.make_resource(command, fails))
            }
            Command::PullImage(n) if fails => Some(Fact::PullFailed(n, "no image".into())),
            Command::PullImage(n) => Some(Fact::Pulled(n, None)),
            Command::PrepareLog(n) if fails => Some(Fact::LogFailed(n, "no group".into())),
            Command::PrepareLog(n) => Some(Fact::LogReady(n)),
            Command::Start(n) => self.start(n, fails),
            Command::Restart(n, attempt) => self.restart(n, attempt, fails),
            Command::Probe(n, probe) => {
                let outcome = Outcome { passed: !fails, began_at: Timestamp(self.now) };
                Some(Fact::Probed(n, probe, outcome))
            }
            Command::Watch(n, restarts) => match self.containers[n].state {
                Some(Process::Runs) => None,
                Some(Process::Exited(code)) => Some(Fact::Exited(n, restarts, self.exit(code))),
                Some(Process::Lost) | None => Some(Fact::Lost(n)),
            },
            Command::Signal(n, signal) => {
                self.signal(n, signal, luck);
                None
            }
            Command::FollowLog(_) => None,
            Command::SetTimer(timer, _) => Some(Fact::TimerFired(timer)),
            Command::FinishLog(n) => Some(Fact::LogFinished(n)),
            Command::Remove(n) => {
                self.containers[n].state = None;
                Some(Fact::Removed(n))
            }
            Command::DetachNetwork => {
                assert!(!self.anything_runs(), "the network was taken from under a process");
                self.network = false;
                Some(Fact::NetworkDetached)
            }
            Command::ReleaseVolumes => {
                assert!(
                    self.containers.iter().all(|c| c.state.is_none()),
                    "a volume was taken from a container"
                );
                self.volumes = false;
                Some(Fact::VolumesReleased)
            }
            Command::RemoveTask => {
                assert!(!self.network, "the network was left without its task");
                self.cgroup = false;
                Some(Fact::TaskRemoved)
            }
            Command::Report(_) => self.report(),
        };
        let watches_on = matches!(command, Command::Watch(..)) && fact.is_none();
        if !watches_on {
            self.going.remove(&command);
        }
        match fact {
            _ if luck.is_multiple_of(11) => self.crash(),
            Some(fact) => self.tell(fact),
            None => {}
        }
    }

    fn make_resource(&mut self, command: Command, fails: bool) -> Fact {
        match command {
            Command::EnsureTask if fails => Fact::TaskFailed("no cgroup".into()),
            Command::EnsureTask => {
                self.cgroup = true;
                Fact::TaskReady
            }
            Command::AttachNetwork if fails => {
                Fact::NetworkFailed(ContainerError::ResourceInitialization, "no network".into())
            }
            Command::AttachNetwork => {
                self.network = true;
                Fact::NetworkAttached
            }
            Command::EnsureVolumes if fails => Fact::VolumesFailed("no room".into()),
            _ => {
                self.volumes = true;
                Fact::VolumesReady
            }
        }
    }

    fn start(&mut self, n: usize, fails: bool) -> Option<Fact> {
        assert!(self.cgroup && self.network && self.volumes, "started without the task's resources");
        let remains = &mut self.containers[n];
        if remains.state.is_none() {
            if fails {
                remains.state = Some(Process::Lost);
                return Some(Fact::StartFailed(n, StartError::Create("no room".into())));
            }
            remains.state = Some(Process::Runs);
            remains.made += 1;
        }
        Some(Fact::Started(n))
    }

    /// As the runtime does it: one that has been restarted that often is left as it is.
    fn restart(&mut self, n: usize, attempt: u32, fails: bool) -> Option<Fact> {
        let remains = &mut self.containers[n];
        if remains.restarts < attempt {
            assert!(
                matches!(remains.state, Some(Process::Exited(_) | Process::Lost)),
                "restarted while it runs"
            );
            if fails || remains.state == Some(Process::Lost) {
                return Some(Fact::StartFailed(n, StartError::Start("no room".into())));
            }
            remains.state = Some(Process::Runs);
            remains.restarts = attempt;
            remains.made += 1;
        }
        Some(Fact::Started(n))
    }

    fn restarts(&self) -> u32 {
        self.state.observed.containers.iter().map(|c| c.restarts).sum()
    }

    fn signal(&mut self, n: usize, signal: Signal, luck: u8) {
        let obeys = signal == Signal::Kill || luck.is_multiple_of(2);
        let remains = &mut self.containers[n];
        remains.asked_to_end = true;
        if remains.state == Some(Process::Runs) && obeys {
            remains.state = Some(Process::Exited(if signal == Signal::Kill { 137 } else { 143 }));
        }
    }

    /// Upstream hears a report, and must be able to rely on it. An agent that died before it wrote down what it had
    /// reported may repeat an older status; upstream takes the latest it ever heard.
    fn report(&mut self) -> Option<Fact> {
        let report = self.state.next_report()?;
        let status = report.status.unwrap();
        if status == ReportedStatus::Stopped {
            assert!(!self.network, "STOPPED was told while the address is in use");
            assert!(!self.anything_runs(), "STOPPED was told of a task that runs");
        }
        self.upstream = self.upstream.max(status);
        Some(Fact::Reported(report))
    }

    /// The agent dies, and another one takes over from the ledger and the host.
    fn crash(&mut self) {
        self.state = self.ledger.clone();
        self.told.clear();
        for n in 0..self.containers.len() {
            let fact = match self.containers[n].state {
                None => Fact::Absent(n),
                Some(Process::Runs) => Fact::Started(n),
                Some(Process::Exited(code)) => {
                    Fact::Exited(n, self.state.observed.containers[n].restarts, self.exit(code))
                }
                Some(Process::Lost) => Fact::Lost(n),
            };
            step(&mut self.state, fact, Timestamp(self.now));
        }
        self.ledger = self.state.clone();
        self.issued = self.state.outstanding();
        self.going = self.issued.clone();
        self.check();
    }

    fn exit(&self, code: i32) -> Exit {
        Exit { code, at: Timestamp(self.now), oom_killed: false }
    }

    /// A lost container may have left processes.
    fn anything_runs(&self) -> bool {
        self.containers.iter().any(|c| matches!(c.state, Some(Process::Runs | Process::Lost)))
    }

    fn check(&mut self) {
        for (n, remains) in self.containers.iter().enumerate() {
            let decided = self.state.observed.containers[n].restarts;
            assert!(remains.made <= 1 + decided, "container {n} was started twice");
        }
        assert_eq!(self.issued, self.state.outstanding());
    }

    /// One random event.
    fn happen(&mut self, what: u8, luck: u8) {
        let commands: Vec<Command> = self.going.iter().copied().collect();
        match what {
            0..=4 => self.tell(Fact::StopAsked),
            5..=9 => self.crash(),
            10..=24 if !self.told.is_empty() => {
                let again = self.told[usize::from(luck) % self.told.len()].clone();
                // Acknowledgements come once each: the shell sends one report at a time.
                if !matches!(again, Fact::Reported(_)) {
                    self.tell(again);
                }
            }
            25..=54 => {
                let n = usize::from(luck) % self.containers.len();
                if self.containers[n].state == Some(Process::Runs) {
                    let lost = luck.is_multiple_of(7);
                    self.containers[n].state =
                        Some(if lost { Process::Lost } else { Process::Exited(i32::from(luck % 3)) });
                }
            }
            _ if commands.is_empty() => {}
            _ => {
                let command = commands[usize::from(what) % commands.len()];
                // Time does not pass faster than commands are carried out.
                if !matches!(command, Command::SetTimer(..)) || luck.is_multiple_of(4) {
                    self.carry_out(command, luck);
                }
            }
        }
    }

    /// Stops the task and lets everything happen that is outstanding, without further accidents.
    fn drain(&mut self) {
        self.tell(Fact::StopAsked);
        for _ in 0..1_000 {
            if self.state.is_over() {
                return;
            }
            let commands: Vec<Command> = self.going.iter().copied().collect();
            let timers = |c: &&Command| matches!(c, Command::SetTimer(Timer::Kill(_), _));
            let others = |c: &&Command| !matches!(c, Command::SetTimer(..));
            let chosen: Vec<Command> =
                commands.iter().filter(others).chain(commands.iter().filter(timers)).copied().collect();
            for command in chosen {
                if self.going.contains(&command) {
                    self.carry_out(command, 1);
                }
            }
        }
        panic!("the task does not end: {:?}", self.state);
    }
}

fn specs() -> impl Strategy<Value = Spec> {
    prop::sample::select(vec![
        spec(&["app!"]),
        spec(&["app!", "side"]),
        spec(&["init", "app!>init:SUCCESS"]),
        spec(&["a", "b>a:START", "c!>b:START>a:COMPLETE"]),
        spec(&["a!", "b!", "c>a:START", "d>c:SUCCESS"]),
        spec(&["db+*", "app!+*>db:HEALTHY", "side*"]),
        spec(&["app!*", "init*", "after+>init:COMPLETE"]),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn every_life_ends_cleanly(spec in specs(), events in prop::collection::vec((0u8..255, any::<u8>()), 0..80)) {
        let mut world = World::new(spec);
        for (what, luck) in events {
            if world.state.is_over() {
                break;
            }
            world.happen(what, luck);
        }
        world.drain();
        prop_assert_eq!(world.upstream, ReportedStatus::Stopped);
        prop_assert!(!world.network && !world.cgroup && !world.volumes);
        prop_assert!(world.containers.iter().all(|c| c.state.is_none()));
        prop_assert!(world.state.outstanding().is_empty());
    }
}
