//! The agent: adopt, register, and keep two links open.

use crate::backoff::Backoff;
use crate::blueprint::Gpus;
use crate::config::AgentConfig;
use crate::disk::Disk;
use crate::host::{Drivers, Host, Zone};
use crate::ledger::{Instance, Ledger, LedgerError};
use crate::metadata::Metadata;
use crate::meter::Meter;
use crate::session::Session;
use crate::tasks::{AdoptError, Tasks};
use crate::telemetry::Telemetry;
use crate::upstream::{Endpoints, LinkEnd, Registered, Registration, Upstream, UpstreamError};
use crate::vault::Vault;
use acs::RefusalKind;
use acs::link::AcsQuery;
use agent_metadata::Source;
use model::instance::Resources;
use model::time::{Clock, IdSource};
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// A link that lived this long was a good one: the next failure starts with the shortest delay again.
const GOOD_LINK: Duration = Duration::from_secs(60);
/// A link that was closed after this long is opened again at once; one that was closed sooner would be a busy loop.
const REOPEN_AT_ONCE: Duration = Duration::from_secs(1);
/// When to ask again after the instance was deregistered (the Amazon ECS agent's `inactiveInstanceReconnectDelay`).
const INACTIVE_WAIT: Duration = Duration::from_secs(60 * 60);

/// A container instance.
pub struct Agent {
    host: Arc<Host>,
    live: watch::Sender<usize>,
    connected: watch::Sender<bool>,
    leaving: watch::Sender<bool>,
    metadata: Arc<Metadata>,
}

/// Why an agent could not go on. Its containers run on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// What an earlier agent left cannot be taken over.
    #[error(transparent)]
    Adopt(#[from] AdoptError),
    /// The ledger cannot be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The control plane refuses the registration for good.
    #[error("the registration was refused: {0}")]
    Refused(UpstreamError),
    /// The ledger belongs to an agent of another cluster.
    #[error("the data directory belongs to an agent of the cluster {known}, not {configured}")]
    OtherCluster {
        /// The ledger's.
        known: String,
        /// The configuration's.
        configured: String,
    },
}

/// Why a session came to its end.
enum SessionEnd {
    Link(LinkEnd, Duration),
    Refused(UpstreamError),
}

impl Agent {
    /// An agent that has not started. `vault` is the one that the log driver's sink reads.
    pub fn new(
        config: AgentConfig,
        drivers: Drivers,
        upstream: Arc<dyn Upstream>,
        ledger: Arc<dyn Ledger>,
        vault: Vault,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Self {
        let gpus = Gpus::under(Path::new("/"));
        let (meter, disk) = (Meter::default(), Disk::default());
        let zone = Zone::new(config.availability_zone.clone());
        let host =
            Arc::new(Host { config, drivers, gpus, meter, disk, zone, upstream, ledger, vault, clock, ids });
        let (live, connected, leaving) =
            (watch::Sender::new(0), watch::Sender::new(false), watch::Sender::new(false));
        let metadata = Arc::new(Metadata::new(host.clone()));
        Self { host, live, connected, leaving, metadata }
    }

    /// How many tasks are not over: something of them is on the host, or upstream has not heard of their end.
    pub fn live_tasks(&self) -> watch::Receiver<usize> {
        self.live.subscribe()
    }

    /// Whether a link to the control plane is open on which it has spoken: Wharf's first word is a manifest, sent when
    /// `agentConnected` is true.
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.connected.subscribe()
    }

    /// What the agent's HTTP endpoints answer from.
    pub fn metadata(&self) -> Arc<dyn Source> {
        self.metadata.clone()
    }

    /// Stops every task, now and those that still come; [`run`](Self::run) ends once the last one is over and upstream
    /// has heard of it.
    pub fn leave(&self) {
        self.leaving.send_replace(true);
    }

    /// Runs until `shutdown`, and leaves tasks running then; or until [`leave`](Self::leave) is done.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) -> Result<(), AgentError> {
        self.live.send_replace(0);
        let tasks = Tasks::new(self.host.clone(), self.live.clone());
        self.metadata.look_at(&tasks);
        let work = async {
            tasks.adopt().await?;
            tokio::select! {
                biased;
                result = self.serve(&tasks) => result.map(|never| match never {}),
                () = self.left(&tasks) => Ok(()),
            }
        };
        tokio::select! {
            biased;
            () = shutdown => Ok(()),
            result = work => result,
        }
    }

    /// Resolves once the agent was told to leave and no task is live.
    async fn left(&self, tasks: &Arc<Tasks>) {
        // Both senders live as long as `self`.
        let _ = self.leaving.subscribe().wait_for(|leaving| *leaving).await;
        let mut live = self.live.subscribe();
        while *live.borrow_and_update() > 0 {
            tasks.stop_all().await;
            let _ = live.changed().await;
        }
    }

    async fn serve(&self, tasks: &Arc<Tasks>) -> Result<std::convert::Infallible, AgentError> {
        let heartbeats = watch::Sender::new(0);
        let mut send_credentials = true;
        let mut backoff = Backoff::standard();
        loop {
            let mut instance = self.register(tasks).await?;
            let endpoints = self.discover(&instance).await;
            let mut is_orphan = false;
            loop {
                let end =
                    self.link(tasks, &mut instance, &endpoints, &heartbeats, &mut send_credentials).await;
                match end {
                    SessionEnd::Link(LinkEnd::Closed, lived) if lived >= REOPEN_AT_ONCE => backoff.reset(),
                    SessionEnd::Link(end, lived) => {
                        if lived >= GOOD_LINK {
                            backoff.reset();
                        }
                        tracing::warn!(%end, "the link ended");
                        backoff.wait(&*self.host.ids).await;
                    }
                    SessionEnd::Refused(error) => {
                        tracing::warn!(%error, "no link to the control plane");
                        match error.refusal() {
                            Some(RefusalKind::InactiveInstanceException) => {
                                is_orphan = true;
                                self.rest(tasks, &instance).await;
                            }
                            // By now the control plane may have forgotten it.
                            Some(RefusalKind::InvalidInstanceException) if is_orphan => {
                                self.rest(tasks, &instance).await;
                            }
                            // A control plane that does not know us: introduce ourselves anew.
                            Some(RefusalKind::InvalidInstanceException) => {
                                backoff.wait(&*self.host.ids).await;
                                break;
                            }
                            _ => backoff.wait(&*self.host.ids).await,
                        }
                    }
                }
            }
        }
    }

    /// The instance was deregistered while this agent runs. That is final for the instance, and whether the host is to be
    /// another one is its operator's to say, by starting the agent again.
    async fn rest(&self, tasks: &Arc<Tasks>, instance: &Instance) {
        tracing::error!(
            instance = instance.arn,
            "the container instance was deregistered: containers that run here run on, but ECS does not know of them any \
             more, and nothing new is started; start Wharf here again to register this host as a new container instance, \
             which ends them"
        );
        tasks.orphan().await;
        tokio::time::sleep(INACTIVE_WAIT).await;
    }

    /// One ACS link, with telemetry beside it.
    async fn link(
        &self,
        tasks: &Arc<Tasks>,
        instance: &mut Instance,
        endpoints: &Endpoints,
        heartbeats: &watch::Sender<u64>,
        send_credentials: &mut bool,
    ) -> SessionEnd {
        let query = AcsQuery {
            cluster: self.host.config.cluster.clone(),
            container_instance_arn: instance.arn.clone(),
            agent_version: crate::VERSION.to_owned(),
            agent_hash: String::new(),
            docker_version: "DockerVersion: none".to_owned(),
            protocol_version: 2,
            send_credentials: *send_credentials,
        };
        let link = match self.host.upstream.open_acs(&endpoints.acs, &query).await {
            Ok(link) => link,
            Err(error) => return SessionEnd::Refused(error),
        };
        tracing::info!(instance = instance.arn, "connected to the control plane");
        *send_credentials = false;
        let telemetry = Telemetry {
            host: &self.host,
            instance: &instance.clone(),
            endpoint: &endpoints.tcs,
            heartbeats: heartbeats.subscribe(),
            tasks,
            status: None,
        };
        let opened_at = Instant::now();
        let session =
            Session { host: &self.host, tasks, instance, heartbeats, connected: &self.connected, link };
        let end = tokio::select! {
            biased;
            end = session.serve() => end,
            never = telemetry.run() => match never {},
        };
        self.connected.send_replace(false);
        SessionEnd::Link(end, opened_at.elapsed())
    }

    /// Registers as the instance that the ledger names, or, when that was deregistered, as a new one, of which nobody has
    /// anything before it is registered: it offers all that the host has.
    async fn register(&self, tasks: &Arc<Tasks>) -> Result<Instance, AgentError> {
        let known = self.host.ledger.instance().await?;
        known.iter().for_each(|known| self.host.zone.learn(known));
        let configured = &self.host.config.cluster;
        if let Some(known) = known.as_ref().filter(|known| known.cluster != *configured) {
            let (known, configured) = (known.cluster.clone(), configured.clone());
            return Err(AgentError::OtherCluster { known, configured });
        }
        let security_modules = self.host.drivers.runtime.security_modules().await;
        let registration = Registration {
            cluster: configured.clone(),
            client_token: self.host.ids.uuid(),
            instance_arn: known.as_ref().map(|known| known.arn.clone()),
            attributes: self.host.config.registered_attributes(&security_modules),
            resources: self.offered(),
        };
        let registered = match self.register_until_answered(&registration).await {
            // Deregistered is final for the instance, not for the host.
            Err(AgentError::Refused(error)) if known.is_some() && error.is_inactive_instance() => {
                tracing::warn!(%error, "what is left here is ended, and the host registered as a new instance");
                tasks.end_orphans().await;
                let anew = Registration { instance_arn: None, ..registration };
                self.register_until_answered(&anew).await?
            }
            answer => answer?,
        };
        let Registered { arn, availability_zone } = registered;
        let timeline = known.filter(|known| known.arn == arn).map_or(0, |known| known.timeline);
        let instance = Instance { cluster: configured.clone(), arn, availability_zone, timeline };
        self.host.ledger.save_instance(&instance).await?;
        self.host.zone.learn(&instance);
        Ok(instance)
    }

    /// What the configuration says, and the GPUs that are there.
    fn offered(&self) -> Resources {
        let mut resources = self.host.config.resources.clone();
        resources.gpus.extend(self.host.gpus.ids());
        resources
    }

    /// What is refused for good ends the agent (Amazon ECS agent: exit code 5).
    async fn register_until_answered(&self, registration: &Registration) -> Result<Registered, AgentError> {
        let mut backoff = Backoff::standard();
        loop {
            match self.host.upstream.register(registration).await {
                Ok(registered) => return Ok(registered),
                Err(error)
                    if matches!(error.code(), Some("InvalidParameterException" | "ClientException")) =>
                {
                    return Err(AgentError::Refused(error));
                }
                Err(error) => tracing::warn!(%error, "the registration is tried again"),
            }
            backoff.wait(&*self.host.ids).await;
        }
    }

    async fn discover(&self, instance: &Instance) -> Endpoints {
        let mut backoff = Backoff::standard();
        loop {
            match self.host.upstream.discover(&self.host.config.cluster, &instance.arn).await {
                Ok(endpoints) => return endpoints,
                Err(error) => tracing::warn!(%error, "the poll endpoints are asked for again"),
            }
            backoff.wait(&*self.host.ids).await;
        }
    }
}
