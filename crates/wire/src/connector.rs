//! How every client reaches an endpoint, the agent's websockets too: over TCP, and over TLS when the URL says `https`.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use model::time::Clock;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tower_service::Service;

/// The name in every Wharf's certificate, beside those of its host. An agent asks for this one: whose the server is
/// follows from its authority, and its address may change or be translated.
pub const SERVER_NAME: &str = "server.wharf.internal";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// TCP and TLS.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Whose certificate a server has to show when the URL says `https`.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'a> {
    /// Nobody's: `http` alone.
    Nobody,
    /// One for the URL's host, signed by one of these authorities: a PEM file, as in `AWS_CA_BUNDLE`.
    Authorities(&'a str),
    /// A Wharf's, signed by this authority, in PEM.
    Wharf(&'a str),
    /// A Wharf's, signed by the authority that it sends along, of whose certificate this is the SHA-256.
    Fingerprint([u8; 32]),
}

/// Opens connections. Cheap to clone; clones resume each other's TLS sessions.
#[derive(Clone)]
pub struct Connector {
    http: HttpsConnector<HttpConnector>,
    is_tls: bool,
}

/// An open connection, as hyper reads it.
type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;

/// An open connection, as tokio reads it.
pub type Stream = TokioIo<Connection>;

impl Connector {
    /// A connector that trusts so; certificates are valid or not by `clock`.
    ///
    /// # Errors
    /// The PEM has no certificate in it, or one that is unreadable.
    pub fn new(trust: Trust<'_>, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let time = Arc::new(ClockTime(clock));
        let config = ClientConfig::builder_with_details(provider.clone(), time)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let config = match trust {
            Trust::Nobody => config.with_root_certificates(RootCertStore::empty()),
            Trust::Authorities(pem) | Trust::Wharf(pem) => config.with_root_certificates(roots(pem)?),
            Trust::Fingerprint(fingerprint) => {
                let verifier = AuthorityByFingerprint { fingerprint, provider };
                config.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
            }
        };
        let builder =
            HttpsConnectorBuilder::new().with_tls_config(config.with_no_client_auth()).https_or_http();
        let builder = match trust {
            Trust::Nobody | Trust::Authorities(_) => builder,
            Trust::Wharf(_) | Trust::Fingerprint(_) => {
                let name = ServerName::try_from(SERVER_NAME).map_err(io::Error::other)?;
                builder.with_server_name_resolver(FixedServerNameResolver::new(name))
            }
        };
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let http = builder.enable_http1().wrap_connector(tcp);
        Ok(Self { http, is_tls: !matches!(trust, Trust::Nobody) })
    }

    /// Connects to the host and port of an `http` or `https` URL.
    ///
    /// # Errors
    /// The host is not there or refuses, or its certificate is not trusted.
    pub async fn connect(&self, uri: Uri) -> io::Result<Stream> {
        self.clone().call(uri).await.map(TokioIo::new)
    }

    /// Whether it can be used for such a URL: there is no `https` without somebody to trust.
    pub(crate) fn takes(&self, uri: &Uri) -> Result<(), &'static str> {
        match uri.scheme_str() {
            _ if uri.authority().is_none() => Err("the endpoint must be an http:// or https:// URL"),
            Some("http") => Ok(()),
            Some("https") if self.is_tls => Ok(()),
            Some("https") => {
                Err("https needs the certificate of the server's authority: set AWS_CA_BUNDLE to its file")
            }
            _ => Err("the endpoint must be an http:// or https:// URL"),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Connection>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.http.poll_ready(cx).map_err(io::Error::other)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.http.call(uri);
        Box::pin(async move {
            match tokio::time::timeout(OPEN_TIMEOUT, connecting).await {
                Ok(connected) => connected.map_err(io::Error::other),
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "nobody answers")),
            }
        })
    }
}

fn roots(pem: &str) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    match roots.is_empty() {
        true => Err(io::Error::new(io::ErrorKind::InvalidData, "there is no certificate in it")),
        false => Ok(roots),
    }
}

/// Time comes from whoever made the connector, as all time does.
struct ClockTime(Arc<dyn Clock>);

impl fmt::Debug for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClockTime")
    }
}

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let ms = u64::try_from(self.0.now().0).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(ms)))
    }
}

/// Trusts the one authority that has the fingerprint, which the server sends after its own certificate.
#[derive(Debug)]
struct AuthorityByFingerprint {
    fingerprint: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AuthorityByFingerprint {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let is_ours = |sent: &&CertificateDer<'_>| Sha256::digest(sent.as_ref())[..] == self.fingerprint;
        let unknown = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let authority = chain.iter().find(is_ours).ok_or_else(unknown)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone()).build();
        verifier.map_err(|_| unknown())?.verify_server_cert(certificate, &[], name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
