//! The OCI distribution protocol, as far as pulling needs it.
//!
//! `oci-client` reads references and does the authentication dance. The requests are ours, since everything that a
//! registry answers is bounded here: manifests by size, blobs by their descriptor, and all of it by time.

use crate::digest::{Digest, Hasher};
use crate::manifest::{Descriptor, MANIFEST_TYPES, MAX_MANIFEST_BYTES};
use crate::reference::is_local;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;

/// For a connection to be there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For the next bytes of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Of an error's body, in bytes.
const MAX_ERROR_BYTES: u64 = 16 << 10;
const USER_AGENT: &str = concat!("wharf/", env!("CARGO_PKG_VERSION"));
const DIGEST_HEADER: &str = "docker-content-digest";

/// How to authenticate to a registry.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User's name.
    pub username: String,
    /// Password or access token.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Why a registry did not give what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error("failed to do request: {request}: {cause}")]
    Unreachable { request: String, cause: String },
    #[error("{0}: not found")]
    NotFound(String),
    #[error("pull access denied, repository does not exist or may require authorization: {0}")]
    Denied(String),
    #[error("unexpected status from {request}: {status}{detail}")]
    Status { request: String, status: StatusCode, detail: String },
    #[error("{0}")]
    Content(String),
    #[error("cannot write: {0}")]
    Host(#[from] io::Error),
}

impl RegistryError {
    /// Asking once more may help.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            RegistryError::Unreachable { .. } => true,
            RegistryError::Status { status, .. } => {
                status.is_server_error()
                    || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(status)
            }
            _ => false,
        }
    }
}

/// All registries. Clients are made when they are first needed: a host without certificates can do without them.
pub(crate) struct Registry {
    local: OnceLock<Clients>,
    remote: OnceLock<Clients>,
    credentials: BTreeMap<String, Credentials>,
}

struct Clients {
    http: reqwest::Client,
    auth: OnceLock<oci_client::Client>,
    local: bool,
}

impl Clients {
    fn new(local: bool) -> Result<Clients, RegistryError> {
        let builder = || {
            reqwest::Client::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(READ_TIMEOUT)
                .user_agent(USER_AGENT)
        };
        let http = if local {
            // A proxy's localhost is not ours. And plain HTTP goes without the host's certificates.
            let trusting = || builder().no_proxy();
            trusting().build().or_else(|_| trusting().tls_certs_only([]).build())
        } else {
            builder().build()
        };
        let http =
            http.map_err(|error| RegistryError::Content(format!("cannot use TLS: {}", root_cause(&error))))?;
        Ok(Clients { http, auth: OnceLock::new(), local })
    }

    fn scheme(&self) -> &'static str {
        if self.local { "http" } else { "https" }
    }

    fn auth(&self) -> Result<&oci_client::Client, RegistryError> {
        if let Some(client) = self.auth.get() {
            return Ok(client);
        }
        let config = ClientConfig {
            protocol: if self.local { ClientProtocol::Http } else { ClientProtocol::Https },
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            user_agent: USER_AGENT,
            ..ClientConfig::default()
        };
        let client =
            oci_client::Client::try_from(config).map_err(|error| RegistryError::Denied(error.to_string()))?;
        Ok(self.auth.get_or_init(|| client))
    }
}

impl Registry {
    pub(crate) fn new(credentials: BTreeMap<String, Credentials>) -> Registry {
        Registry { local: OnceLock::new(), remote: OnceLock::new(), credentials }
    }

    /// A repository, to pull from; without a request yet.
    pub(crate) fn repository<'a>(
        &'a self,
        reference: &'a Reference,
    ) -> Result<Repository<'a>, RegistryError> {
        let local = is_local(reference.registry());
        let cell = if local { &self.local } else { &self.remote };
        let clients = match cell.get() {
            Some(clients) => clients,
            None => {
                let clients = Clients::new(local)?;
                cell.get_or_init(|| clients)
            }
        };
        let credentials = match self.credentials.get(reference.registry()) {
            Some(found) => RegistryAuth::Basic(found.username.clone(), found.password.clone()),
            None => RegistryAuth::Anonymous,
        };
        Ok(Repository { reference, clients, credentials, authorization: Mutex::new(None) })
    }
}

/// One repository during one pull.
pub(crate) struct Repository<'a> {
    reference: &'a Reference,
    clients: &'a Clients,
    credentials: RegistryAuth,
    authorization: Mutex<Option<HeaderValue>>,
}

impl Repository<'_> {
    /// The digest that the reference stands for now.
    pub(crate) async fn resolve(&self) -> Result<Digest, RegistryError> {
        if let Some(digest) = self.reference.digest() {
            return parse_digest(digest);
        }
        let tag = self.reference.tag().unwrap_or("latest");
        let url = self.url("manifests", tag);
        let head = self.send(Method::HEAD, &url).await;
        match head.map(|response| response.headers().get(DIGEST_HEADER).cloned()) {
            Ok(Some(digest)) => parse_digest(&String::from_utf8_lossy(digest.as_bytes())),
            // Some registries leave the header out, or know no HEAD.
            Ok(None) | Err(RegistryError::Status { status: StatusCode::METHOD_NOT_ALLOWED, .. }) => {
                let response = self.send(Method::GET, &url).await?;
                Ok(Digest::of(&read_bounded(response, MAX_MANIFEST_BYTES, &url).await?))
            }
            Err(error) => Err(error),
        }
    }

    /// A manifest or an index, verified.
    pub(crate) async fn manifest(&self, digest: &Digest) -> Result<Vec<u8>, RegistryError> {
        let url = self.url("manifests", digest.as_str());
        let response = self.send(Method::GET, &url).await?;
        let content = read_bounded(response, MAX_MANIFEST_BYTES, &url).await?;
        verify("manifest", digest, &Digest::of(&content))?;
        Ok(content)
    }

    /// A small blob, verified.
    pub(crate) async fn blob(&self, blob: &Descriptor, max: u64) -> Result<Vec<u8>, RegistryError> {
        if blob.size > max {
            return Err(RegistryError::Content(format!(
                "{} has {} bytes, more than {max}",
                blob.digest, blob.size
            )));
        }
        let url = self.url("blobs", blob.digest.as_str());
        let content = read_bounded(self.send(Method::GET, &url).await?, blob.size, &url).await?;
        verify("blob", &blob.digest, &Digest::of(&content))?;
        Ok(content)
    }

    /// Writes a blob into an empty file, verified; hashed on its way.
    pub(crate) async fn download(&self, blob: &Descriptor, file: std::fs::File) -> Result<(), RegistryError> {
        let url = self.url("blobs", blob.digest.as_str());
        let mut response = self.send(Method::GET, &url).await?;
        let mut file = tokio::fs::File::from_std(file);
        let mut hasher = Hasher::default();
        let mut size = 0;
        while let Some(bytes) =
            response.chunk().await.map_err(|error| unreachable_by(&Method::GET, &url, &error))?
        {
            size += bytes.len() as u64;
            if size > blob.size {
                break;
            }
            hasher.update(&bytes);
            file.write_all(&bytes).await?;
        }
        file.flush().await?;
        if size != blob.size {
            let (digest, expected) = (&blob.digest, blob.size);
            return Err(RegistryError::Content(format!(
                "{digest} has not the {expected} bytes that its manifest says"
            )));
        }
        verify("blob", &blob.digest, &hasher.finish())
    }

    fn url(&self, kind: &str, name: &str) -> String {
        let registry = self.reference.resolve_registry();
        format!("{}://{registry}/v2/{}/{kind}/{name}", self.clients.scheme(), self.reference.repository())
    }

    /// Sends a request, authenticating when the registry wants it. Answers only with success.
    async fn send(&self, method: Method, url: &str) -> Result<Response, RegistryError> {
        let authorization = self.authorization.lock().await.clone();
        let mut response = self.send_as(&method, url, authorization.as_ref()).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let authorization = self.authorize(authorization).await?;
            response = self.send_as(&method, url, Some(&authorization)).await?;
        }
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        Err(match status {
            StatusCode::NOT_FOUND => RegistryError::NotFound(self.reference.whole()),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => RegistryError::Denied(format!(
                "authorization failed: {status}{}",
                error_detail(response).await
            )),
            _ => RegistryError::Status {
                request: describe(&method, url),
                status,
                detail: error_detail(response).await,
            },
        })
    }

    async fn send_as(
        &self,
        method: &Method,
        url: &str,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, RegistryError> {
        let mut request = self.clients.http.request(method.clone(), url);
        if url.contains("/manifests/") {
            request = request.header(ACCEPT, MANIFEST_TYPES.join(", "));
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.send().await.map_err(|error| unreachable_by(method, url, &error))
    }

    /// A fresh authorization; one for all who found the same one stale.
    async fn authorize(&self, stale: Option<HeaderValue>) -> Result<HeaderValue, RegistryError> {
        let mut current = self.authorization.lock().await;
        if let Some(fresh) = current.clone().filter(|fresh| Some(fresh) != stale.as_ref()) {
            return Ok(fresh);
        }
        let denied = |cause: String| RegistryError::Denied(cause);
        let token =
            self.clients.auth()?.auth(self.reference, &self.credentials, RegistryOperation::Pull).await;
        let text = match (token.map_err(|error| denied(error.to_string()))?, &self.credentials) {
            (Some(token), _) => format!("Bearer {token}"),
            (None, RegistryAuth::Basic(username, password)) => basic(username, password),
            (None, _) => return Err(denied("authorization failed: no basic auth credentials".to_owned())),
        };
        let mut header =
            HeaderValue::try_from(text).map_err(|_| denied("the token is unusable".to_owned()))?;
        header.set_sensitive(true);
        *current = Some(header.clone());
        Ok(header)
    }
}

fn basic(username: &str, password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}")))
}

fn parse_digest(text: &str) -> Result<Digest, RegistryError> {
    Digest::try_from(text.to_owned()).map_err(|error| RegistryError::Content(error.to_string()))
}

fn verify(what: &str, expected: &Digest, actual: &Digest) -> Result<(), RegistryError> {
    if actual == expected {
        return Ok(());
    }
    Err(RegistryError::Content(format!("{what} has the digest {actual}, not {expected}")))
}

async fn read_bounded(mut response: Response, max: u64, url: &str) -> Result<Vec<u8>, RegistryError> {
    let mut content = Vec::new();
    while let Some(bytes) =
        response.chunk().await.map_err(|error| unreachable_by(&Method::GET, url, &error))?
    {
        if (content.len() + bytes.len()) as u64 > max {
            return Err(RegistryError::Content(format!("{url} has more than {max} bytes")));
        }
        content.extend_from_slice(&bytes);
    }
    Ok(content)
}

/// What the registry itself says of an error (OCI distribution specification, "Error Codes").
async fn error_detail(response: Response) -> String {
    #[derive(Deserialize)]
    struct Body {
        errors: Vec<Detail>,
    }
    #[derive(Deserialize)]
    struct Detail {
        code: String,
        #[serde(default)]
        message: String,
    }
    let body = read_bounded(response, MAX_ERROR_BYTES, "").await.unwrap_or_default();
    match serde_json::from_slice::<Body>(&body).map(|body| body.errors.into_iter().next()) {
        Ok(Some(first)) => format!(": {}: {}", first.code.to_lowercase(), first.message),
        _ => String::new(),
    }
}

/// `Head "https://…"`, as ECS shows requests.
pub(crate) fn describe(method: &Method, url: &str) -> String {
    let method = if *method == Method::HEAD { "Head" } else { "Get" };
    format!("{method} \"{url}\"")
}

fn unreachable_by(method: &Method, url: &str, error: &reqwest::Error) -> RegistryError {
    let cause = if error.is_timeout() { "i/o timeout".to_owned() } else { root_cause(error) };
    RegistryError::Unreachable { request: describe(method, url), cause }
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
