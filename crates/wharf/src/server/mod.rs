//! The control plane put together: store, APIs, door, controllers, listener.

mod keys;
mod listener;
mod metric_sink;

pub use keys::ACCOUNT;

use crate::clock::{RandomIds, SystemClock};
use crate::data_dir::{DataDir, Endpoint};
use anyhow::{Context, Result, bail};
use control::{Control, ControlConfig};
use keys::{StoreKeys, ensure_first_key};
use listener::{Listener, Routes};
use metric_sink::MetricStore;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use store::redb::RedbJournal;
use store::{Committer, Store, StoreError};
use tokio::sync::watch;
use wire::Door;

/// How a control plane is started.
pub struct ServerConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Whether local keys are trusted.
    pub trust_local_keys: bool,
    /// The region of the container instance and of `wharf env`; that of the first start when absent.
    pub region: Option<String>,
}

/// The store's setting for the region of the first start: the agent's instance is registered there.
const REGION: &str = "region";
const REGION_DEFAULT: &str = "us-east-1";

/// A control plane that listens.
pub struct Server {
    /// Where, and the first administrator's key.
    pub endpoint: Endpoint,
    /// Its state; the benchmarks fill it.
    pub store: Store,
    control: Control,
    ecs: Arc<api_ecs::Ecs>,
    logs: api_logs::Logs,
    metrics: api_metrics::Metrics,
    routes: Arc<Routes>,
    listener: Listener,
}

impl Server {
    /// Opens the store and binds the listener; nothing is served before [`Server::run`].
    pub async fn open(data: &DataDir, config: ServerConfig) -> Result<Self> {
        if config.trust_local_keys && !config.listen.ip().is_loopback() {
            bail!("--trust-local-keys is for loopback addresses only, and {} is none", config.listen.ip());
        }
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
        let journal = RedbJournal::open(data.store()).context("opening the store")?;
        let store = Store::open(Box::new(journal), Committer::Thread).context("opening the store")?;
        let key = ensure_first_key(&store, &*clock, &*ids).await?;
        let region = ensure_region(&store, config.region).await?;
        let listener = Listener::bind(config.listen).await?;
        let endpoint = Endpoint {
            url: format!("http://{}", reachable(listener.address)),
            access_key_id: key.id.to_string(),
            secret_access_key: key.secret,
            region,
        };
        let keys = Arc::new(StoreKeys { store: store.clone(), trust_local_keys: config.trust_local_keys });
        let config = ControlConfig::default();
        let control = Control::new(store.clone(), clock.clone(), ids.clone(), keys.clone(), config);
        let metrics = api_metrics::Metrics::open(&data.metrics(), clock.clone())
            .context("opening the store of metrics")?;
        let sink = Arc::new(MetricStore(metrics.clone()));
        let logs = api_logs::Logs::open(store.clone(), data.logs(), clock.clone(), sink)
            .context("opening the log segments")?;
        let ecs = Arc::new(api_ecs::Ecs::new(
            store.clone(),
            clock.clone(),
            ids,
            api_ecs::EndpointPaths { acs: control::ACS_ENDPOINT_PATH, tcs: control::TCS_ENDPOINT_PATH },
            api_ecs::HostPlatform { architecture: architecture().to_owned() },
        ));
        let door = Door::builder()
            .keys(keys)
            .clock(clock)
            .ecs(ecs.clone())
            .logs(Arc::new(logs.clone()))
            .metrics(Arc::new(metrics.clone()))
            .sts(Arc::new(api_sts::Sts))
            .build();
        let routes = Arc::new(Routes { door, control: control.clone() });
        Ok(Self { endpoint, store, control, ecs, logs, metrics, routes, listener })
    }

    /// Resolves with the reason once nothing more can be saved: the disk is full, say. Only a new start helps.
    pub fn failed(&self) -> impl Future<Output = anyhow::Error> + use<> {
        let (store, metrics) = (self.store.clone(), self.metrics.failed());
        async move {
            tokio::select! {
                error = store.failed() => error.into(),
                error = metrics => error.into(),
            }
        }
    }

    /// The default cluster of the first account; AWS makes it on first use of the console.
    pub async fn ensure_default_cluster(&self) -> Result<()> {
        use wire::ecs::Api;
        let cx = wire::Cx {
            scope: model::Scope::new(ACCOUNT, &self.endpoint.region),
            caller_arn: format!("arn:aws:iam::{ACCOUNT}:root"),
            access_key: self.endpoint.access_key_id.clone(),
            request_id: String::new(),
            origin: self.endpoint.url.clone(),
            user_agent: String::new(),
        };
        let created = self.ecs.create_cluster(&cx, wire::ecs::CreateClusterRequest::default()).await;
        created.map(drop).map_err(|error| anyhow::anyhow!("creating the default cluster: {}", error.message))
    }

    /// Serves until `shutdown`; tasks go on without it.
    pub async fn run(self, shutdown: watch::Receiver<bool>) {
        let control = self.control.clone();
        let (logs, metrics) = (self.logs.clone(), self.metrics.clone());
        let retention = async {
            tokio::select! {
                () = logs.clone().keep_retention() => {}
                () = logs.keep_default_values() => {}
                () = metrics.keep_retention() => {}
                () = until(shutdown.clone()) => {}
            }
        };
        tokio::join!(control.run(until(shutdown.clone())), retention, self.run_apis(shutdown.clone()));
    }

    /// Serves the APIs alone: what is asked for is written down, and nothing comes of it.
    pub async fn run_apis(self, shutdown: watch::Receiver<bool>) {
        self.listener.serve(self.routes, until(shutdown)).await;
    }
}

/// The address at which clients on this host find a listener; one on all addresses is on loopback too.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

/// The region of the first start; asking for another one later is an error.
async fn ensure_region(store: &Store, asked: Option<String>) -> Result<String> {
    let known = store.snapshot().setting(REGION).map(str::to_owned);
    match (known, asked) {
        (Some(known), Some(asked)) if known != asked => {
            bail!(
                "this Wharf was first started in {known}, and its container instance is there; leave out --region {asked}"
            )
        }
        (Some(known), _) => Ok(known),
        (None, asked) => {
            let region = asked.unwrap_or_else(|| REGION_DEFAULT.to_owned());
            let made = region.clone();
            store
                .commit(move |tx| {
                    tx.set_setting(REGION, &made);
                    Ok::<_, StoreError>(())
                })
                .await?;
            Ok(region)
        }
    }
}

/// Resolves when `shutdown` is true, or its sender is gone.
pub async fn until(mut shutdown: watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|over| *over).await;
}

/// This host's architecture as AWS writes it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "ARM64",
        _ => "X86_64",
    }
}
