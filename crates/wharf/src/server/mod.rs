//! The control plane put together: store, APIs, door, controllers, listener.

mod certificate;
mod joining;
mod keys;
mod listener;
mod metric_sink;

pub use keys::ACCOUNT;

use crate::clock::{RandomIds, SystemClock};
use crate::data_dir::{DataDir, Endpoint};
use crate::join::JoinTokens;
use anyhow::{Context, Result, bail};
use certificate::{CertificateAuthority, ServerCertificate};
use control::{Control, ControlConfig};
use joining::Joining;
use keys::{StoreKeys, ensure_first_key};
use listener::{Listener, Routes};
use metric_sink::MetricStore;
use model::time::Clock as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use store::redb::RedbJournal;
use store::{Committer, Store, StoreError};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use wire::Door;

/// How a control plane is started.
pub struct ServerConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Whether local keys are trusted.
    pub trust_local_keys: bool,
    /// The region of the container instance and of `wharf env`; that of the first start when absent.
    pub region: Option<String>,
    /// Names and addresses in the server's certificate beside those of the host.
    pub tls_names: Vec<String>,
    /// Whether other machines may speak plain HTTP.
    pub allow_plain_http: bool,
    /// How long an agent may be silent before it counts as disconnected; the control plane's default when absent.
    pub agent_lost_after: Option<Duration>,
}

impl ServerConfig {
    /// For this machine alone, on any free port.
    pub fn loopback() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 0).into(),
            trust_local_keys: false,
            region: None,
            tls_names: Vec::new(),
            allow_plain_http: false,
            agent_lost_after: None,
        }
    }

    fn check(&self) -> Result<()> {
        if self.listen.ip().is_loopback() {
            return Ok(());
        }
        if self.trust_local_keys {
            bail!("--trust-local-keys is for loopback addresses only, and {} is none", self.listen.ip());
        }
        if self.allow_plain_http {
            tracing::warn!("other machines may speak plain HTTP: whoever is on the way reads what they send");
        }
        Ok(())
    }
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
    tls: TlsAcceptor,
}

impl Server {
    /// Opens the store and binds the listener; nothing is served before [`Server::run`].
    pub async fn open(data: &DataDir, config: ServerConfig) -> Result<Self> {
        config.check()?;
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
            region: region.clone(),
            authority: None,
            listens_on: Some(listener.address),
            joined_with: None,
        };
        let allow_plain_http = config.allow_plain_http;
        let (joining, tls) = open_to_others(data, &store, region, config.tls_names)?;
        let keys = Arc::new(StoreKeys { store: store.clone(), trust_local_keys: config.trust_local_keys });
        let times = ControlConfig::default();
        let config = match config.agent_lost_after {
            Some(silence) => times.with_silence_max(silence),
            None => times,
        };
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
            .iam(Arc::new(api_iam::Iam::new(store.clone())))
            .sts(Arc::new(api_sts::Sts))
            .build();
        let routes = Arc::new(Routes { door, control: control.clone(), joining, allow_plain_http });
        Ok(Self { endpoint, store, control, ecs, logs, metrics, routes, listener, tls })
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
        self.listener.serve(self.routes, self.tls, until(shutdown)).await;
    }
}

/// What other machines need: TLS, and a way in for their agents.
fn open_to_others(
    data: &DataDir,
    store: &Store,
    region: String,
    tls_names: Vec<String>,
) -> Result<(Joining, TlsAcceptor)> {
    let clock = Arc::new(SystemClock);
    let authority =
        CertificateAuthority::open(data, clock.now()).context("opening the certificate authority")?;
    let joining = Joining {
        store: store.clone(),
        clock: clock.clone(),
        ids: Arc::new(RandomIds),
        tokens: JoinTokens::under(data.join_tokens()),
        authority: authority.pem().to_owned(),
        region,
    };
    Ok((joining, acceptor(ServerCertificate::new(authority, tls_names, clock)?)?))
}

/// TLS with this certificate, for HTTP of either version.
fn acceptor(certificate: ServerCertificate) -> Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificate));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
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
