//! CloudWatch Logs for the awslogs driver: signed with each task's execution role.

use crate::aws::CALL_TIMEOUT;
use crate::vault::Vault;
use agent_driver::{AwslogsSpec, LogEvent, LogSink, RuntimeId, SinkError};
use async_trait::async_trait;
use model::time::Clock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wire::client::{Client, ClientError, Connector, Credentials};
use wire::logs::{CreateLogGroupRequest, CreateLogStreamRequest, InputLogEvent, PutLogEventsRequest};

/// After a restart the control plane sends credentials within the first messages of a session.
const CREDENTIALS_WAIT: Duration = Duration::from_secs(10);

/// Sends log events to the control plane's public endpoint.
pub struct WireSink {
    endpoint: String,
    connector: Connector,
    vault: Vault,
    clock: Arc<dyn Clock>,
    /// By access key and session token, because clients hold connections.
    clients: Mutex<BTreeMap<(String, Option<String>), Client>>,
}

impl WireSink {
    /// A sink that signs with what is in `vault`.
    pub fn new(endpoint: &str, connector: Connector, vault: Vault, clock: Arc<dyn Clock>) -> Self {
        Self { endpoint: endpoint.to_owned(), connector, vault, clock, clients: Mutex::default() }
    }

    async fn client(&self, id: &RuntimeId, spec: &AwslogsSpec) -> Result<Client, SinkError> {
        let task = id.0.rsplit_once('-').map_or(id.0.as_str(), |(task, _)| task);
        let credentials = tokio::time::timeout(CREDENTIALS_WAIT, self.vault.wait_for(task));
        let missing =
            |_| SinkError::Retry("the task's execution role credentials have not arrived".to_owned());
        let client = self.client_with(credentials.await.map_err(missing)?, &spec.region)?;
        Ok(client.in_region(&spec.region))
    }

    fn client_with(&self, credentials: Credentials, region: &str) -> Result<Client, SinkError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (credentials.access_key.clone(), credentials.session_token.clone());
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        // Temporary keys come and go; what is still in use makes itself a new client.
        if clients.len() >= CLIENTS_MAX {
            clients.clear();
        }
        let client = Client::new(&self.endpoint, &self.connector, credentials, region, self.clock.clone());
        let client = client.map_err(|error| SinkError::Refused(error.to_string()))?;
        let client = client.with_timeout(CALL_TIMEOUT);
        clients.insert(key, client.clone());
        Ok(client)
    }
}

const CLIENTS_MAX: usize = 64;

#[async_trait]
impl LogSink for WireSink {
    async fn ensure_stream(&self, id: &RuntimeId, spec: &AwslogsSpec) -> Result<(), SinkError> {
        let client = self.client(id, spec).await?;
        if spec.create_group {
            let request = CreateLogGroupRequest { log_group_name: spec.group.clone(), tags: None };
            existing_is_fine(client.logs().create_log_group(&request).await)?;
        }
        let request = CreateLogStreamRequest {
            log_group_name: spec.group.clone(),
            log_stream_name: spec.stream.clone(),
        };
        existing_is_fine(client.logs().create_log_stream(&request).await)
    }

    async fn put(&self, id: &RuntimeId, spec: &AwslogsSpec, events: &[LogEvent]) -> Result<(), SinkError> {
        let client = self.client(id, spec).await?;
        let event = |e: &LogEvent| InputLogEvent { message: e.message.clone(), timestamp: e.at_unix_ms };
        let request = PutLogEventsRequest {
            log_events: events.iter().map(event).collect(),
            log_group_name: spec.group.clone(),
            log_stream_name: spec.stream.clone(),
            sequence_token: None,
        };
        let answer = client.logs().put_log_events(&request).await.map_err(sink_error)?;
        if let Some(rejected) = answer.rejected_log_events_info {
            tracing::warn!(stream = spec.stream, ?rejected, "log events were rejected");
        }
        Ok(())
    }
}

fn existing_is_fine<T>(result: Result<T, ClientError>) -> Result<(), SinkError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("ResourceAlreadyExistsException") => Ok(()),
        Err(error) => Err(sink_error(error)),
    }
}

/// What no repetition will change is refused. Keys may be replaced, so an error about them is not of that kind.
fn sink_error(error: ClientError) -> SinkError {
    match error.code() {
        Some("ResourceNotFoundException" | "InvalidParameterException" | "ValidationException") => {
            SinkError::Refused(error.to_string())
        }
        _ => SinkError::Retry(error.to_string()),
    }
}
