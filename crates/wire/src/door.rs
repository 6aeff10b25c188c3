//! The one entry of every AWS request, independent of any socket.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use model::time::{Clock, IdSource};

use crate::event_stream;
use crate::generated::Backends;
use crate::route::Route;
use crate::service::{Encoding, Protocol, Reply, Service};
use crate::sigv4::{Keys, sha256_hex};
use crate::{ApiError, BODY_LIMIT, Body, Cx, auth, cbor, check, compression, error, json, response};

/// Verifies, checks, decodes, calls and encodes. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    backends: Backends,
    keys: Arc<dyn Keys>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

/// The body as it was sent, before it was decompressed.
struct Sent {
    sha256: String,
    bytes: usize,
}

/// Collects what a [`Door`] needs. There is one method for each service; one that is not given answers that it is
/// not implemented.
pub struct Builder {
    pub(crate) backends: Backends,
    keys: Arc<dyn Keys>,
    clock: Option<Arc<dyn Clock>>,
    ids: Arc<dyn IdSource>,
}

impl Door {
    /// A door without services, without keys.
    pub fn builder() -> Builder {
        Builder {
            backends: Backends::default(),
            keys: Arc::new(NoKeys),
            clock: None,
            ids: Arc::new(RandomIds),
        }
    }

    /// Answers one request. Every outcome is a response in the form of the service's protocol; the body must have
    /// been read whole, and one larger than [`BODY_LIMIT`] is refused.
    pub async fn handle(&self, parts: Parts, body: Bytes) -> Response<Body> {
        let request_id = self.ids.uuid();
        match self.answer(&parts, body, &request_id).await {
            Ok(response) => response,
            Err(error) => response::stranger(&parts, &error, &request_id).map(Body::from),
        }
    }

    /// Fails for a request that means no service.
    async fn answer(&self, parts: &Parts, body: Bytes, request_id: &str) -> Result<Response<Body>, ApiError> {
        if body.len() > BODY_LIMIT {
            return Err(error::request_too_large());
        }
        let sent = Sent { sha256: sha256_hex(&body), bytes: body.len() };
        let body = compression::decompress(parts, body)?;
        let route = Route::find(parts, &body)?;
        Ok(match self.call(parts, &sent, &body, &route, request_id).await {
            Ok(Reply::Whole(output)) => response::success(route.protocol, output, request_id).map(Body::from),
            Ok(Reply::Events(messages)) => {
                let mut response = response::success(route.protocol, Bytes::new(), request_id);
                let content_type = HeaderValue::from_static(event_stream::CONTENT_TYPE);
                response.headers_mut().insert(CONTENT_TYPE, content_type);
                response.map(|_| Body::from(messages))
            }
            Err(error) => {
                log(&route, &error, request_id);
                response::failure(route.service, route.protocol, &error, request_id).map(Body::from)
            }
        })
    }

    async fn call(
        &self,
        parts: &Parts,
        sent: &Sent,
        body: &[u8],
        route: &Route,
        request_id: &str,
    ) -> Result<Reply, ApiError> {
        let service = route.service;
        let now = self.clock.now();
        let cx = auth::authenticate(parts, &sent.sha256, service, now, &*self.keys, request_id)?;
        let operation = route.operation()?;
        service.check_size(operation, sent.bytes)?;
        let (mut input, encoding) = match (route.protocol, &route.form) {
            (Protocol::Query { namespace }, Some(form)) => {
                (form.input(operation.input), Encoding::Query { namespace, request_id })
            }
            (Protocol::Cbor { .. }, _) => (cbor::parse(body)?, Encoding::Cbor),
            _ => (json::parse(body)?, Encoding::Json),
        };
        check::check(service, operation.input, &mut input)?;
        self.backends.call(service, &cx, operation, input, &encoding).await
    }

    /// Verifies the signature of a request that is not an API call: the websocket upgrades of agents, and the
    /// frames that they sign one by one. `body_sha256` is that of the body in lower-case hexadecimal digits.
    pub fn authenticate(&self, parts: &Parts, body_sha256: &str, service: &Service) -> Result<Cx, ApiError> {
        let request_id = self.ids.uuid();
        auth::authenticate(parts, body_sha256, service, self.clock.now(), &*self.keys, &request_id)
    }

    /// An error as a response of `service`, for requests that do not go through [`Door::handle`].
    pub fn refuse(&self, service: &Service, error: &ApiError) -> Response<Bytes> {
        response::failure(service, service.first_protocol(), error, &self.ids.uuid())
    }
}

impl Builder {
    /// The access keys that may sign.
    #[must_use]
    pub fn keys(mut self, keys: Arc<dyn Keys>) -> Self {
        self.keys = keys;
        self
    }

    /// The clock that signatures are compared with.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Where request ids come from; random ones if not given.
    #[must_use]
    pub fn ids(mut self, ids: Arc<dyn IdSource>) -> Self {
        self.ids = ids;
        self
    }

    /// The door.
    ///
    /// # Panics
    /// Without a clock: that is a mistake of the program, not of its input.
    pub fn build(self) -> Door {
        let clock = self.clock.expect("a door needs a clock");
        Door { backends: self.backends, keys: self.keys, clock, ids: self.ids }
    }
}

fn log(route: &Route, error: &ApiError, request_id: &str) {
    let (service, operation, code) = (route.service.name, &route.operation, error.code);
    let internal = error.internal.as_deref();
    if error.status >= 500 {
        tracing::error!(service, operation, code, request_id, internal, "request failed");
    } else {
        tracing::debug!(
            service,
            operation,
            code,
            request_id,
            internal,
            message = error.message,
            "request refused"
        );
    }
}

struct NoKeys;

impl Keys for NoKeys {
    fn find(&self, _: &str) -> Option<crate::sigv4::Key> {
        None
    }
}

struct RandomIds;

impl IdSource for RandomIds {
    fn next_u128(&self) -> u128 {
        uuid::Uuid::new_v4().as_u128()
    }
}
