//! The other end of the door: a signing client with the generated methods of each service.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as Http;
use hyper_util::rt::TokioExecutor;
use model::time::Clock;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::query;
use crate::service::{Operation, Protocol, Service};
use crate::sigv4::{Request, sha256_hex, sign};
use crate::xml;

pub use crate::connector::{Connector, SERVER_NAME, Stream, Trust};
pub use crate::sigv4::Credentials;

/// The largest answer in bytes that a client reads.
const ANSWER_LIMIT: usize = 64 << 20;

/// Signs and sends requests to one endpoint. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    http: Http<Connector, Full<Bytes>>,
    endpoint: Uri,
    credentials: Credentials,
    region: String,
    clock: Arc<dyn Clock>,
    timeout: Option<Duration>,
}

/// Why a call gave no output.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The service answered with an error.
    #[error("{code}: {message}")]
    Service {
        /// AWS's code, without a namespace.
        code: String,
        /// What went wrong.
        message: String,
        /// The HTTP status.
        status: u16,
    },
    /// The request did not reach the service, or its answer did not come back; it may have been carried out.
    #[error("{0}")]
    Transport(String),
    /// The answer is not what the protocol says.
    #[error("unreadable answer: {0}")]
    Unreadable(String),
}

impl ClientError {
    /// The code of a service's error.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Service { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether the same call may succeed later: no connection, throttling, or a fault of the service.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Service { status, code, .. } => *status >= 500 || code.contains("Throttl"),
            Self::Transport(_) => true,
            Self::Unreadable(_) => false,
        }
    }
}

impl Client {
    /// A client for `endpoint`, an `http` or `https` URL without a query, which `connector` reaches.
    ///
    /// # Errors
    /// It is no such URL, or `https` and the connector trusts nobody.
    pub fn new(
        endpoint: &str,
        connector: &Connector,
        credentials: Credentials,
        region: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let wrong = |error: &dyn std::fmt::Display| ClientError::Transport(format!("{endpoint}: {error}"));
        let uri: Uri = endpoint.parse().map_err(|error| wrong(&error))?;
        connector.takes(&uri).map_err(|error| wrong(&error))?;
        let http = Http::builder(TokioExecutor::new()).build(connector.clone());
        Ok(Self { http, endpoint: uri, credentials, region: region.to_owned(), clock, timeout: None })
    }

    /// The same client, whose calls fail when they are not answered within this time, connecting included. Without it they
    /// wait for as long as the connection lasts.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// The same client, signing for another region. They share connections.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Self { region: region.to_owned(), ..self.clone() }
    }

    /// The headers that make a GET of `url` a signed request for `service`: what a websocket upgrade carries.
    pub fn sign_get(&self, url: &str, service: &Service) -> Result<HeaderMap, ClientError> {
        let uri: Uri = url.parse().map_err(|error| ClientError::Transport(format!("{url}: {error}")))?;
        let mut headers = HeaderMap::new();
        self.sign(&Method::GET, &uri, &mut headers, b"", service);
        Ok(headers)
    }

    /// Calls one operation. The generated methods of the services are the typed form of this.
    pub(crate) async fn call<I: Serialize, O: DeserializeOwned>(
        &self,
        service: &'static Service,
        operation: &str,
        input: &I,
    ) -> Result<O, ClientError> {
        let operation = service.operation(operation).expect("generated methods name implemented operations");
        let (mut headers, body) = encode(service, operation, input)?;
        let (status, body) = {
            self.sign(&Method::POST, &self.endpoint, &mut headers, &body, service);
            self.send_in_time(headers, body).await?
        };
        if !(200..300).contains(&status) {
            return Err(service_error(service, status, &body));
        }
        decode(service, operation, &body).map_err(ClientError::Unreadable)
    }

    fn sign(&self, method: &Method, uri: &Uri, headers: &mut HeaderMap, body: &[u8], service: &Service) {
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        if let Ok(host) = HeaderValue::from_str(authority) {
            headers.insert(HOST, host);
        }
        let request = Request {
            method: method.as_str(),
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            headers,
            authority: Some(authority),
            body_sha256: &sha256_hex(body),
        };
        let added = sign(&request, &self.credentials, &self.region, service.signing_name, self.clock.now());
        headers.extend(added);
    }

    async fn send_in_time(&self, headers: HeaderMap, body: Bytes) -> Result<(u16, Bytes), ClientError> {
        let Some(timeout) = self.timeout else { return self.send(headers, body).await };
        tokio::time::timeout(timeout, self.send(headers, body)).await.unwrap_or_else(|_| {
            let text = format!("no answer from {} within {} s", self.endpoint, timeout.as_secs());
            Err(ClientError::Transport(text))
        })
    }

    async fn send(&self, headers: HeaderMap, body: Bytes) -> Result<(u16, Bytes), ClientError> {
        let mut request = http::Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        *request.headers_mut() = headers;
        let response = self.http.request(request).await.map_err(|error| {
            ClientError::Transport(format!("no answer from {}: {}", self.endpoint, chain(&error)))
        })?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
        let body = body.map_err(|error| ClientError::Transport(chain(&*error)))?;
        Ok((status, body.to_bytes()))
    }
}

fn encode<I: Serialize>(
    service: &Service,
    operation: &Operation,
    input: &I,
) -> Result<(HeaderMap, Bytes), ClientError> {
    let unreadable = |error: serde_json::Error| ClientError::Unreadable(error.to_string());
    let mut headers = HeaderMap::new();
    let (content_type, body) = match json_target(service) {
        Some((version, target_prefix)) => {
            let target = format!("{target_prefix}.{}", operation.name);
            if let Ok(target) = HeaderValue::from_str(&target) {
                headers.insert(HeaderName::from_static("x-amz-target"), target);
            }
            (format!("application/x-amz-json-{version}"), serde_json::to_vec(input).map_err(unreadable)?)
        }
        None => {
            let input = serde_json::to_value(input).map_err(unreadable)?;
            let form = query::encode(operation.name, service.api_version, operation.input, &input);
            ("application/x-www-form-urlencoded; charset=utf-8".to_owned(), form.into_bytes())
        }
    };
    if let Ok(value) = HeaderValue::from_str(&content_type) {
        headers.insert(CONTENT_TYPE, value);
    }
    Ok((headers, Bytes::from(body)))
}

/// The version and the target prefix for a service that speaks JSON. To the others this client speaks query.
fn json_target(service: &Service) -> Option<(&'static str, &'static str)> {
    service.protocols.iter().find_map(|protocol| match protocol {
        Protocol::Json { version, target_prefix } => Some((*version, *target_prefix)),
        _ => None,
    })
}

fn decode<O: DeserializeOwned>(service: &Service, operation: &Operation, body: &[u8]) -> Result<O, String> {
    let output = match json_target(service) {
        _ if body.is_empty() => serde_json::from_str("{}"),
        Some(_) => serde_json::from_slice(body),
        None => serde_json::from_value(xml::parse(operation, body)?),
    };
    output.map_err(|error| error.to_string())
}

fn service_error(service: &Service, status: u16, body: &[u8]) -> ClientError {
    let (code, message) = match json_target(service) {
        Some(_) => {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            let field = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
            (field("__type"), field("message").or_else(|| field("Message")))
        }
        None => xml::parse_error(body),
    };
    let code = code.unwrap_or_else(|| "UnknownError".to_owned());
    let code = code.rsplit('#').next().unwrap_or_default().to_owned();
    ClientError::Service { code, message: message.unwrap_or_default(), status }
}

/// An error with its causes: hyper's own text says only "client error (Connect)".
fn chain(error: &dyn std::error::Error) -> String {
    let texts: Vec<String> =
        std::iter::successors(Some(error), |error| error.source()).map(|error| error.to_string()).collect();
    texts.join(": ")
}
